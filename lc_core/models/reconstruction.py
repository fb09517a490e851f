"""How like an output its decoded encoding is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["EQUAL_TOKENS", "RMS_ERROR", "Reconstruction", "compare"]


EQUAL_TOKENS = 0.9
"""Least share of equal values at which an output of whole numbers counts as one that its model can represent."""


RMS_ERROR = 0.1
"""Largest root mean square error at which an output of other numbers does."""


@dataclass(frozen=True)
class Reconstruction:
    """What a model makes of outputs: how like them their decoded encodings are.

    Attributes:
        outputs: The decoded encodings.
        likeness: Share of equal values of whole-number outputs, else the root mean square error, `(N,)`.
        exact: Whether it is the share of equal values.
    """

    outputs: np.ndarray
    likeness: np.ndarray
    exact: bool

    @property
    def represented(self) -> np.ndarray:
        """Which outputs the model can represent, `(N,)` bool."""
        found: np.ndarray = self.likeness >= EQUAL_TOKENS if self.exact else self.likeness <= RMS_ERROR
        return found

    def words(self, number: int) -> str:
        """Say how like an input its decoded encoding is."""
        value = float(self.likeness[number])
        if self.exact:
            return f"{value:.0%} of its values come back from its encoding (at least {EQUAL_TOKENS:.0%} are expected)"
        return f"its decoded encoding is off by {value:.3g} (RMS; at most {RMS_ERROR} is expected)"


def compare(inputs: np.ndarray, outputs: np.ndarray) -> Reconstruction:
    """Return how like inputs their decoded encodings are; both have the same shape."""
    axes = tuple(range(1, inputs.ndim))
    if exact := inputs.dtype.kind in "iub" and outputs.dtype.kind in "iub":
        likeness = (inputs == outputs).mean(axis=axes)
    else:
        likeness = np.sqrt(np.square(inputs.astype(np.float64) - outputs).mean(axis=axes))
    return Reconstruction(outputs, likeness, exact)
