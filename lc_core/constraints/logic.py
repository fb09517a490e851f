"""Verdicts on measured values: met or not, how far from being met, and which conditions can never be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lc_core.constraints.constraint import Constraint, Entry, fold, leaves
from lc_core.errors import LCError

__all__ = [
    "NEAREST",
    "Verdict",
    "check_reachable",
    "distance",
    "meet_all",
    "nearest_missed",
    "only_value",
    "order",
    "verdict",
]

NEAREST = 4
"""How many of the nearest tries a run shows."""
FAR = 1e9
"""Distance of a value that is undefined."""


def distance(entry: Entry, values: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return how far outputs are from meeting an entry: `(B,)`, 0 or more, 0 where it is met.

    For a constraint it is the distance to the wanted interval (or out of it) as a share of its bounds' size. Where all
    parts of a group must be met distances add up; where one is enough the least counts.

    Args:
        entry: A constraint or a group.
        values: For each leaf's label, its measured values `(B,)`; NaN is far from everything.
    """

    def leaf(one: Constraint, holds: bool) -> np.ndarray:
        want, measured = one.want, values[one.label]
        if holds:
            away = np.maximum(want.low - measured, measured - want.high)
        else:
            away = np.minimum(measured - want.low, want.high - measured)
        size = max([1.0, *(abs(bound) for bound in (want.low, want.high) if np.isfinite(bound))])
        return np.where(np.isnan(measured), FAR, np.maximum(away, 0.0) / size)

    def join(every: bool, parts: list[np.ndarray]) -> np.ndarray:
        total: np.ndarray = np.sum(parts, axis=0) if every else np.min(parts, axis=0)
        return total

    return fold(entry, leaf, join)


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
        if not _reachable(entry, only):
            fixed = [leaf for leaf in leaves([entry]) if leaf.label in only]
            values = {leaf.measurement.name: _shown(only[leaf.label]) for leaf in fixed}
            seen = " and ".join(f"{name} is {value}" for name, value in values.items())
            raise LCError(
                f"{entry.label} cannot be reached: {seen} on every sample that was decoded to fit its critic, "
                "which leaves no slope to climb",
                hint="check what it measures on this model; --engine rejection searches without a slope",
            )


def _reachable(entry: Entry, only: Mapping[str, float]) -> bool:
    """Return whether an entry can be met."""

    def leaf(one: Constraint, holds: bool) -> bool:
        if one.label not in only:
            return True
        found = verdict(one, {one.label: np.array([only[one.label]])})
        return bool((found.met if holds else found.unmet)[0])

    return fold(entry, leaf, lambda every, parts: all(parts) if every else any(parts))


def _shown(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:g}"


@dataclass(frozen=True)
class Verdict:
    """For each output, whether an entry is met, and whether its negation is. An undefined value meets neither."""

    met: np.ndarray
    unmet: np.ndarray


def verdict(entry: Entry, values: Mapping[str, np.ndarray]) -> Verdict:
    """Assess an entry on measured values.

    Args:
        entry: A constraint or a group.
        values: For each leaf's label, its measured values `(B,)`.
    """

    def leaf(one: Constraint, holds: bool) -> Verdict:
        measured = values[one.label]
        met = one.want.met(measured)
        unmet = ~met & ~np.isnan(measured)
        return Verdict(met, unmet) if holds else Verdict(unmet, met)

    def join(every: bool, parts: list[Verdict]) -> Verdict:
        met, unmet = [part.met for part in parts], [part.unmet for part in parts]
        if every:
            return Verdict(np.logical_and.reduce(met), np.logical_or.reduce(unmet))
        return Verdict(np.logical_or.reduce(met), np.logical_and.reduce(unmet))

    return fold(entry, leaf, join)


def meet_all(entries: Iterable[Entry], values: Mapping[str, np.ndarray], count: int) -> np.ndarray:
    """Return which of `count` outputs meet every one of some entries, `(count,)` bool; all of them if there is none."""
    met: np.ndarray = np.logical_and.reduce(
        [np.ones(count, dtype=bool), *(verdict(one, values).met for one in entries)]
    )
    return met
