"""Elliptical slice sampling (Murray, Adams, MacKay 2010) of latents: no gradient, no step size, and it keeps the prior.

With E the energy and p(z) a standard normal, every step leaves p(z) exp(-sharpness E(z)) as it is. A term of the energy
is minus the log of the probability that critics give a condition; so at sharpness 1 this is p(z | all conditions hold),
which `rejection` draws from, as far as the critics are right.

Shapes: B batch, D values in a latent, z `(B, *latent_shape)`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from lc_core import Engine, LatentModel, hookimpl
from lc_core.models import Normal
from pydantic import Field

if TYPE_CHECKING:
    from lc_core.energy import Energy
    from torch import Tensor

TRIES = 12
"""Angles that are tried in a step; each cuts the part of the ellipse that is left. With none a latent stays."""
GOLDEN, ONE, TWO = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


class Elliptical(Engine):
    """Elliptical slice sampling: a chain on each latent of a block, whose last link is the try.

    Args:
        steps: Links of a chain. It begins at a prior sample, and needs more of them where the conditions are rare.
        sharpness: What the energy is multiplied by; above 1 more tries satisfy, and they are more alike.
        block: Tries in a block; default 256, fewer where a decode is costly.
    """

    def __init__(
        self,
        *,
        steps: Annotated[int, Field(ge=1, le=10_000)] = 60,
        sharpness: Annotated[float, Field(gt=0, le=100)] = 1.0,
        block: Annotated[int, Field(ge=1, le=65_536)] | None = None,
    ) -> None:
        self.steps, self.sharpness = steps, sharpness
        self.choose_block(block, 256)

    def unfit(self, model: LatentModel, entries: Sequence[Any], realism: float) -> str | None:
        """Say that ellipses stay in no other prior than the standard normal."""
        if model.on_shell and isinstance(model.prior, Normal):
            return None
        return f"it needs a standard normal prior, and that of {model.name} is another"

    def init(self, z: Tensor, model: LatentModel) -> tuple[Tensor, ...]:
        """Return the starts and, for each, the seed of its chain `(B,)`, a hash of the start."""
        import torch

        rows = z.detach().float().cpu().numpy()
        seeds = [int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=7).digest(), "big") for row in rows]
        return (z, torch.tensor(seeds, device=z.device))

    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        """Return the chains after one more link: a point of a random ellipse through z that is likely enough."""
        import torch

        z, seeds = state
        size = z[0].numel()
        drawn = torch.from_numpy(uniform(seeds.cpu().numpy(), number, 2 * size + 1 + TRIES)).to(z.device)
        radius, turn, chance = drawn.split([size, size, 1 + TRIES], dim=1)
        axis = ((-2 * torch.log1p(-radius)).sqrt() * (2 * math.pi * turn).cos()).float().view_as(z)  # Box and Muller
        chance = chance.float()
        with torch.no_grad():
            level = self.sharpness * energy(z).total - torch.log1p(-chance[:, 0])
            angle = 2 * math.pi * chance[:, 1]
            low, high = angle - 2 * math.pi, angle
            found, missing = z.clone(), torch.ones_like(seeds, dtype=torch.bool)
            for at in range(TRIES):
                rows = missing.nonzero().squeeze(1)
                if not len(rows):
                    break
                if at:
                    low, high = torch.where(angle < 0, angle, low), torch.where(angle < 0, high, angle)
                    angle = low + (high - low) * chance[:, 1 + at]
                turn = angle[rows].view(-1, *[1] * (z.dim() - 1))
                point = z[rows] * turn.cos() + axis[rows] * turn.sin()
                taken = self.sharpness * energy(point).total < level[rows]
                found[rows[taken]] = point[taken]
                missing[rows[taken]] = False
        return (found, seeds)


def uniform(seeds: np.ndarray, number: int, count: int) -> np.ndarray:
    """Return numbers in [0, 1), `(B, count)`, by splitmix64 (Steele, Lea, Flood 2014): a row's depend on its seed only.

    Args:
        seeds: Seeds `(B,)`.
        number: Number of the draw; another one gives other numbers.
        count: How many for each seed.
    """
    at = np.arange(number * count, (number + 1) * count, dtype=np.uint64)
    mixed = seeds.astype(np.uint64)[:, None] + at * np.uint64(GOLDEN)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(ONE)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(TWO)
    numbers: np.ndarray = ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
    return numbers


@hookimpl
def lc_register_engines(register: Callable[..., None]) -> None:
    register("slice.elliptical", Elliptical, api=1)
