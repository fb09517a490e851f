"""Collects what blocks of tries delivered, in their order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.bank.bank import Bank
from lc_core.sampling.block import Block
from lc_core.sampling.digests import Digests
from lc_core.sampling.histogram import Distribution
from lc_core.sampling.nearest import Nearest
from lc_core.sampling.picked import Picked
from lc_core.sampling.problem import Problem
from lc_core.sampling.result import SampleResult
from lc_core.sampling.tally import DeliveredTally, Tally

if TYPE_CHECKING:
    from lc_core.plugins.registry import Registered

__all__ = ["Collector", "Keep"]

MOST_BYTES = 2**25
"""Most bytes of outputs that wait to be handed on."""


@dataclass(frozen=True)
class Keep:
    """What takes the outputs of a run as they come, so that the run need not hold them.

    Attributes:
        give: Called with outputs in order: `size` of them each time, and at the end the rest.
        size: How many; fewer, but always the same number, where so many take more than 32 MiB.
        first: How many of the first outputs the result of the run holds all the same.
        whole: Up to so many outputs, means are rounded as if the run held all.
    """

    give: Callable[[Picked], None]
    size: int
    first: int
    whole: int = 0


class Collector:
    """Takes blocks in order and knows when enough is delivered. It holds no block that it has taken.

    Args:
        problem: What is asked.
        bank: Of samples of the base, where an engine delivers these.
        view: What says which outputs are the same; None for their bytes.
        keep: What takes the outputs that are delivered; None to hold all of them.

    Attributes:
        tally: What is counted of all tries.
        after: What is counted of what is delivered; complete once there is a result.
        delivered: How many outputs are delivered.
        repeats: Tries that met all conditions and were left out since their output is delivered already.
        timed: The last block that was run by the engine which would run the rest of the tries; None without one.
        engines: What each engine tried, found and delivered, in the order in which they began.
    """

    def __init__(
        self,
        problem: Problem,
        bank: Bank | None = None,
        *,
        view: Registered | None = None,
        keep: Keep | None = None,
    ) -> None:
        self.problem = problem
        block = problem.engine.part(0)[0].block
        self.tally = Tally(problem)
        self.after = DeliveredTally(problem, view, whole=None if keep is None else keep.whole)
        self.delivered = self.repeats = 0
        self.timed: Block | None = None
        self.engines: dict[str, dict[str, Any]] = {}
        self._nearest = Nearest(problem, bank or Bank(problem.model, seed=problem.seed, block=block, base=problem.base))
        self._keep = keep
        self._seen = Digests()
        self._waiting: list[Picked] = []
        self._first: list[Picked] = []

    @property
    def tried(self) -> int:
        """Tries so far: all of every block."""
        return self.tally.tried

    @property
    def most_seconds_left(self) -> float:
        """How long the rest of the budget would take, going by the block that was timed; 0 before there is one."""
        if self.timed is None or self.complete:
            return 0.0
        return self.timed.seconds * (self.problem.most_tries - self.tried) / self.timed.size

    @property
    def complete(self) -> bool:
        """Whether enough is delivered, or the budget is spent."""
        return self.delivered >= self.problem.count or self.tried >= self.problem.budget

    def add(self, block: Block) -> None:
        """Take the next block."""
        part = self.problem.engine.part
        if block.seconds and type(part(block.number)[0]) is type(part(self.problem.budget)[0]):
            self.timed = block  # there are no more blocks than tries
        self.tally.add(block)
        self._nearest.add(block)
        positions = self._new(block)
        self._count_engine(block, len(positions))
        self.delivered += len(positions)
        if len(positions) or not self._waiting:
            self._waiting.append(Picked.of(block, positions))
        if self._keep is not None:
            size = max(1, min(self._keep.size, MOST_BYTES // self._waiting[0].bytes_each))
            while self.delivered - self.after.count >= size:
                self._give(size)

    def _new(self, block: Block) -> np.ndarray:
        """Return which of the tries that a block keeps are delivered."""
        positions = np.flatnonzero(block.satisfied[block.rows])
        if self.problem.unique:
            fresh = self._seen.add(block.outputs[positions])
            self.repeats += int((~fresh).sum())
            positions = positions[fresh]
        return positions[: self.problem.count - self.delivered]

    def _count_engine(self, block: Block, delivered: int) -> None:
        engine = self.problem.engine.part(block.number)[0]
        name = type(engine).__name__.lower()
        about = self.engines.setdefault(
            name,
            {"engine": name, "exact": not engine.needs_energy, "tried": 0, "satisfied": 0, "delivered": 0},
        )
        about["tried"] += block.size
        about["satisfied"] += int(block.satisfied.sum())
        about["delivered"] += delivered

    def _give(self, count: int) -> None:
        """Count the first of the outputs that wait, and hand them on."""
        waiting = Picked.joined(self._waiting)
        some, self._waiting = waiting.cut(0, count), [waiting.cut(count)]
        self.after.add(some)
        if self._keep is None:
            self._first.append(some)
            return
        room = self._keep.first - sum(map(len, self._first))
        if room > 0 or not self._first:
            self._first.append(some.cut(0, room))
        if len(some):
            self._keep.give(some)

    def result(self) -> SampleResult:
        """Return what is delivered; of outputs that were handed on, the first."""
        self._give(self.delivered - self.after.count)
        first = Picked.joined(self._first)
        done = self.delivered >= self.problem.count
        result = self._as_result(first, "done" if done else "budget spent")
        result.nearest = None if done else self._as_result(self._nearest.picked(first), "nearest")
        result.distributions = {
            label: Distribution(before, self.after.histograms[label]) for label, before in self.tally.histograms.items()
        }
        return result

    def _as_result(self, some: Picked, status: str) -> SampleResult:
        return SampleResult(
            problem=self.problem,
            status=status,
            index=some.index,
            latents=some.latents,
            outputs=some.outputs,
            measurements=dict(some.measurements),
            satisfied=dict(some.satisfied),
        )
