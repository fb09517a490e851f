"""Moves that leave the prior, restricted to the conditions, as it is: from outputs that satisfy to exact samples.

Preconditioned Crank-Nicolson (S. L. Cotter, G. O. Roberts, A. M. Stuart, D. White, "MCMC methods for functions",
Statistical Science 28(3), 2013): for a standard normal prior the proposal sqrt(1 - b^2) z + b e, with e drawn from the
prior, leaves the prior as it is. It is accepted if and only if its decoded output meets every condition. Each move has
a size b drawn anew, so that small moves are taken where large ones fail. Where a flow transports prior samples to data,
the moves are made of what the flow begins with, and leave what it makes of the prior as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.models.latent_model import LatentModel, transport_latents

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.constraints.constraint import Entry
    from lc_core.engines.base import Engine

__all__ = ["Moved", "make_moves", "unfit_for_moves"]

SIZES = (0.1, 0.2, 0.4, 0.7)
"""Sizes b of a move, equally likely; 1 would be a new prior sample."""


@dataclass(frozen=True)
class Moved:
    """Where moves brought a block of tries.

    Attributes:
        z: Latents `(B, *latent_shape)` to be decoded; those that did not satisfy are where they were.
        proposed: Proposals, each of which was decoded and measured.
        accepted: Those that met every condition.
        correlation: Of the latents that satisfied with where they began, averaged; NaN without any. With a flow, of
            what it begins with. What is exact in the end has forgotten its start: 0.
    """

    z: Tensor
    proposed: int
    accepted: int
    correlation: float


def unfit_for_moves(model: LatentModel, base: str, engine: Engine, entries: Sequence[Entry]) -> str | None:
    """Return why moves cannot be made on a model, of what an engine finds, or None."""
    if base == "data" and engine.needs_energy and not engine.moves_to_data(model, entries):
        name = type(engine).__name__.lower()
        return f"engine {name} neither follows a flow of {model.name} to data nor has learned what data are"
    return None if model.on_shell else f"moves need a standard normal prior, which {model.name} has not"


def make_moves(
    evaluator: Evaluator,
    z: Tensor,
    *,
    moves: int,
    seed: int,
    block: int,
    first_index: int = 0,
    weigh: Callable[[np.ndarray], np.ndarray] | None = None,
    flow: Callable[[Tensor], Tensor] | None = None,
    sizes: Sequence[float] = SIZES,
) -> Moved:
    """Make moves on the tries of a block that satisfy.

    Args:
        evaluator: The model and the conditions.
        z: Latents `(B, *latent_shape)`; with a flow, what it begins with.
        moves: How many moves each.
        seed: Sampling seed.
        block: The block's number: a row's moves depend on (seed, block, row) alone.
        first_index: Index of the first try, for errors.
        weigh: Log odds of the base against the prior, `(B,)`, of outputs; a proposal is then accepted as N. Metropolis
            and others (1953) do. None where the base is the prior, or what a flow makes of it.
        flow: What transports prior samples to the latents that are decoded, where that is what the base is.
        sizes: Sizes of a move, equally likely.
    """
    import torch

    def transported(latents: Tensor) -> Tensor:
        return latents if flow is None else transport_latents(evaluator.model, latents, flow)

    ends = transported(z)
    outputs = evaluator.decode(ends, first_index=first_index)
    satisfied = evaluator.satisfied(evaluator.measure(outputs, first_index=first_index), len(z))
    odds = weigh(outputs)[satisfied] if weigh else np.zeros(int(satisfied.sum()))
    rows = torch.from_numpy(np.flatnonzero(satisfied)).to(z.device)
    start, here, there = z[rows], z[rows].clone(), ends[rows].clone()
    accepted = 0
    for number in range(moves if len(rows) else 0):
        generator = block_generator(seed, block, f"move {number}")
        size = torch.tensor(sizes)[torch.randint(len(sizes), (len(z),), generator=generator)].to(z.device)[rows]
        fresh = torch.randn(z.shape, generator=generator).to(z.device)[rows]
        share = size.view(-1, *[1] * (z.ndim - 1))
        proposal = (1 - share.square()).sqrt() * here + share * fresh
        latents = transported(proposal)
        outputs = evaluator.decode(latents, first_index=first_index)
        good = evaluator.satisfied(evaluator.measure(outputs, first_index=first_index), len(rows))
        if weigh is not None:
            then = weigh(outputs)
            chance = torch.rand(len(z), generator=generator).numpy()[satisfied]
            good &= np.log(np.maximum(chance, 1e-12)) < then - odds
            odds = np.where(good, then, odds)
        met = torch.from_numpy(good).to(z.device)
        here[met], there[met] = proposal[met], latents[met]
        accepted += int(good.sum())
    correlation = float("nan")
    if len(rows):
        correlation = float(torch.cosine_similarity(start.flatten(1), here.flatten(1)).mean())
    result = ends.clone()
    result[rows] = there
    return Moved(result, moves * len(rows), accepted, correlation)
