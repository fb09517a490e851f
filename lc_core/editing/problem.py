"""What is asked of an edit: inputs, constraints, what is preserved, and the engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lc_core.constraints.constraint import Entry, leaves
from lc_core.constraints.measurement import Measurement
from lc_core.engines.base import Engine
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel
from lc_core.spec.values import Preserve

__all__ = ["Transformation"]


@dataclass(frozen=True)
class Transformation:
    """What is to be changed, and how.

    Attributes:
        model: The model; one without an encoder gets one (`lc_core.editing.inversion`).
        inputs: Outputs of its type, first dimension N.
        entries: What is asked: top-level entries with distinct labels, one of them a condition.
        engine: Moves the encodings.
        realism: Weight of realism.
        keep: What must not change.
        watch: What is reported as changed or not, beside `keep`.
        seed: Of the starts of further tries.
        names: What each input is called in messages.
    """

    model: LatentModel
    inputs: np.ndarray
    entries: tuple[Entry, ...]
    engine: Engine
    realism: float = 0.0
    keep: tuple[Preserve, ...] = ()
    watch: tuple[Measurement, ...] = ()
    seed: int = 0
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        name = type(self.engine).__name__.lower()
        if not any(entry.require for entry in self.entries):
            raise LCError("nothing is asked: a transformation needs a condition", hint="add a constraint")
        if not len(self.inputs):
            raise LCError("there are no inputs to transform")
        if not self.engine.needs_energy:
            raise LCError(f"engine {name} draws outputs and edits none", hint="use gradient or actor")
        if not self.names:
            object.__setattr__(self, "names", tuple(f"input {number}" for number in range(len(self.inputs))))
        object.__setattr__(self, "engine", self.engine.sized_for(self.model))
        reason = self.engine.unfit(self.model, self.entries, self.realism)
        if reason is not None:
            raise LCError(f"engine {name} cannot serve this: {reason}")
        if any(leaf.guide == "decoder" for leaf in leaves(self.entries)):
            from lc_core.energy.decoder_guide import check_guides

            check_guides(self.model, self.entries)
