"""What is asked of sampling: the model, the constraints, the engine, how many."""

from __future__ import annotations

from dataclasses import dataclass

from lc_core.constraints.constraint import Entry, leaves
from lc_core.engines.base import Engine
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel

__all__ = ["Problem"]


@dataclass(frozen=True)
class Problem:
    """What is to be sampled: model, constraints, engine, and how much of it.

    Attributes:
        model: The latent model.
        entries: Top-level entries with distinct labels.
        engine: The engine.
        realism: Weight of realism.
        count: Outputs to deliver.
        seed: Sampling seed.
        budget: Most tries, rounded up to whole blocks.
        unique: Whether delivered outputs must be distinct.
    """

    model: LatentModel
    entries: tuple[Entry, ...]
    engine: Engine
    realism: float = 0.0
    count: int = 16
    seed: int = 0
    budget: int = 32_000
    unique: bool = False

    def __post_init__(self) -> None:
        for name in ("count", "budget"):
            if getattr(self, name) < 1:
                raise LCError(f"{name} must be 1 or more; found {getattr(self, name)}")
        if self.seed < 0:
            raise LCError(f"seed must be 0 or more; found {self.seed}")
        object.__setattr__(self, "engine", self.engine.sized_for(self.model))
        reason = self.engine.unfit(self.model, self.entries, self.realism)
        if reason is not None:
            raise LCError(f"engine {type(self.engine).__name__.lower()} cannot serve this: {reason}")
        if self.engine.needs_energy and any(leaf.guide == "decoder" for leaf in leaves(self.entries)):
            from lc_core.energy.decoder_guide import check_guides

            check_guides(self.model, self.entries)

    @property
    def most_tries(self) -> int:
        """The budget in whole blocks."""
        return -(-self.budget // self.engine.block) * self.engine.block
