"""The one outer loop that runs every engine over a block of tries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lc_core.common.guard import blaming
from lc_core.engines.base import Engine

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.energy.energy import Energy
    from lc_core.models.latent_model import LatentModel

__all__ = ["BlockResult", "run_engine"]


@dataclass(frozen=True)
class BlockResult:
    """What an engine made of one block.

    Attributes:
        z: Latents `(B, *latent_shape)` where each try ended.
        state: The engine's state there, which begins with them.
        decodes: Outputs decoded on the way.
        visited: Latents on the way, one tensor per step that was asked for, if any was.
    """

    z: Tensor
    state: tuple[Tensor, ...]
    decodes: int
    visited: tuple[Tensor, ...] = ()


def run_engine(
    engine: Engine,
    model: LatentModel,
    z: Tensor,
    energy: Energy | None,
    *,
    satisfied: Callable[[Tensor], np.ndarray] | None = None,
    visit: Sequence[int] = (),
) -> BlockResult:
    """Run every try of a block to its end.

    Args:
        engine: The engine.
        model: The model whose latents it moves.
        z: Starts `(B, *latent_shape)`.
        energy: What it descends; may be None for an engine with no steps.
        satisfied: Decodes and measures latents `(b, *latent_shape)` and returns which satisfy, `(b,)` bool. With it,
            a try stops at the first check that finds it satisfied. Without it, every try takes every step.
        visit: Step numbers whose latents are returned (then no try stops early).
    """
    import torch

    if energy is None or engine.steps == 0:
        return BlockResult(z.clone(), (z.clone(),), 0)
    with _blaming(engine):
        state = engine.init(z, model)
    final = tuple(part.clone() for part in state)
    rows = torch.arange(len(z), device=z.device)
    visited: list[Tensor] = []
    decodes = 0
    for number in range(1, engine.steps + 1):
        with _blaming(engine):
            state = engine.step(state, energy, model, number)
        if number in visit:
            visited.append(state[0].detach().clone())
        if satisfied is None or number not in engine.checks or visit or number == engine.steps:
            continue
        with torch.no_grad():
            predicted = energy.predicted_satisfied(state[0])
        if not bool(predicted.any()):
            continue
        candidates = predicted.nonzero().squeeze(1)
        decodes += len(candidates)
        done = torch.zeros_like(predicted)
        done[candidates] = torch.from_numpy(satisfied(state[0][candidates])).to(done.device)
        for ends, part in zip(final, state, strict=True):
            ends[rows[done]] = part[done]
        state = tuple(part[~done] for part in state)
        rows = rows[~done]
        if not len(rows):
            return BlockResult(final[0], final, decodes)
    for ends, part in zip(final, state, strict=True):
        ends[rows] = part
    return BlockResult(final[0], final, decodes, tuple(visited))


def _blaming(engine: Engine) -> AbstractContextManager[None]:
    """Name an engine of a plugin if it raises; what the core's own raise are our bugs."""
    own = type(engine).__module__.startswith("lc_core.")
    return nullcontext() if own else blaming(f"engine {type(engine).__name__} ({type(engine).__module__})")
