"""`avatars.64` and `avatars.64-blurry`: the shipped avatar models, loaded from folders of weights and `config.json`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core import LatentModel, Posterior
from lc_plugins.avatars.weights import damaged, read_folder
from lc_plugins.images.arrays import as_images

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from lc_core.critics import RealismCritic
    from lc_plugins.avatars.network import AvatarVAE

__all__ = ["FLOW", "KIND", "SHIPPED", "AvatarModel", "load_blurry", "load_sharp"]

SHIPPED = Path(__file__).parent / "pretrained"
KIND = "avatar-vae/1"
FLOW = "flow.safetensors"
SIZE = 64
WHAT = "avatar model"


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


class AvatarModel(LatentModel):
    """A trained `AvatarVAE` with its realism critic.

    Args:
        folder: Holds `config.json` and `weights.safetensors`, and `flow.safetensors` if it has a flow.

    Attributes:
        sigma_bar: Posterior standard deviation per dimension, averaged over the training pictures, `(D,)`.
        sigma_x: Standard deviation of a pixel that it was trained with.

    Raises:
        LCError: If the folder holds no model, or its weights are damaged.
    """

    output_type = "image.rgb/1"
    block = 256

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        from lc_core.common import read_network
        from lc_core.critics import FLOW as KIND_OF_FLOW
        from lc_core.critics import Flow

        config, tensors, self._digest = read_folder(folder, KIND, WHAT)
        self.net, self._realism, self.sigma_bar = _build(folder, config, tensors)
        self._flow = read_network(folder / FLOW, KIND_OF_FLOW, Flow)
        self.name = str(config.get("name", folder.name))
        self.sigma_x = float(config.get("training", {}).get("sigma_x", "nan"))
        self.latent_shape = (self.net.latent_dim,)

    @cached_property
    def digest(self) -> str:
        """Hash of the configuration and the weights."""
        return self._digest

    def to(self, device: str) -> AvatarModel:
        """Move the weights to a device."""
        self.net.to(device)
        self._realism.to(device)
        if self._flow:
            self._flow.to(device)
        self.device = device
        return self

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean pictures `(B, 3, 64, 64)` float32 in [0, 1] of latents `(B, D)`; a gradient passes through.

        Where a pixel is clamped to [0, 1], its gradient is 0.
        """
        return self.net.decode(z).clamp(0, 1).contiguous()

    def encode(self, outputs: Any) -> Posterior:
        """Return the posterior of pictures `(B, 3, 64, 64)`, float in [0, 1]."""
        import torch

        pictures = as_images(outputs, size=(SIZE, SIZE), who=self.name, device=self.device)
        with torch.inference_mode():
            parts = [self.net.encode(part) for part in torch.split(pictures, self.block)]
            means, stds = zip(*parts, strict=True)
            return Posterior(torch.cat(means), torch.cat(stds))

    def realism(self) -> nn.Module:
        """Return the realism critic: latents `(B, D)` to logits `(B,)`, encoded data against the prior."""
        return self._realism

    def flow(self) -> nn.Module | None:
        """Return the flow from the prior to encodings of pictures, latents `(B, D)` to latents; None without one."""
        return self._flow


def _build(
    folder: Path, config: dict[str, Any], tensors: dict[str, torch.Tensor]
) -> tuple[AvatarVAE, RealismCritic, torch.Tensor]:
    """Return the network, the realism critic and sigma_bar."""
    import torch

    from lc_core.critics import RealismCritic
    from lc_plugins.avatars.network import AvatarVAE

    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): value.float() for name, value in tensors.items() if name.startswith(prefix)}

    try:
        with torch.random.fork_rng(devices=[]):  # the weights it starts with are replaced
            net, realism = AvatarVAE(**config["network"]), RealismCritic(**config["realism"])
        net.load_state_dict(part("vae."))
        realism.load_state_dict(part("realism."))
        sigma_bar = tensors["sigma_bar"].float()
    except (KeyError, TypeError, RuntimeError) as error:
        raise damaged(folder, WHAT, f"the weights do not fit config.json: {error}") from error
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return net.requires_grad_(False).eval(), realism.requires_grad_(False).eval(), sigma_bar
