"""`avatars.64` and `avatars.64-blurry`: the shipped avatar models, loaded from folders of weights and `config.json`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_plugins.avatars.dataset import read_avatars
from lc_plugins.images.arrays import from_pixels
from lc_plugins.vae.model import PixelModel

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FLOW", "SHIPPED", "AvatarModel", "load_blurry", "load_sharp"]

SHIPPED = Path(__file__).parent / "pretrained"
FLOW = "flow.safetensors"


def load_sharp(*, folder: str = "") -> AvatarModel:
    """Drawn avatars of 64 x 64 pixels: a convolutional VAE of 64 dimensions with sigma_x = 0.1, which keeps details.

    Args:
        folder: A folder that `lc train avatars.64` wrote; the shipped one if empty.
    """
    return AvatarModel(Path(folder) if folder else SHIPPED / "64")


def load_blurry(*, folder: str = "") -> AvatarModel:
    """The same with sigma_x = 1: blurry pictures, and a prior with fewer holes.

    Args:
        folder: A folder that `lc train avatars.64 --set sigma_x=1.0` wrote; the shipped one if empty.
    """
    return AvatarModel(Path(folder) if folder else SHIPPED / "64-blurry")


class AvatarModel(PixelModel):
    """A trained `AvatarVAE` with its realism critic; and with its flow, if there is `flow.safetensors`.

    Attributes:
        sigma_x: Standard deviation of a pixel that it was trained with.
    """

    kind = "avatar-vae/1"
    what = "avatar model"
    output_type = "image.rgb/1"

    def __init__(self, folder: Path) -> None:
        from lc_core.critics import FLOW as KIND_OF_FLOW
        from lc_core.critics import Flow

        super().__init__(folder)
        self._flow = self._part(FLOW, KIND_OF_FLOW, Flow)
        self.sigma_x = float(self.config.get("training", {}).get("sigma_x", "nan"))

    @staticmethod
    def network(**settings: Any) -> nn.Module:
        """Return the network, with weights to be replaced."""
        from lc_plugins.avatars.network import AvatarVAE

        return AvatarVAE(**settings)

    def flow(self) -> nn.Module | None:
        """Return the flow from the prior to encodings of pictures, latents `(B, D)` to latents; None without one."""
        return self._flow

    def held_out(self) -> np.ndarray:
        """Return the test pictures `(5000, 3, 64, 64)`, drawn first if they are not in the cache folder."""
        return from_pixels(np.asarray(read_avatars("test").pictures))
