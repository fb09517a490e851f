"""Collects what blocks of tries delivered, in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lc_core.bank.bank import Bank
from lc_core.constraints.constraint import Entry
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import NEAREST, nearest_missed, order
from lc_core.sampling.block import Block
from lc_core.sampling.problem import Problem
from lc_core.sampling.result import SampleResult

__all__ = ["Collector"]


class Collector:
    """Takes blocks in order and knows when enough is delivered.

    Args:
        problem: What is asked.
        bank: Of samples of the base, where an engine delivers these.

    Attributes:
        blocks: The blocks so far.
        picked: What is delivered: block, and position in what it keeps.
        repeats: Tries that met all conditions and were left out since their output is delivered already.
    """

    def __init__(self, problem: Problem, bank: Bank | None = None) -> None:
        self.problem = problem
        block = problem.engine.part(0)[0].block
        self._bank = bank or Bank(problem.model, seed=problem.seed, block=block, base=problem.base)
        self.blocks: list[Block] = []
        self.picked: list[tuple[int, int]] = []
        self.repeats = 0
        self._seen: set[bytes] = set()

    @property
    def tried(self) -> int:
        """Tries so far: all of every block."""
        return sum(block.size for block in self.blocks)

    @property
    def timed(self) -> Block | None:
        """The last block that was run by the engine which would run the rest of the tries; None before there is one."""
        part = self.problem.engine.part
        rest = type(part(self.problem.budget)[0])  # there are no more blocks than tries
        return next((one for one in reversed(self.blocks) if one.seconds and type(part(one.number)[0]) is rest), None)

    @property
    def most_seconds_left(self) -> float:
        """How long the rest of the budget would take, going by the block that was timed; 0 before there is one."""
        if self.timed is None or self.complete:
            return 0.0
        return self.timed.seconds * (self.problem.most_tries - self.tried) / self.timed.size

    @property
    def complete(self) -> bool:
        """Whether enough is delivered, or the budget is spent."""
        return len(self.picked) >= self.problem.count or self.tried >= self.problem.budget

    def add(self, block: Block) -> None:
        """Take the next block."""
        self.blocks.append(block)
        for position in np.flatnonzero(block.satisfied[block.rows]):
            if len(self.picked) >= self.problem.count:
                break
            if self.problem.unique:
                content = block.outputs[position].tobytes()
                if content in self._seen:
                    self.repeats += 1
                    continue
                self._seen.add(content)
            self.picked.append((len(self.blocks) - 1, int(position)))

    @property
    def met(self) -> dict[str, np.ndarray]:
        """For each entry's label whether each try meets it, `(tried,)` bool."""
        return {label: np.concatenate([block.met[label] for block in self.blocks]) for label in self.blocks[0].met}

    def result(self) -> SampleResult:
        """Return what is delivered."""
        done = len(self.picked) >= self.problem.count
        result = self._taken(self.picked, "done" if done else "budget spent")
        result.nearest = None if done else self._nearest()
        return result

    def _taken(self, picked: Sequence[tuple[int, int]], status: str) -> SampleResult:
        """Return some of the tries that are kept, as a result."""
        kept = [(self.blocks[number], position) for number, position in picked]
        empty = self.blocks[0]
        return self._result(
            [(number, int(self.blocks[number].rows[position])) for number, position in picked],
            np.stack([block.z[position] for block, position in kept]) if kept else empty.z[:0],
            np.stack([block.outputs[position] for block, position in kept]) if kept else empty.outputs[:0],
            status,
        )

    def _result(
        self, tries: Sequence[tuple[int, int]], latents: np.ndarray, outputs: np.ndarray, status: str
    ) -> SampleResult:
        """Return tries, block and row of each, as a result."""
        first = self.blocks[0]

        def of(values: Callable[[Block], dict[str, np.ndarray]], label: str) -> np.ndarray:
            picked = [values(self.blocks[number])[label][row] for number, row in tries]
            return np.array(picked, dtype=values(first)[label].dtype)

        return SampleResult(
            problem=self.problem,
            status=status,
            index=np.array([self.blocks[number].first + row for number, row in tries], dtype=np.int64),
            latents=latents,
            outputs=outputs,
            measurements={label: of(lambda block: block.values, label) for label in first.values},
            satisfied={label: of(lambda block: block.met, label) for label in first.met},
        )

    def _nearest(self) -> SampleResult:
        """Return the few tries that came nearest without meeting the conditions."""
        conditions = Evaluator(self.problem.model, self.problem.entries).conditions
        missed = [(at, int(row)) for at, block in enumerate(self.blocks) for row in self._missed(conditions, block)]
        labels = self.blocks[0].values
        values = {label: np.array([self.blocks[at].values[label][row] for at, row in missed]) for label in labels}
        best = [missed[at] for at in order(conditions, values, len(missed))[:NEAREST]]
        z, outputs = [self.blocks[0].z[:0]], [self.blocks[0].outputs[:0]]
        for at, row in best:
            block = self.blocks[at]
            position = np.flatnonzero(block.rows == row)
            drawn = self.problem.drawn(block.number)
            z.append(self._bank.latents(block.number)[[row]].float().cpu().numpy() if drawn else block.z[position])
            outputs.append(self._bank.rows(block.number, np.array([row])) if drawn else block.outputs[position])
        return self._result(best, np.concatenate(z), np.concatenate(outputs), "nearest")

    def _missed(self, conditions: Sequence[Entry], block: Block) -> np.ndarray:
        """Return the rows of a block that may be the nearest of the run."""
        if not self.problem.drawn(block.number):
            return np.asarray(block.rows[~block.satisfied[block.rows]])
        return nearest_missed(conditions, block.values, block.satisfied)

    def realism(self) -> float | None:
        """Return the mean realism logit of what is delivered, or None."""
        logits = [(self.blocks[number].realism, position) for number, position in self.picked]
        known = [float(values[position]) for values, position in logits if values is not None]
        return float(np.mean(known)) if known else None
