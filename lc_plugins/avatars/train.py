"""`lc train avatars.64`: train the convolutional VAE of avatars, its realism critic and flow; write the folder.

The loss is -log p(x|z) + beta * KL(q(z|x) || N(0, I)), summed over pixels and dimensions, mean over the batch, with a
Gaussian likelihood of standard deviation sigma_x on pixels in [0, 1] (Engel, Hoffman, Roberts 2018, section 2).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field

from lc_core.common import training_autocast
from lc_plugins.avatars.dataset import read_avatars
from lc_plugins.avatars.export import finish
from lc_plugins.training import Trainer, kl_nats, training_commands

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor

__all__ = ["train"]

KL_WARM_UP = 0.2  # share of all steps


def train(
    folder: Path,
    *,
    steps: Annotated[int, Field(ge=1)] = 18_000,
    seed: Annotated[int, Field(ge=0)] = 0,
    sigma_x: Annotated[float, Field(gt=0)] = 0.1,
    beta: Annotated[float, Field(ge=0)] = 1.0,
    latent_dim: Annotated[int, Field(ge=1)] = 64,
    batch: Annotated[int, Field(ge=2)] = 32,
    lr: Annotated[float, Field(gt=0)] = 1.5e-3,
    realism_steps: Annotated[int, Field(ge=1)] = 3_000,
    flow_steps: Annotated[int, Field(ge=0)] = 4_000,
    progress: Callable[[str], None] = print,
) -> None:
    """Train a VAE, its realism critic and its flow on 40,000 drawn avatars.

    Args:
        folder: Where checkpoints, curves and the finished model go. A run that was stopped goes on from there.
        steps: Training steps.
        seed: Seed of weights, batches and noise.
        sigma_x: Standard deviation of a pixel in the likelihood; 0.1 is sharp, 1 is blurry.
        beta: Weight of the KL term.
        latent_dim: D, the latent dimension.
        batch: Pictures in a step.
        lr: Peak learning rate of AdamW.
        realism_steps: Training steps of the realism critic.
        flow_steps: Training steps of the flow from the prior to encodings; with 0 there is no flow.
        progress: Called with a line of text now and then.
    """
    import torch

    from lc_plugins.avatars.network import AvatarVAE

    folder.mkdir(parents=True, exist_ok=True)
    pictures = read_avatars("train", progress=progress).pictures
    settings = {"steps": steps, "seed": seed, "sigma_x": sigma_x, "beta": beta, "latent_dim": latent_dim}
    settings |= {"batch": batch, "lr": lr, "clip": 1_000.0}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = AvatarVAE(latent_dim=latent_dim).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    trainer = Trainer(folder, net, settings, _loss(pictures, settings))
    trainer.run(progress)
    told: dict[str, Any] = {name: value for name, value in settings.items() if name != "clip"}
    told |= {
        "realism_steps": realism_steps,
        "flow_steps": flow_steps,
        "seconds": trainer.seconds,
        "stages": trainer.stages,
    }
    finish(
        folder, cast(AvatarVAE, trainer.average), told, progress, command=training_commands("avatars.64", train, told)
    )


def _loss(pictures: np.ndarray, settings: dict[str, Any]) -> Callable[..., tuple[Tensor, float, float]]:
    """Return the loss of a step on pictures `(N, 64, 64, 3)` uint8; the reconstruction term leaves out a constant."""
    import torch

    scale = 0.5 / settings["sigma_x"] ** 2

    def loss(net: Any, generator: torch.Generator, done: float) -> tuple[Tensor, float, float]:
        rows = torch.randint(len(pictures), (settings["batch"],), generator=generator)
        x = torch.from_numpy(pictures[rows.numpy()]).permute(0, 3, 1, 2).float().div_(255)
        noise = torch.randn((len(x), net.latent_dim), generator=generator)
        with training_autocast():
            mean, std = net.encode(x)
            decoded = net.decode(mean + std * noise)
        reconstruction = scale * (decoded.float() - x).square().sum() / len(x)
        kl = kl_nats(mean, std).sum(1).mean()
        return reconstruction + settings["beta"] * min(1.0, done / KL_WARM_UP) * kl, reconstruction.item(), kl.item()

    return loss
