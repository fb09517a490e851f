"""Pictures as 8 x 8 pixels: what they are compared by, and when two count as the same, at 16 levels."""

from __future__ import annotations

import numpy as np

__all__ = ["averages", "coarse"]

SIDE, LEVELS = 8, 16


def coarse(outputs: np.ndarray) -> np.ndarray:
    """Return pictures averaged to 8 x 8 pixels and rounded to 16 levels, `(B, ..., 8, 8)` uint8.

    Each of the 8 x 8 parts has the same area, so any size will do, smaller ones too.

    Args:
        outputs: Pictures `(B, C, H, W)` or `(B, H, W)`, in [0, 1]; what lies outside is clipped. Whole numbers are
            taken as bytes.
    """
    # What is half way between two levels up to rounding falls on the same side in every picture.
    levels: np.ndarray = np.rint(np.round(_parts(outputs) * (LEVELS - 1), 6)).astype(np.uint8)
    return levels


def averages(outputs: np.ndarray) -> np.ndarray:
    """Return the averages of 8 x 8 parts of pictures, as `coarse` makes them but not rounded, `(B, C x 64)` float32."""
    return _parts(outputs).reshape(len(outputs), -1).astype(np.float32)


def _parts(outputs: np.ndarray) -> np.ndarray:
    """Return the averages of 8 x 8 parts, `(B, ..., 8, 8)` float64."""
    pictures = outputs.astype(np.float64) / (255 if outputs.dtype.kind in "iu" else 1)
    rows, columns = (_weights(size) for size in pictures.shape[-2:])
    found: np.ndarray = rows @ np.clip(pictures, 0, 1) @ columns.T
    return found


def _weights(size: int) -> np.ndarray:
    """Return the weights `(8, size)` of each pixel in each of eight parts of the same length."""
    edges = np.arange(SIDE + 1) * size / SIDE
    pixels = np.arange(size)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights: np.ndarray = np.clip(shared, 0, None) * SIDE / size
    return weights
