"""Rejection sampling: draw from the prior, keep what satisfies. Exact and slow, the yardstick of every engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from lc_core.engines.base import Engine

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.constraints.constraint import Entry
    from lc_core.energy.energy import Energy
    from lc_core.models.latent_model import LatentModel

__all__ = ["Rejection"]


class Rejection(Engine):
    """Draws from the prior and keeps what satisfies: exact samples of p(z | all conditions hold).

    Args:
        block: Tries in a block; default 1,024, fewer where a decode is costly.
    """

    needs_energy: ClassVar[bool] = False

    def __init__(self, *, block: Annotated[int, Field(ge=1, le=65_536)] | None = None) -> None:
        self.choose_block(block, 1_024)

    def note(self, entries: Sequence[Entry], realism: float) -> str | None:
        """Say that realism has no part in it."""
        return "rejection ignores realism: it draws from the prior as it is" if realism > 0 else None

    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        """Return the state as it is."""
        return state
