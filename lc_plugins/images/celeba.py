"""Reader for the folder layout of CelebA: photographs, `list_attr_celeba.txt`, `list_eval_partition.txt`.

The photographs (Liu, Luo, Wang, Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015; 178 x 218 pixels when
aligned) are for non-commercial research and do not come with this package.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lc_core import LCError
from lc_core.common import Cache, ProgressLine, counted, decoded, key_of, lock_of, looks, put_in_place, read_bytes
from lc_plugins.images.read import rgb_pixels
from lc_plugins.images.sheet import pillow

__all__ = ["ATTRIBUTES", "CROP", "PARTS", "SIZE", "CelebA", "read_celeba"]

ATTRIBUTES = (
    "Bald",
    "Black_Hair",
    "Blond_Hair",
    "Brown_Hair",
    "Eyeglasses",
    "Male",
    "No_Beard",
    "Smiling",
    "Wearing_Hat",
    "Young",
)
"""The ten attributes of Engel, Hoffman, Roberts 2018, in the order of their notebook."""
PARTS = ("train", "valid", "test")
"""Parts of the data set, by their number in `list_eval_partition.txt`."""
CROP = 128
"""Side of the square that is cut out, in pixels: the authors' checkpoint is called `crop128`."""
SIZE = 64
IMAGES = "img_align_celeba"
LISTED = "list_attr_celeba.txt"
PARTITION = "list_eval_partition.txt"


@dataclass(frozen=True)
class CelebA:
    """A part of the data set.

    Attributes:
        files: Names of the images.
        pictures: `(N, size, size, 3)` uint8, mapped from disk.
        attributes: Names of the attributes.
        held: Which attributes hold, `(N, A)` bool.
    """

    files: tuple[str, ...]
    pictures: np.ndarray
    attributes: tuple[str, ...]
    held: np.ndarray


def read_celeba(
    folder: Path,
    *,
    part: str = "train",
    attributes: Sequence[str] = ATTRIBUTES,
    images: Path | None = None,
    crop: int = CROP,
    size: int = SIZE,
    progress: Callable[[str], None] = lambda _: None,
) -> CelebA:
    """Read a part of CelebA: a square is cut out of each image's centre and brought to `size` by means over areas.

    Pictures are read once and kept in the user's cache folder, by the names, sizes and times of the images.

    Args:
        folder: Holds `list_attr_celeba.txt`, `list_eval_partition.txt` and the folder of images.
        part: `train`, `valid` or `test`.
        attributes: Names of attributes; with none, no labels are asked for.
        images: The folder of images; default `img_align_celeba` in `folder`.
        crop: Side of the square, in pixels of the image.
        size: Height and width of the pictures.
        progress: Called with a line of text now and then.

    Raises:
        LCError: If a list is missing or not as expected, lists differ in length or in files, an attribute is unknown
            or has one class only in this part, or an image is missing, smaller than the square, or cannot be read.
    """
    folder = Path(folder)
    if part not in PARTS:
        raise LCError(f"CelebA has the parts {', '.join(PARTS)}; found {part!r}")
    names, known, table = _attributes(folder / LISTED)
    columns = _columns(attributes, known, folder / LISTED)
    rows = np.flatnonzero(_partition(folder / PARTITION, names) == PARTS.index(part))
    if not len(rows):
        raise LCError(f"{folder / PARTITION} has no image of the part {part} ({PARTS.index(part)})")
    held = table[rows][:, columns]
    for name, column in zip(attributes, held.T, strict=True):
        if column.all() or not column.any():
            share = f"{'all' if column.all() else 'none'} of {counted(len(rows), 'image')}"
            raise LCError(
                f"the attribute {name} has one class only: {share} of the part {part} have it",
                hint="leave it out, or give more images",
            )
    files = tuple(names[row] for row in rows)
    pictures = _pictures(images or folder / IMAGES, files, crop, size, progress)
    return CelebA(files, pictures, tuple(attributes), held)


def _lines(path: Path) -> list[str]:
    try:
        return decoded(read_bytes(path)).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text"
        raise LCError(
            f"{path} cannot be read: {reason}",
            hint=f"a folder of CelebA holds {IMAGES}/, {LISTED} and {PARTITION}",
        ) from error


def _attributes(path: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Return the names of the images `(N,)` and of the attributes `(A,)`, and which hold, `(N, A)` bool."""
    lines = _lines(path)
    if len(lines) < 2 or not lines[0].strip().isdigit():
        raise LCError(f"{path}:1: expected the number of images, then a line of names; found {lines[:1]}")
    known, rows = lines[1].split(), [line.split() for line in lines[2:]]
    while rows and not rows[-1]:
        rows.pop()
    if int(lines[0]) != len(rows):
        said, there = counted(int(lines[0]), "image"), counted(len(rows), "line")
        raise LCError(f"{path} says that it lists {said}, but has {there} of labels")
    for number, row in enumerate(rows, start=3):
        if len(row) != len(known) + 1:
            raise LCError(
                f"{path}:{number}: {counted(max(0, len(row) - 1), 'label')}; expected {len(known)}, one for each name"
            )
        if wrong := set(row[1:]) - {"1", "-1"}:
            raise LCError(f"{path}:{number}: the label {min(wrong)!r}; expected 1 or -1")
    table = np.array([[label == "1" for label in row[1:]] for row in rows], dtype=bool).reshape(len(rows), len(known))
    return [row[0] for row in rows], known, table


def _columns(attributes: Sequence[str], known: list[str], path: Path) -> list[int]:
    for name in attributes:
        if name not in known:
            lower = {one.lower(): one for one in known}
            close = [lower[one] for one in difflib.get_close_matches(name.lower(), lower)]
            near = f" (did you mean {' or '.join(close)}?)" if close else ""
            raise LCError(f"unknown attribute {name!r}{near}", hint=f"the names stand in line 2 of {path}")
    return [known.index(name) for name in attributes]


def _partition(path: Path, names: list[str]) -> np.ndarray:
    """Return the number of each image's part, `(N,)`."""
    rows = [line.split() for line in _lines(path) if line.strip()]
    if len(rows) != len(names):
        raise LCError(f"{path} lists {counted(len(rows), 'image')}, but {path.parent / LISTED} lists {len(names):,}")
    for number, (row, name) in enumerate(zip(rows, names, strict=True), start=1):
        if len(row) != 2 or row[1] not in ("0", "1", "2"):
            raise LCError(f"{path}:{number}: found {' '.join(row)!r}; expected an image and 0, 1 or 2")
        if looks(row[0]) != looks(name):
            raise LCError(f"{path}:{number}: found {row[0]}; expected {name}, as in {path.parent / LISTED}")
    return np.array([int(row[1]) for row in rows], dtype=np.int64)


def _pictures(images: Path, files: Sequence[str], crop: int, size: int, progress: Callable[[str], None]) -> np.ndarray:
    files = _as_stored(images, files)
    missing, about = [], []
    for name in files:
        try:
            found = os.stat(images / name)
            about.append((name, found.st_size, found.st_mtime_ns))
        except OSError:
            missing.append(name)
    if missing:
        raise LCError(
            f"{len(missing):,} of {counted(len(files), 'image')} are not in {images}: {missing[0]}"
            + (" and others" if len(missing) > 1 else ""),
            hint=None if images.is_dir() else "there is no such folder; say where the images are",
        )
    key = key_of({"images": str(images.resolve()), "files": about, "crop": crop, "size": size})
    kept = Cache().root / "data" / f"celeba-{key}"
    kept.mkdir(parents=True, exist_ok=True)
    with lock_of(kept / "lock", what=kept, wait=True):
        if not (kept / "pictures.npy").exists():
            _read_all(kept, images, files, crop, size, progress)
    pictures: np.ndarray = np.load(kept / "pictures.npy", mmap_mode="r")
    return pictures


def _as_stored(images: Path, files: Sequence[str]) -> list[str]:
    """Return names as a folder spells them, where it has one that looks the same but is composed in another way."""
    try:
        stored = os.listdir(images)
    except OSError:
        return list(files)
    exact, alike = set(stored), {looks(name): name for name in stored}
    return [name if name in exact else alike.get(looks(name), name) for name in files]


def _read_all(
    kept: Path, images: Path, files: Sequence[str], crop: int, size: int, progress: Callable[[str], None]
) -> None:
    """Write the pictures, under a name that says so only when all are there."""
    partial = kept / "pictures.partial.npy"
    pictures = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=(len(files), size, size, 3))
    for number, name in enumerate(files):
        try:
            pictures[number] = _centre(rgb_pixels(images / name), crop, size)
        except LCError as error:
            if str(images / name) in error.message:
                raise
            raise LCError(f"{images / name}: {error.message}", hint=error.hint) from error
        if (number + 1) % 10_000 == 0:
            told = f"read {number + 1:,} of {len(files):,} images"
            progress(ProgressLine(told, number + 1, len(files)))
    pictures.flush()
    del pictures
    put_in_place(partial, kept / "pictures.npy")


def _centre(pixels: np.ndarray, crop: int, size: int) -> np.ndarray:
    """Return the square in the middle of `(H, W, 3)`, brought to bytes `(size, size, 3)`."""
    height, width = pixels.shape[:2]
    if min(height, width) < crop:
        raise LCError(f"the image has {width} x {height} pixels; expected {crop} x {crop} at least")
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257).astype(np.uint8)
    top, left = (height - crop) // 2, (width - crop) // 2
    image_module = pillow()
    image = image_module.fromarray(np.ascontiguousarray(pixels[top : top + crop, left : left + crop]))
    return np.asarray(image.resize((size, size), image_module.Resampling.BOX))
