"""Pictures beside each other in one PNG."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lc_core import LCError
from lc_plugins.images.arrays import to_pixels

__all__ = ["pillow", "save_png", "tiled", "write_sheet"]


def pillow() -> ModuleType:
    """Return `PIL.Image`.

    Raises:
        LCError: If Pillow is not installed.
    """
    try:
        import PIL.Image
    except ImportError as error:
        raise LCError(
            "reading and writing pictures needs Pillow, which is not installed", hint="pip install pillow"
        ) from error
    return PIL.Image


def save_png(pixels: np.ndarray, path: Path, *, scale: int = 1) -> None:
    """Write bytes `(H, W, 3)` as PNG, each pixel as `scale` x `scale`; the same bytes each time."""
    image = pillow().fromarray(np.ascontiguousarray(pixels.repeat(scale, axis=0).repeat(scale, axis=1)))
    image.save(path, format="PNG", optimize=True)


def tiled(images: Any, *, columns: int | None = None, gap: int = 2) -> np.ndarray:
    """Return pictures `(N, C, H, W)` in rows as bytes `(height, width, 3)`, white between them; N is 1 or more."""
    pixels = to_pixels(images)
    count, height, width = pixels.shape[:3]
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((gap + rows * (height + gap), gap + columns * (width + gap), 3), 255, np.uint8)
    for number, picture in enumerate(pixels):
        top, left = gap + number // columns * (height + gap), gap + number % columns * (width + gap)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def write_sheet(images: Any, path: Path, *, columns: int | None = None, scale: int = 1) -> Path:
    """Write pictures `(N, C, H, W)` into one PNG and return its path."""
    save_png(tiled(images, columns=columns), path, scale=scale)
    return path
