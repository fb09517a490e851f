"""`melody.folk-2bar`: the shipped melody model, loaded from a folder of safetensors and `config.json`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core import LCError, Posterior
from lc_core.common import cast_once
from lc_plugins.melody.corpus import read_corpus
from lc_plugins.vae.model import VAEModel

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.critics import Chain
    from lc_plugins.melody.network import MelodyVAE

__all__ = ["DISCRIMINATOR_FILE", "SHIPPED", "MelodyModel", "load_folk_2bar"]

SHIPPED = Path(__file__).parent / "pretrained" / "folk-2bar"
DISCRIMINATOR_FILE = "ear.safetensors"
SHARPENED = 0.5
"""Temperature of the probabilities that a sampler reads; the likeliest token is what is decoded."""


def load_folk_2bar(*, folder: str = "") -> MelodyModel:
    """Two bars of folk melody: a residual MLP VAE of 128 dimensions, trained on old printed dance tunes.

    Args:
        folder: A folder that `lc train melody.folk-2bar` wrote; the shipped one if empty.
    """
    return MelodyModel(Path(folder) if folder else SHIPPED)


class MelodyModel(VAEModel):
    """A trained `MelodyVAE` with its realism critic; and with its discriminator, if there is `ear.safetensors`."""

    kind = "melody-vae/1"
    what = "melody model"
    output_type = "melody.tokens/1"
    likeness = "melody.likeness"

    def __init__(self, folder: Path) -> None:
        from lc_plugins.melody.discriminator import DISCRIMINATOR, Discriminator

        super().__init__(folder)
        self._discriminator = self._part(DISCRIMINATOR_FILE, DISCRIMINATOR, Discriminator)
        self.steps = self.net.steps

    @staticmethod
    def network(**settings: Any) -> MelodyVAE:
        """Return the network, with weights to be replaced."""
        from lc_plugins.melody.network import MelodyVAE

        return MelodyVAE(**settings)

    def decode(self, z: Tensor) -> Tensor:
        """Return the likeliest tokens `(B, T)` int64 of latents `(B, D)`."""
        from lc_plugins.melody.network import classes_to_tokens

        return classes_to_tokens(self.net.decode(z).argmax(dim=-1))

    def measure_likeness(self, outputs: np.ndarray) -> np.ndarray:
        """Return the log odds of data against prior samples of tokens `(B, T)`, `(B,)`."""
        import torch

        from lc_plugins.melody.network import tokens_to_classes

        if self._discriminator is None:
            return super().measure_likeness(outputs)
        with torch.inference_mode():
            classes = tokens_to_classes(torch.as_tensor(outputs, dtype=torch.int64, device=self.device))
            odds: np.ndarray = self._discriminator(classes).double().cpu().numpy()
        return odds

    def features(self, z: Tensor) -> Tensor:
        """Return the probabilities of all tokens, sharpened towards the likeliest, `(B, T C)`."""
        import torch

        net = self._cast if torch.is_autocast_enabled(z.device.type) else self.net
        found: Tensor = (net.decode(z) / SHARPENED).float().softmax(-1).flatten(1)
        return found

    @cached_property
    def _cast(self) -> MelodyVAE:
        """The network as `training_autocast` would use it."""
        net: MelodyVAE = cast_once(self.net, self.device)
        return net

    def to(self, device: str) -> VAEModel:
        """Move the weights to a device."""
        vars(self).pop("_cast", None)
        return super().to(device)

    def encode(self, outputs: Any) -> Posterior:
        """Return the posterior of tokens `(B, T)`; pitches out of the model's range move by octaves into it."""
        import torch

        from lc_plugins.melody.network import tokens_to_classes

        tokens = torch.as_tensor(np.asarray(outputs), dtype=torch.int64, device=self.device)
        if tokens.ndim != 2 or tokens.shape[1] != self.steps:
            raise LCError(f"{self.name} encodes tokens (B, {self.steps}); found shape {tuple(tokens.shape)}")
        with torch.inference_mode():
            return Posterior(*self.net.encode(tokens_to_classes(tokens)))

    def held_out(self) -> np.ndarray:
        """Return windows `(N, T)` of the tunes that were held out, each moved to a key of its own, as in training."""
        return read_corpus(steps=self.steps).held_out()

    def realism_alone(self) -> Chain | None:
        """Return a chain that the output-space discriminator judges; None where the folder has no `ear.safetensors`."""
        from lc_core.critics import Chain

        told = self._discriminator
        return Chain(lambda z: told(self.net.decode(z).argmax(dim=-1))) if told else None
