"""Finds conditions that no output can meet, where that is provable without measuring anything."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lc_core.constraints.constraint import Constraint, Entry, fold
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import SLACK
from lc_core.spec.problems import Problems, Where

__all__ = ["check_feasible"]

Pair = tuple[Constraint, bool]
"""A constraint, and whether it must hold or must not."""


def check_feasible(entries: Sequence[Entry], places: Sequence[tuple[Constraint, Where]], problems: Problems) -> None:
    """Note wants outside their measurement's range, and wants of conditions that exclude each other, in groups too.

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
    demands = [_demanded(entry, unreachable) for entry in entries if entry.require]
    _check(_joined(True, demands), (), lambda one, told: problems.add(where[id(one)], told))


@dataclass(frozen=True)
class _Demand:
    """What has to be so for entries to be met.

    Attributes:
        pairs: Constraints, each with whether it must hold or must not.
        choices: Groups of which one alternative is enough.
    """

    pairs: tuple[Pair, ...] = ()
    choices: tuple[tuple[_Demand, ...], ...] = ()


def _demanded(entry: Entry, without: Collection[int]) -> _Demand:
    """Return what an entry demands, without constraints of some ids."""
    return fold(entry, lambda one, holds: _Demand(() if id(one) in without else ((one, holds),)), _joined)


def _joined(every: bool, parts: Sequence[_Demand]) -> _Demand:
    if not every:
        return _Demand(choices=(tuple(parts),))
    pairs = tuple(pair for part in parts for pair in part.pairs)
    return _Demand(pairs, tuple(choice for part in parts for choice in part.choices))


def _check(demand: _Demand, around: tuple[Pair, ...], add: Callable[[Constraint, str], None]) -> bool:
    """Note what cannot be met: in a demand, in one of its alternatives, or in all alternatives beside what is around.

    Args:
        demand: The demand.
        around: What is demanded beside it.
        add: Called with a constraint and what is wrong.

    Returns:
        Whether something was found.
    """
    own = _clashes(demand.pairs)
    for one, told in own:
        add(one, told)
    dead = bool(own)
    beside = () if dead else (*around, *demand.pairs)
    for choice in demand.choices:
        inside = [_check(alternative, beside, add) for alternative in choice]
        clashes = [_clashes(alternative.pairs, beside) for alternative in choice]
        dead = dead or any(inside)
        if all(clashes) and not dead:
            dead = True
            for one, told in (clash for some in clashes for clash in some):
                add(one, told)
    return dead


def _clashes(pairs: Sequence[Pair], around: Sequence[Pair] = ()) -> list[tuple[Constraint, str]]:
    """Return the constraints that cannot be met together with those before them, or with those around, and why."""
    wanted: dict[Any, tuple[float, float, str]] = {}
    found = []
    for one, _ in (pair for pair in (*around, *pairs) if pair[1]):
        key = _key(one.measurement)
        low, high, before = wanted.get(key, (*one.measurement.info.range, ""))
        narrowed = max(low, one.want.low), min(high, one.want.high)
        condition = f"{one.label} {one.want}"
        if before and narrowed[0] > narrowed[1] + 2 * SLACK:
            found.append((one, f"{condition} cannot be met together with {before}"))
            continue
        wanted[key] = (*narrowed, f"{before} and {condition}" if before else condition)
    for one, _ in (pair for pair in (*around, *pairs) if not pair[1]):
        low, high, before = wanted.get(_key(one.measurement), (*one.measurement.info.range, ""))
        if one.want.low - SLACK <= low and high <= one.want.high + SLACK:
            reason = f"together with {before}" if before else f"since {one.measurement.name} never lies outside"
            found.append((one, f"not {one.label} {one.want} cannot be met {reason}"))
    return found


def _key(measurement: Measurement) -> Any:
    return id(measurement.function), _frozen(measurement.params)


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(sorted((key, _frozen(inner)) for key, inner in value.items()))
    return repr(value)
