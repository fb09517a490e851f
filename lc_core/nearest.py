"""How far a try is from meeting the conditions, for a run that finds too few: the nearest are kept and shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lc_core.constraint import Constraint, Entry, verdict

__all__ = ["NEAREST", "distance", "nearest_missed", "order"]

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
