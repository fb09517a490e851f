"""The end of a training of a pixel VAE: the realism critic, and the files that `PixelModel` loads.

Weights are stored as float16, and the realism critic is fitted on what the rounded network encodes.
"""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core import LatentModel
from lc_plugins.images.arrays import from_pixels

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["write_file", "write_model"]

BLOCK = 256


def write_model(
    folder: Path,
    net: Any,
    pictures: np.ndarray,
    *,
    kind: str,
    name: str,
    settings: dict[str, Any],
    realism_steps: int,
    realism_batch: int = 1_024,
    progress: Callable[[str], None] = lambda _: None,
) -> str:
    """Fit the realism critic and write `config.json` and `weights.safetensors`.

    Args:
        folder: Where to.
        net: The trained network, a `PixelVAE`.
        pictures: What it was trained on, `(N, C, H, W)` float32 in [0, 1], or `(N, H, W, C)` uint8.
        kind: The kind of model, as `PixelModel.kind`.
        name: Name of the model in reports.
        settings: Settings of the training; they and those of the realism critic stand in `config.json`.
        realism_steps: Training steps of the realism critic.
        realism_batch: Encodings in a step of it.
        progress: Called with a line of text now and then.

    Returns:
        The hash of the weights' file.
    """
    import torch
    from safetensors.torch import save

    from lc_core.fitting import fit_realism

    net = copy.deepcopy(net).requires_grad_(False).eval()
    net.load_state_dict({key: value.half().float() for key, value in net.state_dict().items()})
    progress(f"encoding {len(pictures):,} training pictures")
    means, stds = _encode(net, pictures)
    net.cpu()

    def draw_posterior(count: int, generator: torch.Generator) -> Tensor:
        rows = torch.randint(len(means), (count,), generator=generator)
        return means[rows] + stds[rows] * torch.randn((count, means.shape[1]), generator=generator)

    critic = fit_realism(
        _Latents(net),
        draw_posterior,
        steps=realism_steps,
        batch=realism_batch,
        seed=settings["seed"],
        progress=progress,
    )
    tensors = {f"vae.{key}": value.half() for key, value in net.state_dict().items()}
    tensors |= {f"realism.{key}": value.half() for key, value in critic.state_dict().items()}
    tensors["sigma_bar"] = stds.mean(0)
    data = save(tensors)
    config = {
        "kind": kind,
        "name": name,
        "network": net.settings,
        "realism": critic.settings,
        "training": settings | {"realism_steps": realism_steps, "realism_batch": realism_batch},
        "weights_sha256": hashlib.sha256(data).hexdigest(),
    }
    write_file(folder / "weights.safetensors", data)
    write_file(folder / "config.json", (json.dumps(config, indent=2) + "\n").encode())
    return str(config["weights_sha256"])


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def _encode(net: Any, pictures: np.ndarray) -> tuple[Tensor, Tensor]:
    """Return the posterior's means and standard deviations, `(N, D)` each."""
    import torch

    device = next(net.parameters()).device
    parts = []
    with torch.inference_mode():
        for first in range(0, len(pictures), BLOCK):
            block = pictures[first : first + BLOCK]
            x = torch.from_numpy(from_pixels(block) if block.dtype == np.uint8 else block)
            parts.append([one.cpu() for one in net.encode(x.to(device))])
    # Clones, because tensors of inference mode cannot take part in the fit.
    return torch.cat([mean for mean, _ in parts]).clone(), torch.cat([std for _, std in parts]).clone()


class _Latents(LatentModel):
    """The network's prior, before there are files to load."""

    name = "the VAE"

    def __init__(self, net: Any) -> None:
        self.net = net
        self.latent_shape = (net.latent_dim,)

    def decode(self, z: Tensor) -> Tensor:
        out: Tensor = self.net.decode(z)
        return out
