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
from lc_core.prior import Normal
from pydantic import Field

if TYPE_CHECKING:
    from lc_core.energy import Energy
    from torch import Tensor

TRIES = 12
"""Angles that are tried in a step; each cuts the part of the ellipse that is left. With none a latent stays."""


class Elliptical(Engine):
    """Elliptical slice sampling: a chain on each latent of a block, whose last link is the try.

    Args:
        steps: Links of a chain. It begins at a prior sample, and needs more of them where the conditions are rare.
        sharpness: What the energy is multiplied by; above 1 more tries satisfy, and they are more alike.
        block: Tries in a block.
    """

    def __init__(
        self,
        *,
        steps: Annotated[int, Field(ge=1, le=10_000)] = 60,
        sharpness: Annotated[float, Field(gt=0, le=100)] = 1.0,
        block: Annotated[int, Field(ge=1, le=65_536)] = 256,
    ) -> None:
        self.steps, self.sharpness, self.block = steps, sharpness, block

    def unfit(self, model: LatentModel, entries: Sequence[Any], realism: float) -> str | None:
        """Say that ellipses stay in no other prior than the standard normal."""
        if model.on_shell and isinstance(model.prior, Normal):
            return None
        return f"it needs a standard normal prior, and that of {model.name} is another"

    def init(self, z: Tensor, model: LatentModel) -> tuple[Tensor, ...]:
        """Return the starts and, for each, the seed of its chain `(B,)`, a hash of the start."""
        import torch

        rows = z.detach().float().cpu().numpy()
        seeds = [int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=7).digest()) for row in rows]
        return (z, torch.tensor(seeds, device=z.device))

    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        """Return the chains after one more link: a point of a random ellipse through z that is likely enough."""
        import torch

        z, seeds = state
        drawn = [np.random.default_rng((seed, number)) for seed in seeds.tolist()]  # no row's depend on another's
        axis = torch.from_numpy(np.stack([one.standard_normal(z[0].shape, np.float32) for one in drawn])).to(z.device)
        chance = torch.from_numpy(np.stack([one.random(1 + TRIES, np.float32) for one in drawn])).to(z.device)
        with torch.no_grad():
            level = self.sharpness * energy(z).total - torch.log1p(-chance[:, 0])
            angle = 2 * math.pi * chance[:, 1]
            low, high = angle - 2 * math.pi, angle
            found, missing = z.clone(), torch.ones_like(seeds, dtype=torch.bool)
            for at in range(TRIES):
                turn = angle.view(-1, *[1] * (z.dim() - 1))
                point = z * turn.cos() + axis * turn.sin()
                taken = missing & (self.sharpness * energy(point).total < level)
                found[taken] = point[taken]
                missing &= ~taken
                if at + 1 == TRIES or not bool(missing.any()):
                    break
                low, high = torch.where(angle < 0, angle, low), torch.where(angle < 0, high, angle)
                angle = low + (high - low) * chance[:, 2 + at]
        return (found, seeds)


@hookimpl
def lc_register_engines(register: Callable[..., None]) -> None:
    register("slice.elliptical", Elliptical, api=1)
