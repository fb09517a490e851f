"""What latent models of pictures share: a folder of `config.json` and `weights.safetensors`, made into a model."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from lc_core import LatentModel, LCError, Posterior
from lc_core.common import read_bytes
from lc_plugins.images.arrays import as_images

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from lc_core.critics import RealismCritic

__all__ = ["PixelModel", "PixelVAE"]


class PixelVAE(Protocol):
    """A network for pictures `(B, C, H, W)` in [0, 1]; all of `nn.Module` as well.

    Attributes:
        shape: C, H and W.
        latent_dim: D, the latent dimension.
        settings: What it was built with.
    """

    shape: tuple[int, int, int]
    latent_dim: int
    settings: dict[str, Any]

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the posterior's mean and standard deviation, each `(B, D)`."""

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean picture `(B, C, H, W)` for latents `(B, D)`."""


class PixelModel(LatentModel):
    """A trained VAE of pictures with its realism critic. Derived classes say which network and which type.

    Args:
        folder: Holds `config.json` and `weights.safetensors`, as `lc_plugins.images.export.write_model` writes them.

    Attributes:
        kind: The kind of model that `config.json` must name.
        sigma_bar: Posterior standard deviation per dimension, averaged over the training pictures, `(D,)`.

    Raises:
        LCError: If the folder holds no such model, or its weights are damaged.
    """

    kind: str
    block = 256
    net: Any

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config, tensors, self._digest = self._read()
        self.net, self._realism, self.sigma_bar = self._build(config, tensors)
        self.name = str(config.get("name", folder.name))
        self.latent_shape = (self.net.latent_dim,)

    @staticmethod
    @abstractmethod
    def network(**settings: Any) -> nn.Module:
        """Return the network, with weights to be replaced."""

    @cached_property
    def digest(self) -> str:
        """Hash of the configuration and the weights."""
        return self._digest

    def to(self, device: str) -> PixelModel:
        """Move the weights to a device."""
        self.net.to(device)
        self._realism.to(device)
        self.device = device
        return self

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean picture `(B, C, H, W)` in [0, 1] of latents `(B, D)`."""
        pictures: Tensor = self.net.decode(z)
        return pictures.clamp(0, 1)

    def encode(self, outputs: Any) -> Posterior:
        """Return the posterior of pictures `(B, C, H, W)`, float in [0, 1]."""
        import torch

        channels, *size = self.net.shape
        x = as_images(outputs, size=(size[0], size[1]), channels=channels, who=self.name, device=self.device)
        with torch.inference_mode():
            return Posterior(*self.net.encode(x))

    def realism(self) -> nn.Module:
        """Return the realism critic: latents `(B, D)` to logits `(B,)`, encoded data against the prior."""
        return self._realism

    def _read(self) -> tuple[dict[str, Any], dict[str, torch.Tensor], str]:
        from safetensors.torch import load

        from lc_core.common import check_finite

        path = self.folder / "weights.safetensors"
        try:
            about = read_bytes(self.folder / "config.json")
            data = read_bytes(path)
        except OSError as error:
            raise LCError(
                f"{self.folder} holds no {self.kind} model: {Path(error.filename or path).name} cannot be read "
                f"({error.strerror})",
                hint="give a folder that lc train wrote",
            ) from error
        try:
            config: dict[str, Any] = json.loads(about)
            kind, wanted = config.get("kind"), config.get("weights_sha256")
        except (ValueError, AttributeError) as error:
            raise self._damaged(f"config.json: {error}") from error
        if kind != self.kind:
            raise LCError(f"{self.folder}/config.json is of kind {kind!r}; expected {self.kind!r}")
        if wanted != hashlib.sha256(data).hexdigest():
            raise self._damaged(f"{path.name} is not the file that config.json was written with")
        try:
            tensors = load(data)
            check_finite(tensors)
        except Exception as error:
            raise self._damaged(f"{path.name}: {error}") from error
        return config, tensors, hashlib.sha256(about + data).hexdigest()

    def _build(
        self, config: dict[str, Any], tensors: dict[str, torch.Tensor]
    ) -> tuple[nn.Module, RealismCritic, torch.Tensor]:
        from lc_core.critics import RealismCritic

        def part(prefix: str) -> dict[str, torch.Tensor]:
            return {name.removeprefix(prefix): one.float() for name, one in tensors.items() if name.startswith(prefix)}

        try:
            net, realism = self.network(**config["network"]), RealismCritic(**config["realism"])
            net.load_state_dict(part("vae."))
            realism.load_state_dict(part("realism."))
            sigma_bar = tensors["sigma_bar"].float()
        except (KeyError, TypeError, RuntimeError) as error:
            raise self._damaged(f"the weights do not fit config.json: {error}") from error
        return net.requires_grad_(False).eval(), realism.requires_grad_(False).eval(), sigma_bar

    def _damaged(self, what: str) -> LCError:
        return LCError(f"the model in {self.folder} is damaged: {what}", hint="install or train it again")
