"""Guided steps: a chain that brings prior samples to where they meet wants, as a predictor's gradient says.

One step of Langevin dynamics whose law is the standard normal prior times the probability that a predictor gives to
the wants. Without the wants the step leaves the prior as it is, whatever its size (the preconditioned Crank-Nicolson
Langevin proposal of S. L. Cotter, G. O. Roberts, A. M. Stuart and D. White, "MCMC methods for functions", Statistical
Science 28(3), 2013; here it is not accepted or rejected, as in unadjusted Langevin algorithms).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from lc_core.models.latent_model import LatentModel

__all__ = ["dice_of", "guided", "throw"]

SIZE = 0.3
"""Share of a latent that a step replaces by noise: the b of sqrt(1 - b^2) z + b e."""
STEEPEST = 1.8
"""Longest gradient that is followed, as a share of the prior's norm sqrt(D)."""


def guided(model: LatentModel, z: Tensor, gradient: Tensor, noise: Tensor, heat: float) -> Tensor:
    """Return latents `(B, *latent_shape)` after one step.

    Args:
        model: The model. If its prior is not a standard normal, a step follows the gradient alone.
        z: Latents `(B, *latent_shape)`.
        gradient: Of the log probability of what is wanted, `(B, D)`.
        noise: Standard normal values, as many.
        heat: Variance of the noise, 1 at most; below 1 a latent keeps its norm.
    """
    longest = STEEPEST * gradient.shape[1] ** 0.5
    norm = gradient.norm(dim=1, keepdim=True).clamp_min(1e-12)
    along = (gradient * (longest / norm).clamp(max=1)).view_as(z)
    kept = math.sqrt(1 - SIZE**2)
    if not model.on_shell:
        return model.project(z + (1 - kept) * along, z)
    moved = kept * z + (1 - kept) * along + SIZE * math.sqrt(heat) * noise.view_as(z)
    return moved if heat == 1 else model.project(moved, z)


def dice_of(z: Tensor) -> Tensor:
    """Return what the noise of a block of starts `(B, *latent_shape)` is drawn with, `(B, 3)` int64.

    A seed, each row's number, and how many rows there are. Starts are as good as random numbers, so the seed comes from
    them: what a try becomes depends on its block of starts alone.
    """
    bits = z.detach().cpu().float().contiguous().view(-1).view(torch.int32).to(torch.int64)
    seed = int((bits * torch.arange(1, len(bits) + 1)).sum()) & (2**62 - 1)
    rows = torch.arange(len(z))
    return torch.stack([torch.full_like(rows, seed), rows, torch.full_like(rows, len(z))], dim=1).to(z.device)


def throw(dice: Tensor, number: int, dimensions: int) -> Tensor:
    """Return the noise of step `number`, `(B, D)`: the same for a row of `dice_of`, whatever other rows are left."""
    seed, count = int(dice[0, 0]), int(dice[0, 2])
    generator = torch.Generator().manual_seed(seed + number)
    return torch.randn(count, dimensions, generator=generator).to(dice.device)[dice[:, 1]]
