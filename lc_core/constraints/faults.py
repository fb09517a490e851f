"""What is wrong with a measurement, as its values show: other values the second time, or values outside its range."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lc_core.common.words import counted
from lc_core.constraints.measurement import Measurement
from lc_core.errors import LCError

__all__ = ["AGAIN", "OutsideRange", "REMEDY", "changed_value", "not_repeated", "outside_range"]

AGAIN = 16
"""Outputs that are measured again."""
REMEDY = "let it depend on the output alone, without chance"
"""What to do about a measurement that has another value the second time."""
ROUNDING = 1e-6
"""So far outside its range, as a share of the nearest bound, a value is rounding."""


def changed_value(one: Measurement, before: np.ndarray, now: np.ndarray, index: Sequence[int] | np.ndarray) -> str:
    """Say which output has another value now; empty if none has.

    Networks round differently beside other outputs, so small differences do not count.

    Args:
        one: The measurement.
        before: What it was on some outputs, `(N,)`.
        now: What it is, `(N,)`.
        index: Numbers of the outputs.
    """
    apart = np.flatnonzero(~np.isclose(before, now, rtol=1e-4, atol=1e-5, equal_nan=True))
    if not len(apart):
        return ""
    row = apart[0]
    return (
        f"measurement {one.who} was {before[row]:g} for output {index[row]}, and is {now[row]:g} when it is measured"
        " again beside other outputs"
    )


def not_repeated(one: Measurement, values: np.ndarray, outputs: np.ndarray, index: Sequence[int] | np.ndarray) -> str:
    """Measure some outputs again, and say if one has another value; empty if none has.

    Args:
        one: The measurement.
        values: What it was on outputs, `(N,)`, in another batch.
        outputs: The outputs, first dimension N; the first `AGAIN` are measured, one of them alone.
        index: Numbers of the outputs.
    """
    parts = [part for part in (outputs[:1], outputs[1:AGAIN]) if len(part)]
    try:
        now = [one.measure_here(part) for part in parts]
    except LCError as error:
        return f"some outputs could be measured, and beside other outputs not: {error.message}"
    return changed_value(one, values[:AGAIN], np.concatenate(now), index) if now else ""


class OutsideRange:
    """Watches whether the values of a measurement stay in the range that it declares.

    Args:
        measurement: The measurement.
    """

    def __init__(self, measurement: Measurement) -> None:
        self._measurement = measurement
        self._count = self._outside = self._first = 0
        self._value = 0.0

    def add(self, values: np.ndarray, first: int) -> None:
        """Look at more values `(N,)`, of outputs that are numbered from `first` on."""
        low, high = self._measurement.info.range
        below = values < low - ROUNDING * max(1, abs(low))
        outside = np.flatnonzero(below | (values > high + ROUNDING * max(1, abs(high))))
        if len(outside) and not self._outside:
            self._first, self._value = first + int(outside[0]), float(values[outside[0]])
        self._outside += len(outside)
        self._count += len(values)

    def told(self) -> str:
        """Say which output has the first value outside the range; empty if none has."""
        if not self._outside:
            return ""
        (low, high), share = self._measurement.info.range, f"{self._outside:,} of {counted(self._count, 'value')}"
        return (
            f"measurement {self._measurement.who} was {self._value:g} for output {self._first}; it declares the range"
            f" {low:g} to {high:g}, and {share} lie outside: correct its range, or what it returns"
        )


def outside_range(one: Measurement, values: np.ndarray) -> str:
    """Say which output has a value outside the range that a measurement declares; empty if none has.

    Args:
        one: The measurement.
        values: What it was on outputs, `(N,)`, that are numbered from 0 on.
    """
    watched = OutsideRange(one)
    watched.add(values, 0)
    return watched.told()
