"""How measured values are distributed, counted as they come."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Distribution", "Histogram"]

BINS = 4_096
"""Most bins; they grow wider where values would need more."""
FINEST = 40
"""A bin is no narrower than the largest value divided by two to this power."""
LEAST = -1_000
"""The power of two that is the least width."""


class Histogram:
    """Counts values in bins of equal width, a power of two, with an edge at 0.

    It is the same in whatever order and pieces the values come: the bins are the narrowest that hold all of them.

    Attributes:
        width: Of a bin; 0 before there is a value.
        first: Number of the first bin; bin n holds values from n times the width on.
        counts: How many values each bin holds, `(bins,)` int64.
        low: The lowest value.
        high: The highest value.
    """

    def __init__(self) -> None:
        self.width, self.first = 0.0, 0
        self.counts = np.zeros(0, dtype=np.int64)
        self.low, self.high = math.inf, -math.inf

    def add(self, values: np.ndarray) -> None:
        """Count values `(B,)`; NaN is left out."""
        values = values[~np.isnan(values)]
        if not len(values):
            return
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        width = _width(self.low, self.high)
        first, last = _bin(self.low, width), _bin(self.high, width)
        counts = np.bincount(np.floor(values / width).astype(np.int64) - first, minlength=last - first + 1)
        held, times = self.at(width)
        np.add.at(counts, held - first, times)
        self.width, self.first, self.counts = width, first, counts

    def at(self, width: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the bins of another width, wider by a power of two, that hold something, and how much each holds."""
        held = np.flatnonzero(self.counts)
        if not len(held):
            return held, self.counts[held]
        bins = (held + self.first) >> (math.frexp(width)[1] - math.frexp(self.width)[1])
        found, place = np.unique(bins, return_inverse=True)
        return found, np.bincount(place, self.counts[held]).astype(np.int64)

    @property
    def total(self) -> int:
        """How many values are counted."""
        return int(self.counts.sum())


@dataclass(frozen=True)
class Distribution:
    """How the values of one constraint are distributed: of all tries, and of what is delivered."""

    before: Histogram
    after: Histogram


def _width(low: float, high: float) -> float:
    """Return the narrowest width at which not too many bins are needed."""
    largest, span = max(abs(low), abs(high)), high / BINS - low / BINS
    power = max(LEAST, math.frexp(largest)[1] - FINEST if largest else LEAST)
    if span > 0:
        power = max(power, math.frexp(span)[1] - 1)
    while _bin(high, math.ldexp(1.0, power)) - _bin(low, math.ldexp(1.0, power)) >= BINS:
        power += 1
    return math.ldexp(1.0, power)


def _bin(value: float, width: float) -> int:
    return math.floor(value / width)
