"""The blocks of one spec in their order, and what they deliver, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lc_core.bank import AtHand, Bank
from lc_core.constraints.evaluator import Evaluator
from lc_core.sampling.block import Block, run_block
from lc_core.sampling.digests import Digests
from lc_core.sampling.picked import Picked
from lc_core.sampling.problem import Problem

if TYPE_CHECKING:
    from lc_core.energy.energy import Energy
    from lc_core.engines.base import Engine

__all__ = ["Answer", "Run"]


@dataclass(frozen=True)
class Answer:
    """One output that meets every condition.

    Attributes:
        index: Number of its try; -1 of what is near another output.
        z: Its latent, `latent_shape` float32.
        output: What is decoded.
        values: What each constraint measures, by label; NaN where it has no value.
        met: Whether each entry is met, by label.
        engine: What made it, such as `rejection`, `sampler` or `moves`.
        exact: Whether it is a sample of the base as it is.
    """

    index: int
    z: np.ndarray
    output: np.ndarray
    values: dict[str, float]
    met: dict[str, bool]
    engine: str
    exact: bool


class Run:
    """Blocks of one problem in their order, and what they deliver.

    Args:
        problem: What is asked.
        energy: What its engine descends.
        tell: Called with each answer.
    """

    def __init__(self, problem: Problem, energy: Energy | None, tell: Callable[[Answer], None]) -> None:
        self._problem, self._energy, self._tell = problem, energy, tell
        self._seen = Digests()
        self.number = self.delivered = 0

    @property
    def full(self) -> bool:
        """Whether all that was asked for is delivered."""
        return self.delivered >= self._problem.count

    @property
    def tried(self) -> int:
        """Tries so far."""
        return self._problem.engine.part(self.number)[1]

    def take(self, bank: AtHand, evaluator: Evaluator, blocks: int) -> None:
        """Take the next blocks of a bank, up to one; those in which nothing satisfies cost nothing."""
        while blocks > self.number and not self._problem.drawn(blocks - 1):
            blocks -= 1
        columns = bank.first_values(blocks, [leaf.measurement for leaf in evaluator.leaves])
        values = dict(zip((leaf.label for leaf in evaluator.leaves), columns, strict=True))
        satisfied = evaluator.satisfied(values, blocks * bank.block)
        good = np.logical_or.reduce(satisfied.reshape(blocks, bank.block), axis=1)
        while self.number < blocks and not self.full and self._problem.has_block(self.number):
            if good[self.number]:
                self.one(bank)
            else:
                self.number += 1

    def one(self, bank: Bank | None) -> None:
        """Run the next block."""
        engine: Engine = self._problem.engine.part(self.number)[0]
        block = run_block(self._problem, self._energy, self.number, bank)
        self.number += 1
        for picked in self._picked(block):
            self.delivered += 1
            self._tell(
                Answer(
                    index=int(picked.index[0]),
                    z=picked.latents[0],
                    output=picked.outputs[0],
                    values={label: float(one[0]) for label, one in picked.measurements.items()},
                    met={label: bool(one[0]) for label, one in picked.satisfied.items()},
                    engine=type(engine).__name__.lower(),
                    exact=not engine.needs_energy,
                )
            )

    def _picked(self, block: Block) -> Iterator[Picked]:
        """Yield what a block delivers, one by one."""
        for position in np.flatnonzero(block.satisfied[block.rows]):
            if self.full:
                return
            if not self._problem.unique or bool(self._seen.add(block.outputs[position : position + 1])[0]):
                yield Picked.of(block, np.array([position]))
