"""The few tries of a run that come nearest without meeting the conditions, found as blocks come in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lc_core.bank.bank import Bank
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import NEAREST, nearest_missed, order
from lc_core.sampling.block import Block
from lc_core.sampling.picked import Picked
from lc_core.sampling.problem import Problem

__all__ = ["Nearest"]


@dataclass(frozen=True)
class _Missed:
    """One try: its block and its row there; latent and output, unless they can be drawn again."""

    number: int
    row: int
    first: int
    values: dict[str, float]
    met: dict[str, bool]
    z: np.ndarray | None
    output: np.ndarray | None


class Nearest:
    """Takes blocks in order and keeps the tries that come nearest.

    Args:
        problem: What is asked.
        bank: Of samples of the base, where an engine delivers these.
    """

    def __init__(self, problem: Problem, bank: Bank) -> None:
        self._problem, self._bank = problem, bank
        self._conditions = Evaluator(problem.model, problem.entries).conditions
        self._found: list[_Missed] = []

    def add(self, block: Block) -> None:
        """Take the next block."""
        drawn = self._problem.drawn(block.number)
        if drawn:
            rows = nearest_missed(self._conditions, block.values, block.satisfied)
        else:
            rows = block.rows[~block.satisfied[block.rows]]
        for row in map(int, rows):
            at = None if drawn else int(np.searchsorted(block.rows, row))
            self._found.append(
                _Missed(
                    block.number,
                    row,
                    block.first,
                    {label: float(values[row]) for label, values in block.values.items()},
                    {label: bool(met[row]) for label, met in block.met.items()},
                    None if at is None else block.z[at].copy(),
                    None if at is None else block.outputs[at].copy(),
                )
            )
        labels = block.values
        values = {label: np.array([one.values[label] for one in self._found]) for label in labels}
        self._found = [self._found[at] for at in order(self._conditions, values, len(self._found))[:NEAREST]]

    def picked(self, like: Picked) -> Picked:
        """Return them, the nearest first.

        Args:
            like: Some outputs of the run, for the types and shapes.
        """
        z, outputs = [like.latents[:0]], [like.outputs[:0]]
        for one in self._found:
            rows = np.array([one.row])
            drawn = self._bank.latents(one.number)[rows].float().cpu().numpy() if one.z is None else one.z[None]
            z.append(drawn)
            outputs.append(self._bank.rows(one.number, rows) if one.output is None else one.output[None])
        found = self._found
        return Picked(
            index=np.array([one.first + one.row for one in found], dtype=np.int64),
            latents=np.concatenate(z),
            outputs=np.concatenate(outputs),
            measurements={
                label: np.array([one.values[label] for one in found], dtype=values.dtype)
                for label, values in like.measurements.items()
            },
            satisfied={label: np.array([one.met[label] for one in found], dtype=bool) for label in like.satisfied},
        )
