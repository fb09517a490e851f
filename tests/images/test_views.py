"""What pictures are compared by, and when two count as the same."""

from __future__ import annotations

import numpy as np
import pytest

from lc_plugins.images.views import averages, coarse


def literal(picture: np.ndarray) -> np.ndarray:
    """Average one channel whose sides are multiples of eight by a plain loop."""
    high, wide = picture.shape[0] // 8, picture.shape[1] // 8
    parts = [[picture[r * high : (r + 1) * high, c * wide : (c + 1) * wide] for c in range(8)] for r in range(8)]
    return np.array([[int(np.rint(np.round(part.mean() * 15, 6))) for part in row] for row in parts])


@pytest.mark.parametrize("shape", [(3, 3, 64, 64), (2, 1, 8, 8), (2, 1, 24, 40)])
def test_it_is_the_mean_of_each_part_on_sixteen_levels(shape: tuple[int, ...]) -> None:
    pictures = np.random.default_rng(0).random(shape)
    found = coarse(pictures)
    assert found.shape == (*shape[:2], 8, 8) and found.max() <= 15
    for picture, levels in zip(pictures.reshape(-1, *shape[2:]), found.reshape(-1, 8, 8), strict=True):
        assert (literal(picture) == levels).all()


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (7, 9), (28, 28), (100, 8), (64, 65)])
def test_a_plain_picture_of_any_size_is_plain(size: tuple[int, int]) -> None:
    for value in (0.0, 0.2, 1.0):
        assert (coarse(np.full((2, 3, *size), value, dtype=np.float32)) == round(value * 15)).all()


def test_a_row_depends_on_its_picture_alone() -> None:
    pictures = np.random.default_rng(1).random((50, 3, 28, 30)).astype(np.float32)
    whole = coarse(pictures)
    assert all((coarse(pictures[n : n + 1])[0] == whole[n]).all() for n in range(50))


def test_bytes_grey_without_a_channel_and_values_beyond_are_taken() -> None:
    pictures = np.random.default_rng(2).integers(0, 256, (4, 16, 16), dtype=np.uint8)
    assert (coarse(pictures) == coarse(pictures[:, None] / 255.0)[:, 0]).all()
    assert (coarse(np.array([[[[-3.0]]], [[[7.0]]]])) == np.array([0, 15]).reshape(2, 1, 1, 1)).all()
    assert coarse(np.zeros((0, 3, 64, 64))).shape == (0, 3, 8, 8)


@pytest.mark.parametrize("shape", [(3, 3, 64, 64), (2, 1, 8, 8), (2, 1, 24, 40)])
def test_averages_are_the_means_of_each_part_for_bytes_too(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    found = averages(pixels / np.float32(255))
    parts = pixels.reshape(*shape[:2], 8, shape[2] // 8, 8, shape[3] // 8).mean(axis=(3, 5)) / 255
    assert found == pytest.approx(parts.reshape(shape[0], -1), abs=1e-6)
    assert averages(pixels) == pytest.approx(found, abs=1e-6)
