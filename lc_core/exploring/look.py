"""What a model's samples tell of a spec: where values lie, what is left under the other rules, what would loosen it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lc_core.bank import Rates
from lc_core.bank.rate import RARE, rates_of
from lc_core.constraints.constraint import Constraint, Entry, Group
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import verdict

__all__ = ["Look", "Path", "Reach", "look_at", "paths_of"]

BARS = 40
"""Most parts that the range of a rule's values is cut into."""
FEW = 256
"""A rule with at most so many different values may go up in steps."""
Path = tuple[int | str, ...]
"""Where an entry stands in the list of a spec: `(0,)`, `(2, "any", 1)` or `(3, "not")`."""


@dataclass(frozen=True)
class Reach:
    """Where the values of one constraint lie.

    Attributes:
        path: Where it stands in the spec.
        label: Its label.
        low: The least value that is shown.
        high: The greatest value that is shown.
        edges: Where the first bar begins and the last one ends: half a step outside where values go up in steps.
        every: How many samples lie in each of B equal bars between these edges, `(B,)` int64, B at most 40.
        left: How many of those that meet all other conditions, `(B,)` int64.
        others: How many samples meet all other conditions.
        step: The step between values, where they go up in equal steps; else None.
    """

    path: Path
    label: str
    low: float
    high: float
    edges: tuple[float, float]
    every: np.ndarray
    left: np.ndarray
    others: int
    step: float | None = None


@dataclass(frozen=True)
class Look:
    """What samples tell of a spec.

    Attributes:
        rates: How many samples meet each entry, and all of them.
        reach: For each constraint, those inside groups too, where its values lie.
        advice: What would loosen a spec that hardly any sample meets, a line each.
    """

    rates: Rates
    reach: tuple[Reach, ...]
    advice: tuple[str, ...] = field(default=())


def look_at(evaluator: Evaluator, values: Mapping[str, np.ndarray], samples: int) -> Look:
    """Tell what samples say of the entries of a spec.

    Args:
        evaluator: The model and the entries.
        values: For each leaf's label, the values of the samples `(samples,)`.
        samples: How many samples there are.
    """
    rates = rates_of(evaluator, values, samples)
    met = {entry.label: verdict(entry, values).met for entry in evaluator.conditions}
    reach = []
    for path, leaf in paths_of(evaluator.entries):
        top = evaluator.entries[int(path[0])].label
        others = [one for label, one in met.items() if label != top]
        left = np.logical_and.reduce(others) if others else np.ones(samples, dtype=bool)
        reach.append(_reach(path, leaf, values[leaf.label], left))
    return Look(rates, tuple(reach), tuple(_advice(rates)))


def paths_of(entries: Sequence[Entry], before: Path = ()) -> Iterator[tuple[Path, Constraint]]:
    """Yield the constraints of a tree, each with where it stands."""
    for number, entry in enumerate(entries):
        path: Path = (*before, number)
        if isinstance(entry, Group) and entry.kind == "not":
            yield from ((_without_number(inner), leaf) for inner, leaf in paths_of(entry.entries, (*path, "not")))
        elif isinstance(entry, Group):
            yield from paths_of(entry.entries, (*path, entry.kind))
        else:
            yield path, entry


def _without_number(path: Path) -> Path:
    """Return a path through `not`, which holds one entry and no list."""
    at = len(path) - 1 - path[::-1].index("not")
    return (*path[: at + 1], *path[at + 2 :])


def _reach(path: Path, leaf: Constraint, values: np.ndarray, left: np.ndarray) -> Reach:
    known = values[~np.isnan(values)]
    ends = [one for one in (leaf.want.low, leaf.want.high) if math.isfinite(one)]
    least, most = leaf.measurement.info.range
    low = min([float(known.min()), *ends]) if len(known) else min([*ends, least if math.isfinite(least) else 0.0])
    high = max([float(known.max()), *ends]) if len(known) else max([*ends, most if math.isfinite(most) else 1.0])
    if not low < high:
        low, high = (low - 0.5, high + 0.5) if math.isinf(least) else (min(low, least), max(high, low + 1.0))
    step = _step(known)
    first, width, bars = _cut(low, high, step, float(known.min()) if len(known) else low)
    place = np.clip((values - first) / width, 0, bars - 1)
    numbers = np.where(np.isnan(place), bars, place).astype(np.int64)
    every = np.bincount(numbers, minlength=bars + 1)[:bars]
    some = np.bincount(numbers[left], minlength=bars + 1)[:bars]
    edges = (first, first + bars * width)
    return Reach(path, leaf.label, low, high, edges, every, some, int(left.sum()), step)


def _cut(low: float, high: float, step: float | None, known: float) -> tuple[float, float, int]:
    """Return where the first bar begins, how wide bars are, and how many; values in steps are in their middles.

    Args:
        low: The least value that is shown.
        high: The greatest one.
        step: The step between values, if they have one.
        known: A value that occurs.
    """
    if step is None:
        return low, (high - low) / BARS, BARS
    least = known - step * math.ceil((known - low) / step - 1e-6)
    count = math.floor((high - least) / step + 1e-6) + 1
    together = math.ceil(count / BARS)  # so many steps are one bar
    return least - step / 2, together * step, math.ceil(count / together)


def _step(known: np.ndarray) -> float | None:
    """Return the step between values that go up in equal steps; None if they do not, or few are known."""
    different = np.unique(known[:16_384])
    if not 2 < len(different) <= FEW:
        return None
    gaps = np.diff(different)
    step = float(gaps.min())
    times = gaps / step
    return step if np.abs(times - np.rint(times)).max() < 1e-6 else None


def _advice(rates: Rates) -> Iterator[str]:
    """Say which one condition, if it were left out, would let many more samples through."""
    if rates.every is None or rates.every.met >= rates.samples * RARE / 100:
        return
    for label, rate in sorted(rates.but.items(), key=lambda one: -one[1].met)[:2]:
        if rate.met > 10 * max(1, rates.every.met):
            yield f"without {label}: {rate}"
