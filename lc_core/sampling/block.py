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

from lc_core.bank.bank import Bank
from lc_core.common.cache import Cache
from lc_core.common.guard import blaming
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import nearest_missed
from lc_core.critics.realism import realism_of
from lc_core.engines.base import Engine
from lc_core.engines.loop import BlockResult, run_engine
from lc_core.errors import LCError
from lc_core.models.cost import share_of_block
from lc_core.models.latent_model import draw_transported
from lc_core.sampling.moves import make_moves
from lc_core.sampling.problem import Problem

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.energy.energy import Energy

__all__ = ["Block", "bank_for", "run_block"]


@dataclass(frozen=True)
class Block:
    """All that is kept of one block of tries.

    Attributes:
        number: Its number, from 0.
        first: Index of its first try.
        met: For each entry's label, groups and inner entries included, which tries meet it, `(B,)` bool.
        values: For each leaf's label, the measured values `(B,)` float64.
        satisfied: Which tries meet every condition, `(B,)` bool.
        rows: Rows that are kept, rising: those that meet all conditions and, where an engine moved them, those that
            come nearest. Samples of the base can be drawn again when it is known which of all are nearest.
        z: Their latents `(len(rows), *latent_shape)` float32.
        outputs: Their decoded outputs.
        realism: Their realism logits `(len(rows),)`; None where the model has no realism critic, or no try satisfies.
        decodes: Outputs decoded for this block, the last decode of every try included.
        size: B.
        moves: Moves that were proposed and accepted, and how like their starts latents are in the end
            (`lc_core.sampling.moves.Moved`); None where none were made.
        seconds: What running it took, without a fit that was made for it; 0 if it was read from a folder or a bank.
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


def bank_for(problem: Problem, cache: Cache | None, say: Callable[[str], None] = lambda _: None) -> Bank | None:
    """Return the bank of what an engine that only decodes will draw; None for engines that move latents.

    Args:
        problem: What is asked.
        cache: Where the bank is kept.
        say: Called with a line when something is wrong with what is kept.

    Raises:
        LCError: If `LC_BANK_BYTES` is no number of bytes.
    """
    if not problem.drawn(0):
        return None
    block = problem.engine.part(0)[0].block
    return Bank(problem.model, seed=problem.seed, block=block, cache=cache, say=say, base=problem.base)


def run_block(problem: Problem, energy: Energy | None, number: int, bank: Bank | None = None) -> Block:
    """Run, decode and measure one block of tries: a function of (problem, number) alone.

    Args:
        problem: What is asked.
        energy: What the engine descends.
        number: Number of the block.
        bank: From `bank_for`, of what an engine that only decodes need not decode again.
    """
    import torch

    began, fits = time.monotonic(), problem.engine.fit_seconds()
    evaluator = Evaluator(problem.model, problem.entries)
    engine, first = problem.engine.part(number)
    size = engine.block
    bank = bank or bank_for(problem, None) if problem.drawn(number) else None
    made = 0 if bank is None else bank.made
    tried = _moved(problem, energy, number, evaluator) if bank is None else _drawn(bank, number, evaluator)
    values = tried.values
    satisfied = evaluator.satisfied(values, size)
    rows = np.flatnonzero(satisfied)
    if bank is None:
        rows = np.union1d(rows, nearest_missed(evaluator.conditions, values, satisfied))
    kept = torch.from_numpy(rows)
    outputs = tried.outputs(rows)
    was_there = bank is not None and bank.made == made
    return Block(
        number=number,
        first=first,
        met=evaluator.met(values),
        values=values,
        satisfied=satisfied,
        rows=rows,
        z=tried.z[kept].float().cpu().numpy(),
        outputs=outputs,
        realism=_realism(problem, tried.z, kept) if satisfied.any() else None,
        decodes=tried.decodes,
        size=size,
        moves=tried.moves,
        seconds=0.0 if was_there else time.monotonic() - began - (problem.engine.fit_seconds() - fits),
    )


@dataclass(frozen=True)
class _Tried:
    """Where every try of a block ended, what is measured there, its outputs by row, and the decodes it takes."""

    z: Tensor
    values: dict[str, np.ndarray]
    outputs: Callable[[np.ndarray], np.ndarray]
    decodes: int
    moves: tuple[int, int, float] | None = None


def _drawn(bank: Bank, number: int, evaluator: Evaluator) -> _Tried:
    """Return a block of samples of the base as they are; what a bank holds of it is counted as decoded all the same."""
    columns = bank.values(number, [leaf.measurement for leaf in evaluator.leaves])
    values = dict(zip((leaf.label for leaf in evaluator.leaves), columns, strict=True))
    return _Tried(bank.latents(number), values, lambda rows: bank.rows(number, rows), bank.block)


def _moved(problem: Problem, energy: Energy | None, number: int, evaluator: Evaluator) -> _Tried:
    """Run, decode and measure a block of tries of an engine that moves latents."""
    first = problem.engine.part(number)[1]
    engine, energy = problem.engine.at_work(number, energy)
    on_the_way = energy.decodes if energy else 0
    transport = _transport(problem, engine)
    ended = _end_points(problem, engine, energy, number, evaluator, transport)
    z, origin = ended.z, engine.origin(ended.state)
    on_the_way = (energy.decodes if energy else 0) - on_the_way + len(z) * getattr(transport, "decodes", 0)
    moves = None
    if count := _moves(problem, engine, evaluator, follows_flow=origin is not None):
        moved = make_moves(
            evaluator,
            z if origin is None else origin,
            moves=count,
            seed=problem.seed,
            block=number,
            first_index=first,
            weigh=engine.data_odds(problem.model) if problem.base == "data" and origin is None else None,
            flow=None if origin is None else problem.model.flow(),
        )
        z, moves = moved.z, (moved.proposed, moved.accepted, moved.correlation)
    outputs = evaluator.decode(z, first_index=first)
    values = evaluator.measure(outputs, first_index=first)
    return _Tried(z, values, outputs.__getitem__, evaluator.decodes + on_the_way, moves)


def _moves(problem: Problem, engine: Engine, evaluator: Evaluator, *, follows_flow: bool) -> int:
    """Return how many exact moves the tries of an engine are given."""
    normal = problem.base == "prior" or follows_flow
    if not engine.needs_energy or problem.moves == 0 or (normal and not evaluator.conditions):
        return 0  # tries of an engine that only decodes are exact, and so are all where nothing is asked
    if not normal and engine.data_odds(problem.model) is None:
        return 0
    if problem.moves is not None:
        return problem.moves
    preferences = len(evaluator.conditions) < len(evaluator.entries)
    if not engine.moves or preferences or not problem.model.on_shell:
        return 0
    return int(engine.moves * share_of_block(problem.model.operations, problem.model.device))


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
) -> BlockResult:
    """Return where the engine brings every try of a block."""
    import torch

    def check(latents: Tensor) -> np.ndarray:
        try:
            return evaluator.satisfied_latents(latents)
        except LCError as error:
            place = f"outputs are counted among {len(latents)} that the engine decoded on its way in block {number}"
            raise LCError(error.message, hint="; ".join(filter(None, (error.hint, place)))) from error

    start = draw_transported(problem.model, engine.block, block_generator(problem.seed, number), transport)
    # Where nothing is required every try would count as satisfied, and stop before it has gone anywhere.
    ended = run_engine(engine, problem.model, start, energy, satisfied=check if evaluator.conditions else None)
    finite = torch.isfinite(ended.z).flatten(1).all(dim=1)
    if not bool(finite.all()):
        at = problem.engine.part(number)[1] + int((~finite).nonzero()[0])
        name = type(engine).__name__.lower()
        raise LCError(f"engine {name} ended try {at} at a latent that is not finite", hint="try smaller steps")
    return ended


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
