"""A trained VAE as a latent model, from a folder of `config.json` and `weights.safetensors`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lc_core import LatentModel, Posterior
from lc_plugins.images.arrays import as_images
from lc_plugins.vae.files import read_folder

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["PixelModel", "VAEModel"]

Part = TypeVar("Part", bound="nn.Module")


class VAEModel(LatentModel):
    """A trained VAE with its realism critic. A domain says which network and type, and how it decodes and encodes.

    Args:
        folder: Holds `config.json` and `weights.safetensors`, as `lc_plugins.vae.finish.write_model` writes them.

    Attributes:
        kind: The kind of model that `config.json` must name.
        what: What it is to a user, such as `avatar model`.
        net: The network.
        config: What `config.json` says.
        sigma_bar: Posterior standard deviation per dimension, averaged over the training data, `(D,)`.

    Raises:
        LCError: If the folder holds no such model, or its weights are damaged.
    """

    kind: str
    what: str

    def __init__(self, folder: Path) -> None:
        from lc_core.critics import RealismCritic

        stored = read_folder(folder, self.kind, self.what)
        self.folder, self.config, self._digest = folder, stored.config, stored.digest
        self.net: Any = stored.network(self.network, prefix="vae.")
        self._realism: nn.Module = stored.network(RealismCritic, "realism", prefix="realism.")
        with stored.fitting():
            self.sigma_bar = stored.tensors["sigma_bar"].float()
        self._parts = [self.net, self._realism]
        self.name = str(self.config.get("name", folder.name))
        self.latent_shape = (self.net.latent_dim,)

    @staticmethod
    @abstractmethod
    def network(**settings: Any) -> nn.Module:
        """Return the network, with weights to be replaced.

        It has `latent_dim`, D; `settings`, what it was built with; `encode(x)`, which returns the posterior's mean and
        standard deviation, each `(B, D)`; and `decode(z)`, which returns what p(x|z) is made of, for latents `(B, D)`.
        """

    @cached_property
    def digest(self) -> str:
        """Hash of the configuration and the weights."""
        return self._digest

    def _part(self, file: str, kind: str, build: Callable[..., Part]) -> Part | None:
        """Return a network that has a file of its own in the folder; None without the file."""
        from lc_core.common import read_network

        part = read_network(self.folder / file, kind, build)
        self._parts += [part] if part else []
        return part

    def to(self, device: str) -> VAEModel:
        """Move the weights to a device."""
        for part in self._parts:
            part.to(device)
        self.device = device
        return self

    def sampler(self) -> Path:
        """Return where the sampler that comes with the model is, if one does."""
        return self.folder / "sampler"

    def realism(self) -> nn.Module:
        """Return the realism critic: latents `(B, D)` to logits `(B,)`, encoded data against the prior."""
        return self._realism


class PixelModel(VAEModel):
    """A trained VAE of pictures, whose network has the attribute `shape`: C, H and W."""

    block = 256

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean pictures `(B, C, H, W)` float32 in [0, 1] of latents `(B, D)`; a gradient passes through.

        Where a pixel is clamped to [0, 1], its gradient is 0.
        """
        pictures: Tensor = self.net.decode(z)
        return pictures.clamp(0, 1).contiguous()

    def encode(self, outputs: Any) -> Posterior:
        """Return the posterior of pictures `(B, C, H, W)`, float in [0, 1]."""
        import torch

        channels, *size = self.net.shape
        x = as_images(outputs, size=(size[0], size[1]), channels=channels, who=self.name, device=self.device)
        with torch.inference_mode():
            means, stds = zip(*(self.net.encode(part) for part in torch.split(x, self.block)), strict=True)
            return Posterior(torch.cat(means), torch.cat(stds))
