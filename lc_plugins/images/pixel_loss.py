"""The loss of a pixel VAE, for `lc_plugins.training.Trainer`.

-log p(x|z) + beta * KL(q(z|x) || N(0, I)), summed over pixels and dimensions, mean over the batch, with a Gaussian
likelihood of standard deviation sigma_x on pixels in [0, 1] (Engel, Hoffman, Roberts 2018, section 2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common import training_autocast
from lc_plugins.images.arrays import from_pixels
from lc_plugins.training import kl_nats

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["pixel_loss"]


def pixel_loss(
    pictures: np.ndarray, settings: dict[str, Any], *, kl_warm_up: float = 0.2
) -> Callable[..., tuple[Tensor, float, float]]:
    """Return the loss of a step, on the network's device; its reconstruction term leaves out a constant.

    Args:
        pictures: `(N, C, H, W)` float32 in [0, 1], or `(N, H, W, C)` uint8.
        settings: `sigma_x`, `beta` and `batch`.
        kl_warm_up: Share of all steps over which beta grows from 0.
    """
    import torch

    scale = 0.5 / settings["sigma_x"] ** 2

    def loss(net: Any, generator: torch.Generator, done: float) -> tuple[Tensor, float, float]:
        rows = torch.randint(len(pictures), (settings["batch"],), generator=generator).numpy()
        chosen = pictures[rows]
        device = next(net.parameters()).device
        x = torch.from_numpy(from_pixels(chosen) if chosen.dtype == np.uint8 else chosen).to(device)
        noise = torch.randn((len(x), net.latent_dim), generator=generator).to(device)
        with training_autocast(device.type):
            mean, std = net.encode(x)
            decoded = net.decode(mean + std * noise)
        reconstruction = scale * (decoded.float() - x).square().sum() / len(x)
        kl = kl_nats(mean, std).sum(1).mean()
        return reconstruction + settings["beta"] * min(1.0, done / kl_warm_up) * kl, reconstruction.item(), kl.item()

    return loss
