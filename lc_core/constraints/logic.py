"""Verdicts on measured values: met or not, how far from being met, and which conditions can never be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lc_core.constraints.constraint import Constraint, Entry, leaves
from lc_core.errors import LCError

__all__ = ["NEAREST", "Verdict", "check_reachable", "distance", "nearest_missed", "only_value", "order", "verdict"]

NEAREST = 4
"""How many of the nearest tries a run shows."""
FAR = 1e9
"""Distance of a value that is undefined."""


def distance(entry: Entry, values: Mapping[str, np.ndarray], *, holds: bool = True) -> np.ndarray:
    """Return how far outputs are from meeting an entry, or its negation: `(B,)`, 0 or more, 0 where it is met.

    For a constraint it is the distance to the wanted interval (or out of it) as a share of its bounds' size. Where all
    parts of a group must be met distances add up; where one is enough the least counts.

    Args:
        entry: A constraint or a group.
        values: For each leaf's label, its measured values `(B,)`; NaN is far from everything.
        holds: False for the negation.
    """
    if isinstance(entry, Constraint):
        want, measured = entry.want, values[entry.label]
        if holds:
            away = np.maximum(want.low - measured, measured - want.high)
        else:
            away = np.minimum(measured - want.low, want.high - measured)
        size = max([1.0, *(abs(bound) for bound in (want.low, want.high) if np.isfinite(bound))])
        return np.where(np.isnan(measured), FAR, np.maximum(away, 0.0) / size)
    if entry.kind == "not":
        return distance(entry.entries[0], values, holds=not holds)
    parts = np.stack([distance(child, values, holds=holds) for child in entry.entries])
    total: np.ndarray = parts.sum(axis=0) if (entry.kind == "all") == holds else parts.min(axis=0)
    return total


def order(conditions: Sequence[Entry], values: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """Return the rows of `count` outputs from the nearest: most conditions met, then least distance, then the first."""
    met, away = np.zeros(count), np.zeros(count)
    for entry in conditions:
        met += verdict(entry, values).met
        away += distance(entry, values)
    return np.lexsort((away, -met))


def nearest_missed(
    conditions: Sequence[Entry], values: Mapping[str, np.ndarray], satisfied: np.ndarray, *, count: int = NEAREST
) -> np.ndarray:
    """Return the rows, at most `count`, that come nearest without meeting the conditions.

    Args:
        conditions: What must hold.
        values: For each leaf's label, its measured values `(B,)`.
        satisfied: Which rows meet all conditions, `(B,)` bool.
        count: How many rows at most.
    """
    ranked = order(conditions, values, len(satisfied))
    missed: np.ndarray = ranked[~satisfied[ranked]][:count]
    return missed


def only_value(lowest: np.ndarray, highest: np.ndarray) -> float | None:
    """Return the one value, NaN for undefined, that a measurement had on all samples; None if there were several.

    Args:
        lowest: Lowest value `(V,)` under each combination of what is free; NaN where none is defined.
        highest: Highest value.
    """
    low, high = float(np.fmin.reduce(lowest)), float(np.fmax.reduce(highest))
    return None if low < high else low


def check_reachable(conditions: Sequence[Entry], only: Mapping[str, float]) -> None:
    """Refuse conditions that cannot be met as long as some measurements keep the one value that they had.

    Args:
        conditions: Entries that must hold.
        only: The value of each leaf, by label, that had only one; NaN where it was undefined.

    Raises:
        LCError: If there is one; it names the measurements and their value.
    """
    for entry in conditions:
        if not _reachable(entry, only, holds=True):
            fixed = [leaf for leaf in leaves([entry]) if leaf.label in only]
            values = {leaf.measurement.name: _shown(only[leaf.label]) for leaf in fixed}
            seen = " and ".join(f"{name} is {value}" for name, value in values.items())
            raise LCError(
                f"{entry.label} cannot be reached: {seen} on every sample that was decoded to fit its critic, "
                "which leaves no slope to climb",
                hint="check what it measures on this model; --engine rejection searches without a slope",
            )


def _reachable(entry: Entry, only: Mapping[str, float], *, holds: bool) -> bool:
    """Return whether an entry (or its negation) can be met."""
    if isinstance(entry, Constraint):
        if entry.label not in only:
            return True
        found = verdict(entry, {entry.label: np.array([only[entry.label]])})
        return bool((found.met if holds else found.unmet)[0])
    if entry.kind == "not":
        return _reachable(entry.entries[0], only, holds=not holds)
    parts = [_reachable(child, only, holds=holds) for child in entry.entries]
    return all(parts) if (entry.kind == "all") == holds else any(parts)


def _shown(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:g}"


@dataclass(frozen=True)
class Verdict:
    """For each output, whether an entry is met, and whether its negation is. An undefined value meets neither."""

    met: np.ndarray
    unmet: np.ndarray


def verdict(entry: Entry, values: Mapping[str, np.ndarray]) -> Verdict:
    """Judge an entry on measured values.

    Args:
        entry: A constraint or a group.
        values: For each leaf's label, its measured values `(B,)`.
    """
    if isinstance(entry, Constraint):
        measured = values[entry.label]
        met = entry.want.met(measured)
        return Verdict(met, ~met & ~np.isnan(measured))
    parts = [verdict(child, values) for child in entry.entries]
    if entry.kind == "not":
        return Verdict(parts[0].unmet, parts[0].met)
    mets = np.stack([part.met for part in parts])
    unmets = np.stack([part.unmet for part in parts])
    every, some = np.logical_and.reduce, np.logical_or.reduce
    if entry.kind == "any":
        return Verdict(some(mets), every(unmets))
    return Verdict(every(mets), some(unmets))
