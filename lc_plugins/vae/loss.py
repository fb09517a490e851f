"""The losses of VAEs, for `lc_plugins.vae.trainer.Trainer`.

-log p(x|z) + beta * KL(q(z|x) || N(0, I)), summed over all that x has and over dimensions, mean over the batch (Engel,
Hoffman, Roberts 2018, section 2). A domain gives the likelihood.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common import training_autocast
from lc_plugins.images.arrays import from_pixels

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lc_plugins.vae.trainer import Loss

__all__ = ["as_float", "kl_nats", "pixel_loss", "vae_loss"]

KL_WARM_UP = 0.2  # share of all steps over which beta grows from 0


def vae_loss(
    batch: Callable[[torch.Generator], Tensor], surprise: Callable[[Tensor, Tensor], Tensor], *, beta: float
) -> Loss:
    """Return the loss of a step, on the network's device.

    Args:
        batch: Draws data x `(B, ...)`.
        surprise: -log p(x|z), given what z decodes to in float32, and x: the sum over a batch, in nats.
        beta: Weight of the KL term.
    """
    import torch

    def loss(net: Any, generator: torch.Generator, done: float) -> tuple[Tensor, float, float]:
        device = next(net.parameters()).device
        x = batch(generator).to(device)
        noise = torch.randn((len(x), net.latent_dim), generator=generator).to(device)
        with training_autocast(device.type):
            mean, std = net.encode(x)
            decoded = net.decode(mean + std * noise)
        reconstruction = surprise(decoded.float(), x) / len(x)
        kl = kl_nats(mean, std).sum(1).mean()
        return reconstruction + beta * min(1.0, done / KL_WARM_UP) * kl, reconstruction.item(), kl.item()

    return loss


def pixel_loss(pictures: np.ndarray, settings: dict[str, Any]) -> Loss:
    """Return the loss with a Gaussian likelihood of standard deviation sigma_x on pixels, but for a constant.

    Args:
        pictures: As `as_float` takes them.
        settings: `sigma_x`, `beta` and `batch`.
    """
    import torch

    def batch(generator: torch.Generator) -> Tensor:
        return as_float(pictures[torch.randint(len(pictures), (settings["batch"],), generator=generator).numpy()])

    scale = 0.5 / settings["sigma_x"] ** 2
    return vae_loss(batch, lambda decoded, x: scale * (decoded - x).square().sum(), beta=settings["beta"])


def as_float(pictures: np.ndarray) -> Tensor:
    """Return pictures, `(N, C, H, W)` float32 in [0, 1] or `(N, H, W, C)` uint8, as the former."""
    import torch

    return torch.from_numpy(from_pixels(pictures) if pictures.dtype == np.uint8 else pictures)


def kl_nats(mean: Tensor, std: Tensor) -> Tensor:
    """KL(N(mean, diag std^2) || N(0, I)) of each dimension, in nats."""
    return 0.5 * (mean.square() + std.square() - 1) - std.log()
