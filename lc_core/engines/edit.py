"""The optimiser for edits (Engel, Hoffman, Roberts 2018): small steps away from a start that is to be kept near.

Distances are measured in units of sigma_bar, the posterior's average standard deviation. Steps are not: scaled by
sigma_bar they would go as far along directions that hardly change an output, and ends were a tenth farther off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from lc_core.constraints.measurement import measure_all
from lc_core.engines.adam import descend
from lc_core.engines.base import EditingEngine
from lc_core.models.latent_model import decode_outputs

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.constraints.constraint import Entry
    from lc_core.energy.energy import Energy
    from lc_core.energy.preserved import Preserved
    from lc_core.models.latent_model import LatentModel

__all__ = ["Edit"]

FIT_STEPS = 80
"""Most steps of a try while critics are refined."""


class Edit(EditingEngine):
    """Adam with a pull back to the start; each example stops at its first step that satisfies.

    What `lc transform` makes of `gradient`.

    Args:
        steps: Most steps of a try.
        lr: Adam's learning rate, in units of the latent.
        distance: Weight of the distance from the start, mean(log(1 + (z' - z)^2) / sigma_bar^2).
        keep: Weight of each measurement that is kept.
        check_every: Steps between two checks; each decodes the examples that are not done.
        block: Examples in a block; default 64, fewer where a decode is costly.
    """

    def __init__(
        self,
        *,
        steps: Annotated[int, Field(ge=1, le=10_000)] = 300,
        lr: Annotated[float, Field(gt=0, le=10)] = 0.02,
        distance: Annotated[float, Field(ge=0, le=1_000)] = 0.02,
        keep: Annotated[float, Field(ge=0, le=1_000)] = 1.0,
        check_every: Annotated[int, Field(ge=1)] = 2,
        block: Annotated[int, Field(ge=1, le=65_536)] | None = None,
    ) -> None:
        self.steps, self.lr, self.distance, self.keep = steps, lr, distance, keep
        self.choose_block(block, 64)
        self.checks = tuple(range(check_every, steps, check_every))
        self._kept: tuple[Preserved, ...] = ()
        self._before: Mapping[str, np.ndarray] | None = None

    def unadvised(self, model: LatentModel, entries: Sequence[Entry], realism: float) -> str | None:
        """Return what it is for."""
        return "lc transform takes it, to change files of yours; to sample, gradient does the same in larger steps"

    def keeping(self, kept: Sequence[Preserved], before: Mapping[str, np.ndarray] | None = None) -> Edit:
        """Return this engine holding measurements near what they were."""
        return self._changed(_kept=tuple(kept), _before=before)

    def for_fit(self) -> Edit:
        """Return this engine with the steps of a fit: most edits end within them."""
        return self._changed(steps=min(self.steps, FIT_STEPS), checks=())

    def faster(self, factor: float) -> Edit:
        """Return this engine with larger steps."""
        return self._changed(lr=self.lr * factor)

    def nearer(self, factor: float) -> Edit:
        """Return this engine with a heavier weight of distance."""
        return self._changed(distance=self.distance * factor)

    def settings(self) -> dict[str, Any]:
        """Return the settings, and how each measurement is kept."""
        kept = [[one.label, one.as_dict()] for one in self._kept]
        return super().settings() | ({"kept": kept} if kept else {})

    def init(self, z: Tensor, model: LatentModel, *, anchor: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the latents with Adam's two moments, the starts, the units of distances, and what is kept `(B, k)`.

        Args:
            z: Where to begin.
            model: The model.
            anchor: What to keep near; default `z`.
        """
        import torch

        sigma = getattr(model, "sigma_bar", None)
        unit = torch.ones_like(z) if sigma is None else sigma.to(z).view(z.shape[1:]).expand(z.shape)
        kept = torch.from_numpy(self._values(z, model)).to(z.device)
        return (z, z.new_zeros(z.shape), z.new_zeros(len(z)), z if anchor is None else anchor, unit, kept)

    def _values(self, z: Tensor, model: LatentModel) -> np.ndarray:
        if not self._kept:
            return np.zeros((len(z), 0))
        before = self._before
        if before is None:
            outputs = decode_outputs(model, z)
            values = measure_all([one.measurement for one in self._kept], outputs)
            before = dict(zip((one.label for one in self._kept), values, strict=True))
        return np.stack([before[one.label] for one in self._kept], axis=1)

    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        """Take one step of Adam."""
        z, first, second, start, unit, kept = state

        def total(z: Tensor) -> Tensor:
            found = energy(z).total
            if self.distance > 0:
                found = found + self.distance * ((z - start).square().log1p() / unit.square()).flatten(1).mean(dim=1)
            if self.keep > 0:
                logits = energy.logits(z, [one.entry for one in self._kept])
                for one, column in zip(self._kept, kept.cpu().numpy().T, strict=True):
                    found = found + self.keep * one.loss(energy.critics[one.label], logits[one.label][:, 0], column)
            return found

        return (*descend(total, z, first, second, start, model, lr=self.lr, number=number), start, unit, kept)
