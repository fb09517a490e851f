"""What is counted of a run as blocks come in: of all tries, and of the outputs that are delivered."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.constraints.constraint import leaves, walk
from lc_core.constraints.faults import OutsideRange
from lc_core.sampling.block import Block
from lc_core.sampling.histogram import Histogram
from lc_core.sampling.picked import Picked
from lc_core.sampling.problem import Problem
from lc_core.sampling.variety import Variety

if TYPE_CHECKING:
    from lc_core.plugins.registry import Registered

__all__ = ["DeliveredTally", "Tally"]


class Tally:
    """Counts all tries of a run, block by block.

    Args:
        problem: What is asked.

    Attributes:
        tried: How many tries there were.
        satisfied: How many of them meet every condition.
        decodes: How many outputs were decoded for them.
        met: For each entry's label, how many tries meet it.
        histograms: For each leaf's label, how its values are distributed.
    """

    def __init__(self, problem: Problem) -> None:
        self.tried = self.satisfied = self.decodes = 0
        self.met = {entry.label: 0 for entry in walk(problem.entries)}
        self.histograms = {leaf.label: Histogram() for leaf in leaves(problem.entries)}
        self._labels = [entry.label for entry in problem.entries if entry.require]
        self._pairs = np.zeros((len(self._labels), len(self._labels)), dtype=np.int64)
        self._all_but = np.zeros(len(self._labels), dtype=np.int64)
        self._outside = {leaf.label: OutsideRange(leaf.measurement) for leaf in leaves(problem.entries)}
        self._moves: tuple[int, int, float] | None = None

    def add(self, block: Block) -> None:
        """Count the tries of the next block."""
        self.tried += block.size
        self.satisfied += int(block.satisfied.sum())
        self.decodes += block.decodes
        for label, met in block.met.items():
            self.met[label] += int(met.sum())
        for label, values in block.values.items():
            self.histograms[label].add(values)
            self._outside[label].add(values, block.first)
        if self._labels:
            met = np.stack([block.met[label] for label in self._labels]).astype(np.float64)
            self._pairs += (met @ met.T).astype(np.int64)
            self._all_but += (met.sum(axis=0) - met == len(met) - 1).sum(axis=1)
        if block.moves:
            proposed, accepted, together = self._moves or (0, 0, 0.0)
            now, good, correlation = block.moves
            more = now * correlation if now else 0.0
            self._moves = (proposed + now, accepted + good, together + more)

    @property
    def moves(self) -> dict[str, Any] | None:
        """How many moves were made, the share that was accepted, and how like their starts latents are now."""
        if self._moves is None:
            return None
        proposed, accepted, together = self._moves
        if not proposed:
            return {"proposed": 0, "accepted": None, "correlation": None}
        return {"proposed": proposed, "accepted": accepted / proposed, "correlation": together / proposed}

    @property
    def outside(self) -> list[str]:
        """What is said of measurements with values outside their range, each once."""
        return list(filter(None, dict.fromkeys(one.told() for one in self._outside.values())))

    def blocking(self) -> dict[str, Any]:
        """Return the share of tries that meet each condition alone, each pair, and all but one."""
        labels = self._labels
        table: dict[str, Any] = {"alone": {label: self.met[label] / self.tried for label in labels}}
        if len(labels) > 1:
            pairs = itertools.combinations(range(len(labels)), 2)
            table["pairs"] = {f"{labels[a]} + {labels[b]}": int(self._pairs[a, b]) / self.tried for a, b in pairs}
        if len(labels) > 2:
            counts = zip(labels, self._all_but.tolist(), strict=True)
            table["all but"] = {label: count / self.tried for label, count in counts}
        return table


class DeliveredTally:
    """Counts what is delivered, some outputs at a time.

    Args:
        problem: What is asked.
        view: What says which outputs are the same; None for their bytes.

    Attributes:
        count: How many outputs there were.
        met: For each entry's label, how many of them meet it.
        histograms: For each leaf's label, how its values are distributed.
        variety: How many of them differ.
    """

    def __init__(self, problem: Problem, view: Registered | None) -> None:
        self.count = 0
        self.met = {entry.label: 0 for entry in walk(problem.entries)}
        self.histograms = {leaf.label: Histogram() for leaf in leaves(problem.entries)}
        self.variety = Variety(view)
        self._sums = {leaf.label: (0.0, 0) for leaf in leaves(problem.entries)}
        self._realism = (0.0, 0)

    def add(self, some: Picked) -> None:
        """Count the next outputs. Sums are rounded piece by piece, so a run is always cut in the same way."""
        self.count += len(some)
        for label, met in some.satisfied.items():
            self.met[label] += int(met.sum())
        for label, values in some.measurements.items():
            self.histograms[label].add(values)
            self._sums[label] = _with_sum(self._sums[label], values[~np.isnan(values)])
        self._realism = _with_sum(self._realism, some.realism)
        self.variety.add(some.outputs)

    @property
    def means(self) -> Mapping[str, float | None]:
        """For each leaf's label, the mean of the values that are defined; None where none is."""
        return {label: _mean(of) for label, of in self._sums.items()}

    @property
    def realism(self) -> float | None:
        """The mean realism logit, or None."""
        return _mean(self._realism)


def _with_sum(before: tuple[float, int], values: np.ndarray) -> tuple[float, int]:
    return before[0] + float(values.sum()), before[1] + len(values)


def _mean(of: tuple[float, int]) -> float | None:
    total, count = of
    return total / count if count else None
