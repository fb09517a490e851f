"""Finds conditions that no output can meet, where that is provable without measuring anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lc_core.constraints.constraint import Constraint, Entry, fold
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import SLACK
from lc_core.spec.problems import Problems, Where

__all__ = ["check_feasible"]


def check_feasible(entries: Sequence[Entry], places: Sequence[tuple[Constraint, Where]], problems: Problems) -> None:
    """Note wants outside their measurement's range, and conditions that exclude each other.

    Args:
        entries: A spec's entries.
        places: Every constraint with the place of what it wants.
        problems: Takes what is found.
    """
    where = {id(constraint): place for constraint, place in places}
    unreachable = set()
    for constraint, place in places:
        low, high = constraint.measurement.info.range
        if constraint.want.low > high + SLACK or constraint.want.high < low - SLACK:
            unit = f" ({unit})" if (unit := constraint.measurement.info.unit) else ""
            name = constraint.measurement.name
            unreachable.add(id(constraint))
            problems.add(place, f"{constraint.want} cannot be reached: {name} lies between {low:g} and {high:g}{unit}")
    conditions = [found for entry in entries if entry.require for found in _demanded(entry)]
    conditions = [pair for pair in conditions if id(pair[0]) not in unreachable]  # noted already; others may be right
    wanted: dict[Any, tuple[float, float, str]] = {}
    for one, _ in (pair for pair in conditions if pair[1]):
        key = _key(one.measurement)
        low, high, before = wanted.get(key, (*one.measurement.info.range, ""))
        narrowed = max(low, one.want.low), min(high, one.want.high)
        condition = f"{one.label} {one.want}"
        if before and narrowed[0] > narrowed[1] + 2 * SLACK:
            problems.add(where[id(one)], f"{condition} cannot be met together with {before}")
            continue
        wanted[key] = (*narrowed, f"{before} and {condition}" if before else condition)
    for one, _ in (pair for pair in conditions if not pair[1]):
        low, high, before = wanted.get(_key(one.measurement), (*one.measurement.info.range, ""))
        if one.want.low - SLACK <= low and high <= one.want.high + SLACK:
            reason = f"together with {before}" if before else f"since {one.measurement.name} never lies outside"
            problems.add(where[id(one)], f"not {one.label} {one.want} cannot be met {reason}")


def _demanded(entry: Entry) -> list[tuple[Constraint, bool]]:
    """Return the constraints that must hold, or must not, for the entry to be met."""
    return fold(
        entry,
        lambda one, holds: [(one, holds)],
        lambda every, parts: [pair for part in parts for pair in part] if every else [],
    )


def _key(measurement: Measurement) -> Any:
    return id(measurement.function), _frozen(measurement.params)


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((key, _frozen(inner)) for key, inner in value.items()))
    return repr(value)
