"""Pictures as PNG files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry
from lc_core.testing import check_renderer
from lc_plugins.images.arrays import as_images, from_pixels, to_pixels
from lc_plugins.images.read import read_gray, read_image
from lc_plugins.images.render import Png


def pictures(count: int, size: int = 64) -> np.ndarray:
    """Return pictures whose values are whole 255ths."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    return from_pixels(pixels)


def test_the_renderer_keeps_its_contract() -> None:
    check_renderer(Png, pictures(3))


@pytest.mark.parametrize("scale", [1, 3])
def test_a_file_reads_back_as_the_picture(scale: int, tmp_path: Path) -> None:
    (picture,) = pictures(1)
    Png(scale=scale).write(picture, tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as image:
        assert image.size == (64 * scale, 64 * scale)
        assert image.mode == "RGB"
    np.testing.assert_array_equal(read_image(tmp_path / "one.png"), picture[None])


def test_red_is_red_and_up_is_up(tmp_path: Path) -> None:
    picture = np.zeros((3, 64, 64), np.float32)
    picture[0, :8] = 1
    Png(scale=1).write(picture, tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as image:
        assert image.getpixel((5, 2)) == (255, 0, 0)
        assert image.getpixel((5, 60)) == (0, 0, 0)


def test_values_out_of_range_are_clipped() -> None:
    assert to_pixels(np.full((3, 1, 1), 1.7)).tolist() == [[[255, 255, 255]]]
    assert to_pixels(np.full((3, 1, 1), -0.2)).tolist() == [[[0, 0, 0]]]


def test_the_sheet_shows_pictures_in_order(tmp_path: Path) -> None:
    given = pictures(5)
    path = Png(scale=1).write_sheet(given, tmp_path)
    assert path == tmp_path / "images.png"
    with Image.open(path) as image:
        sheet = np.asarray(image)
    assert sheet.shape == (2 + 2 * 66, 2 + 3 * 66, 3)
    np.testing.assert_array_equal(sheet[68 : 68 + 64, 2 : 2 + 64], to_pixels(given[3]))
    assert (sheet[68:, 2 + 2 * 66 :] == 255).all()


def test_small_pictures_are_larger_on_the_sheet(tmp_path: Path) -> None:
    with Image.open(Png(scale=16).write_sheet(pictures(4, 8), tmp_path)) as image:
        assert image.size == (16 * 22, 16 * 22)


def test_a_grey_picture_is_drawn_in_grey_and_reads_back(tmp_path: Path) -> None:
    gray = pictures(3, 8)[:, :1]
    check_renderer(Png, gray)
    Png(scale=4).write(gray[0], tmp_path / "one.png")
    np.testing.assert_array_equal(read_gray(tmp_path / "one.png"), gray[:1])
    np.testing.assert_array_equal(read_image(tmp_path / "one.png", size=8), gray[:1].repeat(3, axis=1))


def test_no_pictures_give_no_sheet(tmp_path: Path) -> None:
    assert Png().write_sheet(pictures(0), tmp_path) is None


@pytest.mark.parametrize("scale", [0, 17])
def test_a_scale_out_of_range_is_refused(scale: int) -> None:
    with pytest.raises(LCError, match=f"scale = {scale}: expected 1 to 16"):
        Png(scale=scale)


def test_an_output_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LCError, match=r"float \(3, H, W\).*found shape \(64, 64\)"):
        Png().write(np.zeros((64, 64)), tmp_path / "one.png")


def test_arrays_are_checked_before_a_model_takes_them() -> None:
    good = pictures(2)
    assert tuple(as_images(good, size=(64, 64)).shape) == (2, 3, 64, 64)
    with pytest.raises(LCError, match=r"found shape \(2, 3, 32, 32\)"):
        as_images(pictures(2, 32), size=(64, 64))
    with pytest.raises(LCError, match=r"float images \(B, 1, 8, 8\).*found shape \(2, 3, 8, 8\)"):
        as_images(pictures(2, 8), size=(8, 8), channels=1)
    with pytest.raises(LCError, match=r"found torch.uint8"):
        as_images(to_pixels(good).transpose(0, 3, 1, 2))
    with pytest.raises(LCError, match="found values from 0 to 255"):
        as_images(np.linspace(0, 255, 3 * 64 * 64, dtype=np.float32).reshape(1, 3, 64, 64))
    with pytest.raises(LCError, match="found values"):
        as_images(np.full((1, 3, 64, 64), np.nan, np.float32))


def test_renderer_and_reader_are_installed() -> None:
    registry = build_registry()
    assert registry.get("renderer", "images.png").load() is Png
    assert registry.get("reader", "images.file").about["output"] == "image.rgb/1"
    assert registry.get("reader", "images.gray_file").about["output"] == "image.gray/1"
