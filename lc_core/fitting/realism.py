"""Fit the realism critic of a model: first encodings of data against the prior, then against what it leads to as well.

A critic that has seen only the prior is wrong where an engine takes latents by following it. In the last third of the
steps, half of what is not real are therefore latents that the gradient engine has moved up the critic.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from lc_core.common.nets import training_autocast
from lc_core.common.progress import ProgressLine
from lc_core.common.seeds import block_generator
from lc_core.critics.realism import RealismCritic
from lc_core.energy.energy import Energy
from lc_core.engines.gradient import Gradient
from lc_core.engines.loop import run_engine
from lc_core.models.latent_model import LatentModel

__all__ = ["RealismSettings", "fit_realism"]


@dataclass(frozen=True)
class RealismSettings:
    """How the realism critic is fitted.

    Attributes:
        plain: Share of the steps that see no moved latents.
        plain_rate: Peak learning rate of these steps.
        moved_rate: Peak learning rate of the others.
        move_every: Steps between two moves.
        moved: Latents in a move.
        moves_kept: Moves that are kept.
        move_steps: Steps of the engine in a move.
    """

    plain: float = 2 / 3
    plain_rate: float = 3e-3
    moved_rate: float = 1e-3
    move_every: int = 50
    moved: int = 512
    moves_kept: int = 30
    move_steps: int = 40


def fit_realism(
    model: LatentModel,
    draw_posterior: Callable[[int, torch.Generator], Tensor],
    *,
    steps: int = 9_000,
    batch: int = 1_024,
    seed: int = 0,
    settings: RealismSettings | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> RealismCritic:
    """Fit the realism critic of a model.

    Args:
        model: Gives the prior and its shell.
        draw_posterior: Draws `(n, *latent_shape)` from q(z|x) of training data.
        steps: Training steps.
        batch: Real latents in a step; as many are not real.
        seed: Seed of the fit.
        settings: Shares, rates and moves.
        progress: Called with a line of text now and then.
    """
    how = settings or RealismSettings()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        critic = RealismCritic(dimensions=model.dimensions)
    average = copy.deepcopy(critic)
    plain = round(how.plain * steps)
    moves: list[Tensor] = []
    for first, last, rate in ((1, plain, how.plain_rate), (plain + 1, steps, how.moved_rate)):
        optimiser = torch.optim.AdamW(critic.parameters(), lr=rate, weight_decay=0.01)
        for step in range(first, last + 1):
            done = (step - first) / (last - first + 1)
            for group in optimiser.param_groups:
                group["lr"] = rate * min(1.0, 20 * done + 0.01) * (0.02 + 0.49 * (1 + math.cos(math.pi * done)))
            generator = block_generator(seed, step, "realism")
            if step > plain and (step - first) % how.move_every == 0:
                moves = [*moves[1 - how.moves_kept :], _moved(average, model, generator, how)]
            real = draw_posterior(batch, generator)
            loss = _update(critic, optimiser, real, _not_real(model, moves, batch, generator))
            with torch.no_grad():
                torch._foreach_lerp_(list(average.parameters()), list(critic.parameters()), 0.01 if step > 200 else 0.1)
            if step % 500 == 0:
                progress(ProgressLine(f"realism critic: step {step}/{steps}, loss {loss:.3f}", step, steps))
    return average.requires_grad_(False).eval()


def _update(critic: RealismCritic, optimiser: torch.optim.Optimizer, real: Tensor, fake: Tensor) -> float:
    """Take a step of binary cross-entropy, in bfloat16 where the processor has it."""
    with training_autocast(real.device.type):
        logits = critic(torch.cat([real, fake]))
    logits = logits.float()
    loss = F.softplus(-logits[: len(real)]).mean() + F.softplus(logits[len(real) :]).mean()
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimiser.step()
    return loss.item()


def _not_real(model: LatentModel, moves: list[Tensor], count: int, generator: torch.Generator) -> Tensor:
    """Return prior samples; if there are moved latents, half of those: one quarter the newest, one quarter any."""
    if not moves:
        return model.sample_prior(count, generator)
    quarter = count // 4
    every = torch.cat(moves)
    newest = moves[-1][torch.randint(len(moves[-1]), (quarter,), generator=generator)]
    any_of_them = every[torch.randint(len(every), (quarter,), generator=generator)]
    return torch.cat([model.sample_prior(count - 2 * quarter, generator), newest, any_of_them])


def _moved(critic: RealismCritic, model: LatentModel, generator: torch.Generator, how: RealismSettings) -> Tensor:
    """Return latents from four random steps of the gradient engine's way up the critic."""
    engine = Gradient(steps=how.move_steps, check_every=0)
    guide = copy.deepcopy(critic).requires_grad_(False).eval()
    energy = Energy((), realism=guide, realism_weight=1.0)
    visit = sorted({int(step) for step in torch.randint(1, engine.steps + 1, (4,), generator=generator)})
    starts = model.sample_prior(how.moved, generator)
    return torch.cat(run_engine(engine, model, starts, energy, visit=visit).visited)
