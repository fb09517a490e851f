"""What is asked: the model, the constraints, the engine; and, of sampling, how many outputs."""

from __future__ import annotations

from dataclasses import dataclass

from lc_core.constraints.constraint import Entry, leaves
from lc_core.engines.base import Engine
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel, decodes_of_base
from lc_core.sampling.moves import unfit_for_moves

__all__ = ["BASES", "Problem", "Task", "base_of", "check_base"]

BASES = ("prior", "data")


def base_of(said: str, realism: float, model: LatentModel, *, left_open: bool) -> str:
    """Return what tries begin from.

    Args:
        said: What a user said; empty if nothing.
        realism: Weight of realism.
        model: The model.
        left_open: Whether the engine is left open. Realism then means `data`, if the model has a way there.
    """
    if said:
        return said
    return "data" if realism > 0 and left_open and model.realism_alone() is not None else "prior"


def check_base(model: LatentModel, base: str) -> None:
    """Refuse a base that there is not, or that a model has no way to.

    Raises:
        LCError: Saying which.
    """
    if base not in BASES:
        raise LCError(f"base must be {' or '.join(BASES)}; found {base!r}")
    if base == "data" and model.realism_alone() is None:
        raise LCError(
            f"base: data is asked for, but {model.name} has no flow or chain from its prior to data",
            hint="leave base out; realism asks for what its encoder or prior can tell",
        )


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
        base: What tries begin from: `prior`, or `data`, what the model's own flow or chain makes of prior samples.
        moves: Exact moves of what an engine brought to satisfy the conditions (`lc_core.sampling.moves`); None for as
            many as the engine makes by itself.
    """

    count: int = 16
    budget: int = 32_000
    unique: bool = False
    base: str = "prior"
    moves: int | None = None

    def __post_init__(self) -> None:
        for name in ("count", "budget"):
            if getattr(self, name) < 1:
                raise LCError(f"{name} must be 1 or more; found {getattr(self, name)}")
        if self.seed < 0:
            raise LCError(f"seed must be 0 or more; found {self.seed}")
        check_base(self.model, self.base)
        if self.moves is not None and self.moves < 0:
            raise LCError(f"moves must be 0 or more; found {self.moves}")
        super().__post_init__()
        if self.moves and (reason := unfit_for_moves(self.model, self.base, self.engine, self.entries)):
            hint = "leave moves out" + ("; or use base: prior, or the engine sampler" if self.base == "data" else "")
            raise LCError(f"moves: {self.moves} cannot be made: {reason}", hint=hint)

    def drawn(self, number: int) -> bool:
        """Return whether block `number` is samples of the base as they are, which decode nothing to be drawn."""
        engine = self.engine.part(number)[0]
        return not engine.needs_energy and decodes_of_base(self.model, self.base) == 0

    def has_block(self, number: int) -> bool:
        """Return whether the budget reaches block `number`."""
        return self.engine.part(number)[1] < self.budget

    @property
    def most_tries(self) -> int:
        """The budget in whole blocks."""
        number = self.budget // self.engine.block  # all blocks have this size, or some first ones another one
        while self.engine.part(number)[1] < self.budget:
            number += 1
        while number and self.engine.part(number - 1)[1] >= self.budget:
            number -= 1
        return self.engine.part(number)[1]
