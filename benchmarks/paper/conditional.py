"""An actor of all attributes of avatars: what the experiments on conditional generation draw from.

It is fitted without labels, from what the verifier says of its own decoded outputs. The judge has no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.tables import say
from lc_core.common.cache import Cache
from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import Want
from lc_core.energy.energy import Energy
from lc_core.engines.actor import Actor
from lc_core.engines.base import Engine
from lc_core.engines.loop import run_engine
from lc_core.fitting.critics import FitSettings
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import LatentModel
from lc_plugins.avatars.attributes import NAMES, visible
from lc_plugins.avatars.verifier import attribute

__all__ = ["Conditional", "fit_conditional"]

BLOCK = 500
FREE = {"present": [False, True]}
SURE = Want(at_least=0.9)
"""How sure the verifier has to be. At a half, an actor learns to draw blends of mouths."""
FIT: dict[str, Any] = {
    "prior_samples": 12_288,
    "push_samples": 2_048,
    "hidden": 512,
    "steps": 1_500,
    "rounds": 20,
    "round_steps": 160,
}
"""Thirty attributes in one network of critics: wider, and trained for longer, than what suits one rule."""


@dataclass(frozen=True)
class Conditional:
    """An actor that serves every vector of attributes, its energy, and the seconds of its fit."""

    model: LatentModel
    engine: Engine
    energy: Energy
    seconds: float

    def move(self, z: Tensor, wanted: np.ndarray) -> Tensor:
        """Move prior samples `(N, D)` to where the attributes `(N, 30)` bool are to be, in one pass."""
        shown = wanted & visible(wanted)  # what is hidden is not seen, and so not there as far as a picture tells
        variants = {name: shown[:, at].astype(np.int64) for at, name in enumerate(NAMES)}
        return run_engine(self.engine, self.model, z, self.energy.at(self.energy.space.choose(variants))).z

    def __call__(self, wanted: np.ndarray) -> np.ndarray:
        """Return pictures `(N, 3, 64, 64)` for attributes `(N, 30)` bool, from prior samples."""
        parts = np.split(wanted, range(BLOCK, len(wanted), BLOCK))
        starts = [self.model.sample_prior(len(part), block_generator(0, n, "wanted")) for n, part in enumerate(parts)]
        moved = [self.move(z, part) for z, part in zip(starts, parts, strict=True)]
        return Evaluator(self.model, ()).decode(torch.cat(moved))


def fit_conditional(
    model: LatentModel, *, distance: float, realism: float, seed: int = 0, settings: FitSettings | None = None
) -> Conditional:
    """Return the actor, fitted or found in the cache.

    Args:
        model: A model of avatars.
        distance: Weight of the distance from the start.
        realism: Weight of realism.
        seed: Fit seed.
        settings: How to fit, in place of what suits this many attributes.
    """
    entries = tuple(
        Constraint(Measurement(attribute, {"name": name}, name="avatars.attribute"), label=name, want=SURE, free=FREE)
        for name in NAMES
    )
    settings = settings or FitSettings(seed=seed, **FIT)
    prepared = prepare(
        Evaluator(model, entries),
        Actor(distance=distance, hidden=768, lr=5e-4, round_steps=160),
        realism=realism,
        settings=settings,
        cache=Cache(),
        progress=say,
    )
    assert prepared.energy is not None
    return Conditional(model, prepared.engine, prepared.energy, prepared.seconds)
