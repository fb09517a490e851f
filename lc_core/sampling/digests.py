"""Which outputs were seen already, in eight bytes for each."""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["Digests"]


class Digests:
    """A set of digests of outputs; of a million outputs two are taken for the same once in 30 million sets.

    Sorted arrays, each at least twice as long as the next, take 8 MB for a million, and as much again while they grow.
    """

    def __init__(self) -> None:
        self._sorted: list[np.ndarray] = []

    def __len__(self) -> int:
        return sum(map(len, self._sorted))

    def add(self, outputs: np.ndarray) -> np.ndarray:
        """Add outputs, first dimension B; return which were not there before, `(B,)` bool: of equal ones the first."""
        digests = b"".join(hashlib.blake2b(one.tobytes(), digest_size=8).digest() for one in outputs)
        values, first = np.unique(np.frombuffer(digests, dtype=np.uint64), return_index=True)
        new = np.ones(len(values), dtype=bool)
        for known in self._sorted:
            new &= known[np.searchsorted(known[:-1], values)] != values
        if new.any():
            self._sorted.append(values[new])
        while len(self._sorted) > 1 and len(self._sorted[-2]) < 2 * len(self._sorted[-1]):
            joined = np.concatenate([self._sorted.pop(), self._sorted.pop()])
            joined.sort(kind="stable")  # in its place: these are the largest arrays of a run
            self._sorted.append(joined)
        fresh = np.zeros(len(outputs), dtype=bool)
        fresh[first[new]] = True
        return fresh
