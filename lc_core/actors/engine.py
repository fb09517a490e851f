"""The engine `actor` of specs: one that is fitted, as published or as we do, or one from a folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from lc_core.actors.folder import check_asked, read_actor, read_config, restore
from lc_core.engines.base import Engine
from lc_core.engines.presets import fresh_actor
from lc_core.errors import LCError

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.constraints.evaluator import Evaluator
    from lc_core.energy.energy import Energy
    from lc_core.models.latent_model import LatentModel

__all__ = ["FolderActor", "actor"]


class FolderActor(Engine):
    """An actor that `lc fit --out` wrote into a folder; it is read when a problem is prepared.

    Args:
        folder: The folder.
        block: Tries in a block; default 1,024, fewer where a decode is costly.
    """

    amortised: ClassVar[bool] = True

    def __init__(self, folder: str, *, block: int | None = None) -> None:
        self.folder, self.steps = folder, 1
        self.choose_block(block, 1_024)

    def settings(self) -> dict[str, Any]:
        """Return which weights these are."""
        return {"block": self.block, "weights": read_config(self.folder)["weights_sha256"]}

    def weights(self, model: LatentModel) -> str:
        """Return which weights these are."""
        return str(read_config(self.folder)["weights_sha256"])

    def for_edits(self, *, named: bool) -> Engine:
        """Return an actor to be fitted anew: this one moves prior samples."""
        return self if named else fresh_actor(block=None if self._block_follows else self.block)

    def ready(
        self, evaluator: Evaluator, realism: float, progress: Callable[[str], None], **more: Any
    ) -> tuple[Energy, Engine, dict[str, Any]]:
        """Return the actor with its weights, if it was fitted for what is asked."""
        from lc_core.energy.energy import Energy
        from lc_core.energy.targets import Space

        config, tensors = read_actor(self.folder)
        notes = check_asked(config, self.folder, evaluator, realism)
        for note in notes:
            progress(note)
        space = Space.of(evaluator.entries)
        energy = Energy(evaluator.entries, space=space).at(space.own())
        fitted = restore(config, tensors, self.folder, evaluator.model, space.size, block=self.block)
        return energy, fitted, {"weights": config["weights_sha256"], "figures": config["figures"], "notes": notes}

    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        """Raise: the actor that `ready` returns takes the step."""
        raise LCError("this actor is not read yet", hint="prepare reads it; lc sample and lc_core.sample do so")


def actor(
    *,
    preset: Literal["default", "paper-2018"] = "default",
    hidden: Annotated[int, Field(ge=1, le=8_192)] | None = None,
    layers: Annotated[int, Field(ge=1, le=8)] | None = None,
    distance: Annotated[float, Field(ge=0, le=1_000)] | None = None,
    kl: Annotated[float, Field(ge=0, le=1_000)] = 0.0,
    lr: Annotated[float, Field(gt=0, le=1)] | None = None,
    round_steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = None,
    block: Annotated[int, Field(ge=1, le=65_536)] | None = None,
    folder: str = "",
) -> Engine:
    """One forward pass of a network that is trained for the spec; the cheapest engine once it is fitted.

    A setting that is None has the preset's value; the default preset's comes first.

    Args:
        preset: How it is built and trained: `default`, sized for latents of a few hundred values, or `paper-2018`,
            against a critic as published, for latents of the paper's size (1,024); it takes a day.
        hidden: Width of the hidden layers (512; paper-2018 2,048).
        layers: Hidden layers (2; paper-2018 4).
        distance: Weight of the distance from the start, in units of sigma_bar (0.1; paper-2018 0). At 0 all starts
            are moved to nearly one place; more keeps more of a start, and satisfies less often.
        kl: Weight of the Kullback-Leibler divergence of what it makes of a batch from the prior, both taken as normal.
            With realism an actor moves many starts to one place, and this keeps them apart: 0.03 to 0.1, for a
            standard normal prior. Not of paper-2018.
        lr: Adam's learning rate (0.001; paper-2018 0.0001).
        round_steps: Training steps in a round of refinement: the actor's (80), or in paper-2018 its critic's (4,880),
            of which every tenth is followed by one of the actor's. There are at most 41 rounds.
        block: Tries in a block; default 1,024, fewer where a decode is costly.
        folder: A folder that `lc fit --out` wrote: its actor is used instead of one being fitted. All settings but
            `block` are then its own.
    """
    some = {"hidden": hidden, "layers": layers, "distance": distance, "lr": lr, "round_steps": round_steps}
    given: dict[str, Any] = {key: value for key, value in some.items() if value is not None}
    if not folder:
        return fresh_actor(preset, kl=kl, block=block, **given)
    others = [*given, *["preset"] * (preset != "default"), *["kl"] * (kl != 0)]
    if others:
        raise LCError(
            f"an actor from a folder has its own {', '.join(others)}",
            hint="leave out folder, or all settings but block",
        )
    return FolderActor(folder, block=block)
