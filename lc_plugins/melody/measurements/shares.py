"""Numbers that do not exist for every melody."""

from __future__ import annotations

import numpy as np

__all__ = ["share", "undefined_where"]


def undefined_where(missing: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return values `(B,)` as float64, NaN where they are missing."""
    result = values.astype(np.float64)
    result[missing] = np.nan
    return result


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole of two counts `(B,)`, NaN where the whole is 0."""
    return undefined_where(whole == 0, part / np.maximum(whole, 1))
