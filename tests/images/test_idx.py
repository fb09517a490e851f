"""MNIST's files, and what is said of those that are not."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from lc_core.errors import LCError
from lc_plugins.images.idx import read_idx, read_mnist

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
LABELS = np.array([3, 1, 4, 1, 5], dtype=np.uint8)


def packed(values: np.ndarray, code: int = 8) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, code, values.ndim, *values.shape) + values.tobytes()


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_pictures_and_labels_are_read(suffix: str, tmp_path: Path) -> None:
    images = written(tmp_path / f"train-images-idx3-ubyte{suffix}", packed(IMAGES))
    labels = written(tmp_path / f"train-labels-idx1-ubyte{suffix}", packed(LABELS))
    pictures, shown = read_mnist(images, labels)
    assert pictures.shape == (5, 1, 4, 3)
    assert pictures.dtype == np.float32
    np.testing.assert_allclose(pictures[:, 0], IMAGES / 255, atol=1e-7)
    assert shown.tolist() == [3, 1, 4, 1, 5]


def test_a_compressed_file_needs_no_ending(tmp_path: Path) -> None:
    (tmp_path / "labels").write_bytes(gzip.compress(packed(LABELS)))
    assert read_idx(tmp_path / "labels", dimensions=1).tolist() == LABELS.tolist()


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("keep", [17, 20, 75])
def test_fewer_values_than_the_header_says_are_told(keep: int, suffix: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"images{suffix}", packed(IMAGES)[:keep])
    with pytest.raises(LCError, match=rf"is truncated: it holds {keep - 16} values?, but says 5 x 4 x 3 = 60"):
        read_idx(path, dimensions=3)


@pytest.mark.parametrize("keep", [5, 12, 15])
def test_a_file_that_ends_in_its_header_is_told(keep: int, tmp_path: Path) -> None:
    with pytest.raises(LCError, match="ends within its header"):
        read_idx(written(tmp_path / "images", packed(IMAGES)[:keep]), dimensions=3)


def test_a_truncated_archive_is_told(tmp_path: Path) -> None:
    whole = gzip.compress(packed(IMAGES))
    for keep in (12, len(whole) // 2, len(whole) - 3):
        (tmp_path / "images.gz").write_bytes(whole[:keep])
        with pytest.raises(LCError, match=r"images\.gz cannot be unpacked|truncated|holds"):
            read_idx(tmp_path / "images.gz", dimensions=3)


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(packed(IMAGES)))
    whole[-6] ^= 1
    (tmp_path / "images.gz").write_bytes(whole)
    with pytest.raises(LCError, match="cannot be unpacked"):
        read_idx(tmp_path / "images.gz", dimensions=3)


def test_a_header_that_promises_too_much_takes_no_memory(tmp_path: Path) -> None:
    data = struct.pack(">BBBB3I", 0, 0, 8, 3, 2**32 - 1, 2**20, 2**20)
    with pytest.raises(LCError, match="is truncated"):
        read_idx(written(tmp_path / "images", data), dimensions=3)


def test_values_after_the_last_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="goes on after the 5 x 4 x 3 values"):
        read_idx(written(tmp_path / "images", packed(IMAGES) + b"x"), dimensions=3)


def test_labels_in_the_place_of_images_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "labels", packed(LABELS))
    with pytest.raises(LCError, match=r"magic number 2049; expected 2051, for images.*\n.*holds labels"):
        read_mnist(path, path)


def test_values_of_another_type_are_told(tmp_path: Path) -> None:
    path = written(tmp_path / "images", packed(IMAGES.astype(">f4"), code=13))
    with pytest.raises(LCError, match="magic number 3331; expected 2051"):
        read_idx(path, dimensions=3)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n", b"\0\0"])
def test_another_kind_of_file_is_told(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(LCError, match="is no IDX file"):
        read_idx(written(tmp_path / "images", data), dimensions=3)


def test_no_images_are_told(tmp_path: Path) -> None:
    with pytest.raises(LCError, match=r"holds nothing: its shape is \(0, 4, 3\)"):
        read_idx(written(tmp_path / "images", packed(IMAGES[:0])), dimensions=3)


def test_as_many_labels_as_images_are_asked_for(tmp_path: Path) -> None:
    images, labels = written(tmp_path / "images", packed(IMAGES)), written(tmp_path / "labels", packed(LABELS[:4]))
    with pytest.raises(LCError, match="images has 5 images, but .*labels has 4 labels"):
        read_mnist(images, labels)


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(LCError, match=f"{path.name} cannot be read"):
            read_idx(path, dimensions=3)
