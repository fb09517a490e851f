"""When two pictures count as the same: if they agree on 8 x 8 pixels and 16 levels."""

from __future__ import annotations

import numpy as np

__all__ = ["coarse"]

SIDE, LEVELS = 8, 16


def coarse(outputs: np.ndarray) -> np.ndarray:
    """Return pictures averaged to 8 x 8 pixels and rounded to 16 levels, `(B, ..., 8, 8)` uint8.

    Each of the 8 x 8 parts has the same area, so any size will do, smaller ones too.

    Args:
        outputs: Pictures `(B, C, H, W)` or `(B, H, W)`, in [0, 1]; what lies outside is clipped. Whole numbers are
            taken as bytes.
    """
    pictures = outputs.astype(np.float64) / (255 if outputs.dtype.kind in "iu" else 1)
    rows, columns = (_averages(size) for size in pictures.shape[-2:])
    parts = rows @ np.clip(pictures, 0, 1) @ columns.T
    # What is half way between two levels up to rounding falls on the same side in every picture.
    levels: np.ndarray = np.rint(np.round(parts * (LEVELS - 1), 6)).astype(np.uint8)
    return levels


def _averages(size: int) -> np.ndarray:
    """Return the weights `(8, size)` of each pixel in each of eight parts of the same length."""
    edges = np.arange(SIDE + 1) * size / SIDE
    pixels = np.arange(size)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: np.ndarray = np.clip(shared, 0, None) * SIDE / size
    return weights
