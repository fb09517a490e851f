"""When two melodies count as the same: if they sound the same."""

from __future__ import annotations

import numpy as np

from lc_plugins.melody.tokens import onsets, sounding

__all__ = ["heard"]


def heard(tokens: np.ndarray) -> np.ndarray:
    """Return what a melody sounds like: the pitch at each step, or -1, and where notes begin, `(B, 2, T)` int32.

    A hold or a note-off where nothing sounds makes no difference.

    Example:
        >>> one, other = heard(np.array([[60, 129, 128], [60, 129, 129]]))
        >>> bool((one == other).all())
        True
    """
    return np.stack([sounding(tokens), onsets(tokens).astype(np.int32)], axis=1)
