"""The 1,797 handwritten digits that come with scikit-learn, split once for all.

They are the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, UCI Machine Learning
Repository, 1998; CC BY 4.0): bitmaps of 32 x 32, counted in blocks of 4 x 4, so a pixel is one of 0 to 16. Ink is high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lc_core import LCError

__all__ = ["Digits", "read_digits"]

HELD_OUT = 297
SPLIT_SEED = 0


@dataclass(frozen=True)
class Digits:
    """Pictures `(N, 1, 8, 8)` float32 in [0, 1], and the digit that each shows, `(N,)` int64."""

    pictures: np.ndarray
    shown: np.ndarray


def read_digits(part: str) -> Digits:
    """Return a part of the digits, in an order drawn once.

    Args:
        part: `train` (1,500), `test` (297), or one of the halves of `train`: `verifier`, `judge` (750 each).

    Raises:
        LCError: If there is no such part, or scikit-learn is not installed.
    """
    parts = {
        "test": slice(None, HELD_OUT),
        "train": slice(HELD_OUT, None),
        "verifier": slice(HELD_OUT, None, 2),
        "judge": slice(HELD_OUT + 1, None, 2),
    }
    if part not in parts:
        raise LCError(f"digits have the parts {', '.join(parts)}; found {part!r}")
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        hint = 'pip install "latent-constraints[train]"'
        raise LCError("the digits come with scikit-learn, which is not installed", hint=hint) from error
    found = load_digits()
    rows = np.random.default_rng(SPLIT_SEED).permutation(len(found.target))[parts[part]]
    return Digits((found.images[rows, None] / 16).astype(np.float32), found.target[rows].astype(np.int64))
