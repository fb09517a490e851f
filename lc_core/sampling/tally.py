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
        whole: Up to so many outputs, means are of all values at once, which takes eight bytes for each; None for any.

    Attributes:
        count: How many outputs there were.
        met: For each entry's label, how many of them meet it.
        histograms: For each leaf's label, how its values are distributed.
        variety: How many of them differ.
    """

    def __init__(self, problem: Problem, view: Registered | None, *, whole: int | None = None) -> None:
        self.count = 0
        self.met = {entry.label: 0 for entry in walk(problem.entries)}
        self.histograms = {leaf.label: Histogram() for leaf in leaves(problem.entries)}
        self.variety = Variety(view)
        self._whole = whole
        self._means = {leaf.label: _Mean() for leaf in leaves(problem.entries)}
        self._realism = _Mean()

    def add(self, some: Picked) -> None:
        """Count the next outputs; a run is always cut in the same way, since sums are rounded piece by piece."""
        self.count += len(some)
        hold = self._whole is None or self.count <= self._whole
        for label, met in some.satisfied.items():
            self.met[label] += int(met.sum())
        for label, values in some.measurements.items():
            self.histograms[label].add(values)
            self._means[label].add(values[~np.isnan(values)], hold=hold)
        self._realism.add(some.realism, hold=hold)
        self.variety.add(some.outputs)

    @property
    def means(self) -> Mapping[str, float | None]:
        """For each leaf's label, the mean of the values that are defined; None where none is."""
        return {label: one.value for label, one in self._means.items()}

    @property
    def realism(self) -> float | None:
        """The mean realism logit, or None."""
        return self._realism.value


class _Mean:
    """The mean of values that come piece by piece: all summed at once as long as they are held, else piece by piece."""

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0
        self._held: list[np.ndarray] = []

    def add(self, values: np.ndarray, *, hold: bool) -> None:
        self._held.append(values)
        self._count += len(values)
        if not hold:
            for one in self._held:
                self._sum += float(one.sum())
            self._held = []

    @property
    def value(self) -> float | None:
        if not self._count:
            return None
        return (self._sum + float(np.concatenate([*self._held, np.zeros(0)]).sum())) / self._count
