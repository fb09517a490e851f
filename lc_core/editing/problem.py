"""What is asked of an edit: inputs, constraints, what is preserved, and the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lc_core.constraints.measurement import Measurement
from lc_core.errors import LCError
from lc_core.sampling.problem import Task
from lc_core.spec.values import Preserve

__all__ = ["Transformation"]


@dataclass(frozen=True)
class Transformation(Task):
    """What is to be changed, and how. One of the entries is a condition; the engine moves the encodings.

    A model without an encoder gets one (`lc_core.editing.inversion`).

    Attributes:
        inputs: Outputs of the model's type, first dimension N.
        keep: What must not change.
        watch: What is reported as changed or not, beside `keep`.
        names: What each input is called in messages.
    """

    inputs: np.ndarray = field(kw_only=True)
    keep: tuple[Preserve, ...] = ()
    watch: tuple[Measurement, ...] = ()
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not any(entry.require for entry in self.entries):
            raise LCError("nothing is asked: a transformation needs a condition", hint="add a constraint")
        if not len(self.inputs):
            raise LCError("there are no inputs to transform")
        if not self.engine.needs_energy:
            name = type(self.engine).__name__.lower()
            raise LCError(f"engine {name} draws outputs and edits none", hint="use gradient or actor")
        if not self.names:
            object.__setattr__(self, "names", tuple(f"input {number}" for number in range(len(self.inputs))))
        super().__post_init__()
