"""What a bank keeps, as arrays: outputs in the smallest type that holds them, and the values of measurements."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from lc_core.bank.columns import Columns
from lc_core.common.words import counted
from lc_core.constraints.digest import measurement_digest
from lc_core.constraints.measurement import Measurement

__all__ = ["Kept", "why_not_kept"]

CODES = ("u1", "i1", "u2", "i2", "u4", "i4", "i8", "u8")
"""Types that whole numbers are kept in, the smallest first."""
LARGE = 1_024
"""Outputs of more numbers each are not kept, only what is measured on them."""
VALUES = np.dtype("<f8")


def why_not_kept(outputs: np.ndarray) -> str:
    """Return why outputs `(B, ...)` of a kind that is not kept are not, in words."""
    numbers = counted(int(np.prod(outputs.shape[1:])), "number")
    kept = f"only whole numbers are kept, at most {LARGE:,} for each output"
    return f"one is {numbers} of type {outputs.dtype}, and {kept}"


class Kept:
    """Outputs and values of a bank, by the number of the block.

    Outputs of whole numbers are kept; pictures are not. Values are kept of a measurement whose source tells what it
    does (`measurement_digest`).

    Args:
        columns: The files.
        block: Samples in a block.
    """

    def __init__(self, columns: Columns, block: int) -> None:
        self.columns, self.block = columns, block
        self._names: dict[int, tuple[Measurement, str]] = {}
        held: Any = columns.config().get("outputs")
        with suppress(TypeError, KeyError, ValueError):  # nothing is there, or it cannot be read
            self._tell(np.dtype(held["dtype"]), tuple(map(int, held["shape"])))

    @property
    def form(self) -> tuple[np.dtype[Any], tuple[int, ...]] | None:
        """Type and shape of one output; None as long as that is not known."""
        held = self.columns.about.get("outputs")
        return None if held is None else (np.dtype(held["dtype"]), tuple(held["shape"]))

    @property
    def keeps_outputs(self) -> bool | None:
        """Whether outputs are kept; None as long as it is not known what they are."""
        if self.form is None:
            return None
        dtype, shape = self.form
        return dtype.kind in "biu" and int(np.prod(shape)) <= LARGE

    def outputs(self, number: int) -> np.ndarray | None:
        """Return the outputs of a block in the model's own type, first dimension `block`; None if they are not kept."""
        if self.form is None or not self.keeps_outputs:
            return None
        dtype, shape = self.form
        parts = (self.columns.read("outputs", number, np.dtype(f"<{code}"), (self.block, *shape)) for code in CODES)
        found = next((one for one in parts if one is not None), None)
        return None if found is None else found.astype(dtype)

    def note(self, outputs: np.ndarray) -> None:
        """Take from some outputs what their type and shape are."""
        self._tell(outputs.dtype, outputs.shape[1:])

    def keep_outputs(self, number: int, outputs: np.ndarray) -> None:
        """Keep the outputs of a block, if they are of a kind that is kept."""
        self.note(outputs)
        if self.keeps_outputs:
            low, high = int(outputs.min(initial=0)), int(outputs.max(initial=0))
            code = next(one for one in CODES if np.iinfo(one).min <= low and high <= np.iinfo(one).max)
            self.columns.write("outputs", number, outputs.astype(f"<{code}"))

    def values(self, number: int, measurement: Measurement) -> np.ndarray | None:
        """Return what a measurement is on a block, `(block,)` float64; None if that is not kept."""
        name = self._name(measurement)
        return self.columns.read(name, number, VALUES, (self.block,)) if name else None

    def keep_values(self, number: int, measurement: Measurement, values: np.ndarray) -> None:
        """Keep what a measurement is on a block."""
        if name := self._name(measurement):
            self.columns.write(name, number, values.astype(VALUES))

    def refuse(self, measurement: Measurement) -> None:
        """Neither give nor keep values of a measurement any more."""
        self._names[id(measurement)] = (measurement, "")

    def _name(self, measurement: Measurement) -> str:
        """Return the name of a measurement's column; empty if its values are not kept."""
        if id(measurement) not in self._names:
            self._names[id(measurement)] = (measurement, (measurement_digest(measurement) or "")[:24])
        return self._names[id(measurement)][1]

    def _tell(self, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.columns.about["outputs"] = {"dtype": dtype.str, "shape": list(shape)}
