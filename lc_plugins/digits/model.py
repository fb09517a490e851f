"""`digits.8x8`: the shipped model of handwritten digits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_plugins.digits.data import read_digits
from lc_plugins.vae.model import PixelModel

if TYPE_CHECKING:
    from torch import nn

__all__ = ["NAME", "SHIPPED", "DigitModel", "load_8x8"]

SHIPPED = Path(__file__).parent / "pretrained" / "8x8"
NAME = "digits.8x8"


def load_8x8(*, folder: str = "") -> DigitModel:
    """Handwritten digits of 8 x 8 grey pixels: a VAE of 10 dimensions, trained on those that come with scikit-learn.

    Args:
        folder: A folder that `lc train digits.8x8` wrote; the shipped one if empty.
    """
    return DigitModel(Path(folder) if folder else SHIPPED)


class DigitModel(PixelModel):
    """A trained `DigitVAE` with its realism critic."""

    kind = "digit-vae/1"
    what = "digit model"
    output_type = "image.gray/1"
    block = 1024

    @staticmethod
    def network(**settings: Any) -> nn.Module:
        """Return the network, with weights to be replaced."""
        from lc_plugins.digits.network import DigitVAE

        return DigitVAE(**settings)

    def held_out(self) -> np.ndarray:
        """Return the digits `(297, 1, 8, 8)` that no training saw."""
        return read_digits("test").pictures
