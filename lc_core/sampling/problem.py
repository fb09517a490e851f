"""What is asked: the model, the constraints, the engine; and, of sampling, how many outputs."""

from __future__ import annotations

from dataclasses import dataclass

from lc_core.constraints.constraint import Entry, leaves
from lc_core.engines.base import Engine
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel

__all__ = ["Problem", "Task"]


@dataclass(frozen=True)
class Task:
    """What sampling and edits have in common: a model, constraints, and an engine that can serve them.

    Attributes:
        model: The latent model.
        entries: Top-level entries with distinct labels.
        engine: The engine.
        realism: Weight of realism.
        seed: Sampling seed; of an edit, of the starts of further tries.
    """

    model: LatentModel
    entries: tuple[Entry, ...]
    engine: Engine
    realism: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "engine", self.engine.sized_for(self.model))
        reason = self.engine.unfit(self.model, self.entries, self.realism)
        if reason is not None:
            raise LCError(f"engine {type(self.engine).__name__.lower()} cannot serve this: {reason}")
        if self.engine.needs_energy and any(leaf.guide == "decoder" for leaf in leaves(self.entries)):
            from lc_core.energy.decoder_guide import check_guides

            check_guides(self.model, self.entries)


@dataclass(frozen=True)
class Problem(Task):
    """What is to be sampled, and how much of it.

    Attributes:
        count: Outputs to deliver.
        budget: Most tries, rounded up to whole blocks.
        unique: Whether delivered outputs must be distinct.
    """

    count: int = 16
    budget: int = 32_000
    unique: bool = False

    def __post_init__(self) -> None:
        for name in ("count", "budget"):
            if getattr(self, name) < 1:
                raise LCError(f"{name} must be 1 or more; found {getattr(self, name)}")
        if self.seed < 0:
            raise LCError(f"seed must be 0 or more; found {self.seed}")
        super().__post_init__()

    @property
    def most_tries(self) -> int:
        """The budget in whole blocks."""
        return -(-self.budget // self.engine.block) * self.engine.block
