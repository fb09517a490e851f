"""What is wanted of a measured value: an interval, bounds included."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lc_core.errors import LCError

__all__ = ["SLACK", "WANT_KEYS", "Want"]

SLACK = 1e-9
"""Bounds are inclusive, with this much slack for rounding."""
WANT_KEYS = ("at_least", "at_most", "between", "target", "tolerance")


@dataclass(frozen=True)
class Want:
    """The interval `[low, high]` that a measurement is wanted in, and how the user said it.

    Exactly one of `at_least`, `at_most`, `between`, or `target` with `tolerance` is given.
    """

    at_least: float | None = None
    at_most: float | None = None
    between: tuple[float, float] | None = None
    target: float | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        given = [key for key in ("at_least", "at_most", "between", "target") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise LCError(f"expected one of at_least, at_most, between, target with tolerance; found {found}")
        if (self.target is None) != (self.tolerance is None):
            raise LCError("target and tolerance belong together; found only one of them")
        numbers = [self.at_least, self.at_most, *(self.between or ()), self.target, self.tolerance]
        if any(number is not None and not math.isfinite(number) for number in numbers):
            raise LCError(f"a wanted value must be a finite number; found {self.as_dict()}")
        if self.between is not None and (len(self.between) != 2 or self.between[0] > self.between[1]):
            raise LCError(f"between needs [low, high] with low <= high; found {list(self.between)}")
        if self.tolerance is not None and self.tolerance < 0:
            raise LCError(f"tolerance must be 0 or more; found {self.tolerance}")
        if self.between is not None:
            object.__setattr__(self, "between", tuple(self.between))  # a list is no key of a dictionary

    @property
    def low(self) -> float:
        """The lowest value that satisfies, or -inf."""
        if self.between is not None:
            return self.between[0]
        if self.target is not None and self.tolerance is not None:
            return self.target - self.tolerance
        return -math.inf if self.at_least is None else self.at_least

    @property
    def high(self) -> float:
        """The highest value that satisfies, or inf."""
        if self.between is not None:
            return self.between[1]
        if self.target is not None and self.tolerance is not None:
            return self.target + self.tolerance
        return math.inf if self.at_most is None else self.at_most

    def met(self, values: np.ndarray) -> np.ndarray:
        """Return which values `(B,)` lie inside; NaN does not."""
        inside: np.ndarray = (values >= self.low - SLACK) & (values <= self.high + SLACK)
        return inside

    def as_dict(self) -> dict[str, Any]:
        """Return what was given, as it stands in a spec."""
        items = {key: getattr(self, key) for key in ("at_least", "at_most", "between", "target", "tolerance")}
        return {key: list(v) if isinstance(v, tuple) else v for key, v in items.items() if v is not None}

    def __str__(self) -> str:
        return ", ".join(f"{key} {value}" for key, value in self.as_dict().items())
