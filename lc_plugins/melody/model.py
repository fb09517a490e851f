"""`melody.folk-2bar`: the shipped melody model, loaded from a folder of safetensors and `config.json`."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.errors import LCError
from lc_core.latent_model import LatentModel, Posterior

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from lc_plugins.melody.network import MelodyVAE

__all__ = ["SHIPPED", "MelodyModel", "load_folk_2bar"]

SHIPPED = Path(__file__).parent / "pretrained" / "folk-2bar"


def load_folk_2bar(*, folder: str = "") -> MelodyModel:
    """Two bars of folk melody: a residual MLP VAE of 128 dimensions, trained on old printed dance tunes.

    Args:
        folder: A folder that `lc train melody.folk-2bar` wrote; the shipped one if empty.
    """
    return MelodyModel(Path(folder) if folder else SHIPPED)


class MelodyModel(LatentModel):
    """A trained `MelodyVAE` with its realism critic.

    Args:
        folder: Holds `config.json` and `weights.safetensors`.

    Attributes:
        sigma_bar: Posterior standard deviation per dimension, averaged over the training windows, `(D,)`.

    Raises:
        LCError: If the folder holds no model, or its weights are damaged.
    """

    output_type = "melody.tokens/1"
    block = 1024

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config, tensors, self._digest = _read(folder)
        self.name = str(config["name"])
        self.steps = int(config["network"]["steps"])
        self.latent_shape = (int(config["network"]["latent_dim"]),)
        self.net, self._realism = _build(config, tensors)
        self.sigma_bar = tensors["sigma_bar"].float()

    @cached_property
    def digest(self) -> str:
        """Hash of the configuration and the weights."""
        return self._digest

    def to(self, device: str) -> MelodyModel:
        """Move the weights to a device."""
        self.net.to(device)
        self._realism.to(device)
        self.device = device
        return self

    def decode(self, z: Tensor) -> Tensor:
        """Return the likeliest tokens `(B, T)` int64 of latents `(B, D)`."""
        from lc_plugins.melody.network import classes_to_tokens

        return classes_to_tokens(self.net.decode(z).argmax(dim=-1))

    def encode(self, outputs: Any) -> Posterior:
        """Return the posterior of tokens `(B, T)`; pitches out of the model's range move by octaves into it."""
        import torch

        from lc_plugins.melody.network import tokens_to_classes

        tokens = torch.as_tensor(np.asarray(outputs), dtype=torch.int64, device=self.device)
        if tokens.ndim != 2 or tokens.shape[1] != self.steps:
            raise LCError(f"{self.name} encodes tokens (B, {self.steps}); found shape {tuple(tokens.shape)}")
        with torch.inference_mode():
            return Posterior(*self.net.encode(tokens_to_classes(tokens)))

    def realism(self) -> nn.Module:
        """Return the realism critic: latents `(B, D)` to logits `(B,)`, encoded data against the prior."""
        return self._realism


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor], str]:
    from safetensors.torch import load_file

    weights = folder / "weights.safetensors"
    try:
        text = (folder / "config.json").read_text(encoding="utf-8")
        config: dict[str, Any] = json.loads(text)
        tensors = load_file(weights)
    except FileNotFoundError as error:
        raise LCError(
            f"{folder} holds no melody model: {Path(error.filename or weights).name} is missing",
            hint="give a folder that lc train wrote",
        ) from error
    except Exception as error:
        raise LCError(f"the melody model in {folder} is damaged: {error}", hint="install or train it again") from error
    digest = hashlib.sha256(text.encode() + weights.read_bytes()).hexdigest()
    if config.get("kind") != "melody-vae/1":
        raise LCError(f"{folder}/config.json is of kind {config.get('kind')!r}; expected 'melody-vae/1'")
    return config, tensors, digest


def _build(config: dict[str, Any], tensors: dict[str, torch.Tensor]) -> tuple[MelodyVAE, nn.Module]:
    from lc_core.critics.realism import RealismCritic
    from lc_plugins.melody.network import MelodyVAE

    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): value.float() for name, value in tensors.items() if name.startswith(prefix)}

    net = MelodyVAE(**config["network"])
    realism = RealismCritic(**config["realism"])
    try:
        net.load_state_dict(part("vae."))
        realism.load_state_dict(part("realism."))
    except RuntimeError as error:
        raise LCError(f"the weights of {config['name']} do not fit its configuration: {error}") from error
    return net.requires_grad_(False).eval(), realism.requires_grad_(False).eval()
