"""`images.celeba`: a VAE of photographs that `lc train images.celeba` wrote; no weights are shipped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_plugins.vae.model import PixelModel

if TYPE_CHECKING:
    from torch import nn

__all__ = ["NAME", "CelebAModel", "load_celeba"]

NAME = "images.celeba"


def load_celeba(*, folder: str) -> CelebAModel:
    """Faces of 64 x 64 pixels: the paper's convolutional VAE, from a folder that `lc train images.celeba` wrote.

    Args:
        folder: A folder that `lc train images.celeba` wrote.
    """
    return CelebAModel(Path(folder))


class CelebAModel(PixelModel):
    """A trained `CelebAVAE` with its realism critic."""

    kind = "celeba-vae/1"
    what = "model of CelebA"
    output_type = "image.rgb/1"

    @staticmethod
    def network(**settings: Any) -> nn.Module:
        """Return the network, with weights to be replaced."""
        from lc_plugins.images.celeba_vae import CelebAVAE

        return CelebAVAE(**settings)
