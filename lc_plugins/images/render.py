"""`images.png`: pictures as PNG files, and a contact sheet."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from lc_core import LCError, Renderer
from lc_plugins.images.arrays import to_pixels
from lc_plugins.images.sheet import save_png, tiled, write_sheet

__all__ = ["Png"]

MAX_ON_SHEET = 64
ON_SHEET = 128  # pixels of a picture on the sheet, at most
MAX_SCALE = 16


class Png(Renderer):
    """A PNG file of a picture; the sheet `images.png` shows the first 64 beside each other."""

    accepts = ("image.rgb/1", "image.gray/1")
    suffix = ".png"
    media_type = "image/png"

    def __init__(
        self,
        *,
        scale: Annotated[int, Field(ge=1, le=MAX_SCALE, description="pixels of the file for each of the picture")] = 4,
    ) -> None:
        """Set how large a pixel is drawn: at 4 a picture of 64 x 64 gives a file of 256 x 256."""
        if not 1 <= scale <= MAX_SCALE:
            raise LCError(f"Png: scale = {scale}: expected 1 to {MAX_SCALE}")
        self.scale = scale

    def write(self, output: Any, path: Path) -> None:
        """Write one picture `(3, H, W)` or `(1, H, W)`, float in [0, 1]."""
        save_png(to_pixels(output), path, scale=self.scale)

    def write_sheet(self, outputs: np.ndarray, folder: Path) -> Path | None:
        """Write `images.png`: the first 64 pictures of `(N, C, H, W)`, in order, row by row."""
        if not len(outputs):
            return None
        return write_sheet(outputs[:MAX_ON_SHEET], folder / "images.png", scale=self._sheet_scale(outputs))

    def write_pair(self, before: Any, after: Any, path: Path) -> bool:
        """Write one picture with two `(C, H, W)` beside each other: before and after an edit."""
        pixels = tiled(np.stack([before, after]), columns=2)
        save_png(pixels, path, scale=self.scale)
        return True

    def write_pairs(self, before: np.ndarray, after: np.ndarray, folder: Path) -> Path | None:
        """Write `pairs.png`: the first 32 pictures of `(N, C, H, W)`, each before and after, four pairs in a row."""
        if not len(before):
            return None
        most = MAX_ON_SHEET // 2
        pairs = np.stack([before[:most], after[:most]], axis=1).reshape(-1, *before.shape[1:])
        return write_sheet(pairs, folder / "pairs.png", columns=min(8, len(pairs)), scale=self._sheet_scale(before))

    def _sheet_scale(self, outputs: np.ndarray) -> int:
        return int(max(1, min(self.scale, ON_SHEET // max(outputs.shape[-2:]))))
