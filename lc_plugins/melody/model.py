"""`melody.folk-2bar`: the shipped melody model, loaded from a folder of safetensors and `config.json`."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core import LatentModel, LCError, Posterior
from lc_core.common import read_bytes

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from lc_core.critics import Chain, RealismCritic
    from lc_plugins.melody.network import MelodyVAE

__all__ = ["EAR_FILE", "SHIPPED", "MelodyModel", "load_folk_2bar"]

SHIPPED = Path(__file__).parent / "pretrained" / "folk-2bar"
KIND = "melody-vae/1"
EAR_FILE = "ear.safetensors"


def load_folk_2bar(*, folder: str = "") -> MelodyModel:
    """Two bars of folk melody: a residual MLP VAE of 128 dimensions, trained on old printed dance tunes.

    Args:
        folder: A folder that `lc train melody.folk-2bar` wrote; the shipped one if empty.
    """
    return MelodyModel(Path(folder) if folder else SHIPPED)


class MelodyModel(LatentModel):
    """A trained `MelodyVAE` with its realism critic.

    Args:
        folder: Holds `config.json` and `weights.safetensors`, and `ear.safetensors` if it has an ear.

    Attributes:
        sigma_bar: Posterior standard deviation per dimension, averaged over the training windows, `(D,)`.

    Raises:
        LCError: If the folder holds no model, or its weights are damaged.
    """

    output_type = "melody.tokens/1"
    block = 1024

    def __init__(self, folder: Path) -> None:
        from lc_core.common import read_network
        from lc_plugins.melody.ear import EAR, Ear

        self.folder = folder
        config, tensors, self._digest = _read(folder)
        self.net, self._realism, self.sigma_bar = _build(folder, config, tensors)
        self._ear = read_network(folder / EAR_FILE, EAR, Ear)
        self.name = str(config.get("name", folder.name))
        self.steps = self.net.steps
        self.latent_shape = (self.net.latent_dim,)

    @cached_property
    def digest(self) -> str:
        """Hash of the configuration and the weights."""
        return self._digest

    def to(self, device: str) -> MelodyModel:
        """Move the weights to a device."""
        self.net.to(device)
        self._realism.to(device)
        if self._ear:
            self._ear.to(device)
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

    def realism_alone(self) -> Chain | None:
        """Return a chain that hears what latents decode to; None where the folder has no `ear.safetensors`."""
        from lc_core.critics import Chain

        ear = self._ear
        return Chain(lambda z: ear(self.net.decode(z).argmax(dim=-1))) if ear else None


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor], str]:
    from safetensors.torch import load

    from lc_core.common import check_finite

    path = folder / "weights.safetensors"
    try:
        about = read_bytes(folder / "config.json")
        data = read_bytes(path)
    except OSError as error:
        raise LCError(
            f"{folder} holds no melody model: {Path(error.filename or path).name} cannot be read ({error.strerror})",
            hint="give a folder that lc train wrote",
        ) from error
    try:
        config: dict[str, Any] = json.loads(about)
        kind, wanted = config.get("kind"), config.get("weights_sha256")
    except (ValueError, AttributeError) as error:
        raise _damaged(folder, f"config.json: {error}") from error
    if kind != KIND:
        raise LCError(f"{folder}/config.json is of kind {kind!r}; expected {KIND!r}")
    if wanted not in (None, hashlib.sha256(data).hexdigest()):
        raise _damaged(folder, f"{path.name} is not the file that config.json was written with")
    try:
        tensors = load(data)
        check_finite(tensors)
    except Exception as error:
        raise _damaged(folder, f"{path.name}: {error}") from error
    return config, tensors, hashlib.sha256(about + data).hexdigest()


def _build(
    folder: Path, config: dict[str, Any], tensors: dict[str, torch.Tensor]
) -> tuple[MelodyVAE, RealismCritic, torch.Tensor]:
    """Return the network, the realism critic and sigma_bar."""
    from lc_core.critics import RealismCritic
    from lc_plugins.melody.network import MelodyVAE

    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): value.float() for name, value in tensors.items() if name.startswith(prefix)}

    try:
        net, realism = MelodyVAE(**config["network"]), RealismCritic(**config["realism"])
        net.load_state_dict(part("vae."))
        realism.load_state_dict(part("realism."))
        sigma_bar = tensors["sigma_bar"].float()
    except (KeyError, TypeError, RuntimeError) as error:
        raise _damaged(folder, f"the weights do not fit config.json: {error}") from error
    return net.requires_grad_(False).eval(), realism.requires_grad_(False).eval(), sigma_bar


def _damaged(folder: Path, what: str) -> LCError:
    return LCError(f"the melody model in {folder} is damaged: {what}", hint="install or train it again")
