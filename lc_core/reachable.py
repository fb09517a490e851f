"""Finds conditions that no latent can be moved to meet, since what they measure has one value wherever one looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from lc_core.constraint import Constraint, Entry, leaves, verdict
from lc_core.errors import LCError

__all__ = ["check_reachable", "only_value"]


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
