"""Gradient-based optimisation of latents (Engel, Hoffman, Roberts 2018, the optimiser): Adam on z alone.

After each step a latent is moved back to where the prior has its mass (`LatentModel.project`; for a standard normal
the norm of its start). Without that, latents drift outwards, where critics have seen nothing and are wrong.

Adam's second moment is one number for each latent, not one for each coordinate: a step then has the gradient's
direction. Scaled apart, coordinates that matter little to any critic would move as far as those that matter most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from lc_core.engines.adam import descend
from lc_core.engines.base import Engine
from lc_core.engines.edit import Edit
from lc_core.errors import LCError

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.energy.energy import Energy
    from lc_core.models.latent_model import LatentModel

__all__ = ["Gradient"]


class Gradient(Engine):
    """Adam on each latent of a block; each example stops at the first check that measures it as satisfied.

    Args:
        steps: Steps of a try.
        lr: Adam's learning rate, in units of the latent.
        check_every: Steps between two checks; a check decodes only the rows that the critics call satisfied. 0 means
            that nothing is decoded on the way: one decode a try, the last.
        check_from: Share of the steps after which checks begin. Constraints often hold long before realism and
            preferences are good; 0 stops as early as possible.
        block: Tries in a block; default 256, fewer where a decode is costly.
    """

    def __init__(
        self,
        *,
        steps: Annotated[int, Field(ge=1, le=10_000)] = 80,
        lr: Annotated[float, Field(gt=0, le=10)] = 0.1,
        check_every: Annotated[int, Field(ge=0)] = 5,
        check_from: Annotated[float, Field(ge=0, le=1)] = 0.5,
        block: Annotated[int, Field(ge=1, le=65_536)] | None = None,
    ) -> None:
        self.steps = steps
        self.lr = lr
        self.choose_block(block, 256)
        first = max(check_every, round(check_from * steps))
        self.checks = tuple(range(first, steps, check_every)) if check_every else ()

    def for_edits(self, *, named: bool) -> Engine:
        """Return its form for edits, `edit`."""
        if named and self.settings() != Gradient().settings():
            raise LCError(
                "engine gradient has settings here, which are for sampling; lc transform has others",
                hint="write engine: {use: edit, params: {...}}, or --engine edit",
            )
        return Edit()

    def init(self, z: Tensor, model: LatentModel) -> tuple[Tensor, ...]:
        """Return the latents with Adam's two moments, which start at zero, and the starts."""
        return (z, z.new_zeros(z.shape), z.new_zeros(len(z)), z)

    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        """Take one step of Adam."""
        z, first, second, start = state
        moved = descend(lambda z: energy(z).total, z, first, second, start, model, lr=self.lr, number=number)
        return (*moved, start)
