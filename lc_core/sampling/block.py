"""Verified sampling: run blocks of tries until enough outputs meet every condition or the budget is spent.

Try i is row i mod B of block i // B, and depends on (seed, i) alone. Every try is decoded, in float32, and measured;
what is delivered are the first `count` that meet all conditions, in the order of their index.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from lc_core.common.guard import blaming
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import nearest_missed
from lc_core.critics.realism import realism_of
from lc_core.engines.base import Engine, run_engine
from lc_core.errors import LCError
from lc_core.models.latent_model import draw_transported
from lc_core.sampling.moves import make_moves
from lc_core.sampling.problem import Problem

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.energy.energy import Energy

__all__ = ["Block", "run_block"]


@dataclass(frozen=True)
class Block:
    """All that is kept of one block of tries.

    Attributes:
        number: Its number, from 0.
        first: Index of its first try.
        met: For each entry's label, groups and inner entries included, which tries meet it, `(B,)` bool.
        values: For each leaf's label, the measured values `(B,)` float64.
        satisfied: Which tries meet every condition, `(B,)` bool.
        rows: Rows that are kept, rising: those that meet all conditions, and those that come nearest.
        z: Their latents `(len(rows), *latent_shape)` float32.
        outputs: Their decoded outputs.
        realism: Their realism logits `(len(rows),)`, or None where the model has no realism critic.
        decodes: Outputs decoded for this block, the last decode of every try included.
        size: B.
        moves: Moves that were proposed and accepted, and how like their starts latents are in the end
            (`lc_core.sampling.moves.Moved`); None where none were made.
        seconds: What running it took; 0 if it was read from a folder.
    """

    number: int
    first: int
    met: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    satisfied: np.ndarray
    rows: np.ndarray
    z: np.ndarray
    outputs: np.ndarray
    realism: np.ndarray | None
    decodes: int
    size: int
    moves: tuple[int, int, float] | None = None
    seconds: float = field(default=0.0, compare=False)

    @property
    def index(self) -> np.ndarray:
        """Indices of the tries that are kept."""
        return self.first + self.rows


def run_block(problem: Problem, energy: Energy | None, number: int) -> Block:
    """Run, decode and measure one block of tries: a function of (problem, number) alone."""
    import torch

    began = time.monotonic()
    evaluator = Evaluator(problem.model, problem.entries)
    engine, first = problem.engine.part(number)
    size = engine.block
    on_the_way = energy.decodes if energy else 0
    transport = _transport(problem, engine)
    z = _end_points(problem, engine, energy, number, evaluator, transport)
    on_the_way = (energy.decodes if energy else 0) - on_the_way + size * getattr(transport, "decodes", 0)
    moved = None
    if problem.moves and engine.needs_energy:
        moved = make_moves(evaluator, z, moves=problem.moves, seed=problem.seed, block=number, first_index=first)
        z = moved.z
    outputs = evaluator.decode(z, first_index=first)
    values = evaluator.measure(outputs, first_index=first)
    satisfied = evaluator.satisfied(values, size)
    rows = np.union1d(np.flatnonzero(satisfied), nearest_missed(evaluator.conditions, values, satisfied))
    kept = torch.from_numpy(rows)
    return Block(
        number=number,
        first=first,
        met=evaluator.met(values),
        values=values,
        satisfied=satisfied,
        rows=rows,
        z=z[kept].float().cpu().numpy(),
        outputs=outputs[rows],
        realism=_realism(problem, z, kept),
        decodes=evaluator.decodes + on_the_way,
        size=size,
        moves=(moved.proposed, moved.accepted, moved.correlation) if moved else None,
        seconds=time.monotonic() - began,
    )


def _transport(problem: Problem, engine: Engine) -> Callable[[Tensor], Tensor] | None:
    """Return what transports prior samples to where tries begin, if anything does."""
    if problem.base == "data":
        return engine.transport(problem.model, problem.entries)
    if problem.realism == 0 or not engine.begins_real:
        return None
    return problem.model.flow() if problem.entries else problem.model.realism_alone()


def _end_points(
    problem: Problem,
    engine: Engine,
    energy: Energy | None,
    number: int,
    evaluator: Evaluator,
    transport: Callable[[Tensor], Tensor] | None,
) -> Tensor:
    """Return where the engine brings every try of a block, `(B, *latent_shape)`."""
    import torch

    def check(latents: Tensor) -> np.ndarray:
        try:
            return evaluator.satisfied_latents(latents)
        except LCError as error:
            place = f"outputs are counted among {len(latents)} that the engine decoded on its way in block {number}"
            raise LCError(error.message, hint="; ".join(filter(None, (error.hint, place)))) from error

    start = draw_transported(problem.model, engine.block, block_generator(problem.seed, number), transport)
    # Where nothing is required every try would count as satisfied, and stop before it has gone anywhere.
    z = run_engine(engine, problem.model, start, energy, satisfied=check if evaluator.conditions else None).z
    finite = torch.isfinite(z).flatten(1).all(dim=1)
    if not bool(finite.all()):
        at = problem.engine.part(number)[1] + int((~finite).nonzero()[0])
        name = type(engine).__name__.lower()
        raise LCError(f"engine {name} ended try {at} at a latent that is not finite", hint="try smaller steps")
    return z


def _realism(problem: Problem, z: Tensor, rows: Tensor) -> np.ndarray | None:
    """Return the realism logits of some rows, computed with the whole block.

    None without a realism critic; what is typical of the prior is in it only if it was asked for.
    """
    import torch

    with blaming(f"the realism critic of {problem.model.name}"), torch.inference_mode():
        critic = realism_of(problem.model)[0] if problem.realism > 0 else problem.model.realism()
        if critic is None:
            return None
        logits: np.ndarray = critic(z)[rows.to(z.device)].float().cpu().numpy()
        return logits
