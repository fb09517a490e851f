"""`lc train avatars.64`: train the convolutional VAE of avatars, its realism critic and flow; write the folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from lc_plugins.avatars.dataset import Avatars, read_avatars
from lc_plugins.avatars.export import finish
from lc_plugins.vae.loss import pixel_loss
from lc_plugins.vae.trainer import Trainer, training_commands

__all__ = ["train", "train_on"]


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
    settings = {"steps": steps, "seed": seed, "sigma_x": sigma_x, "beta": beta, "latent_dim": latent_dim}
    settings |= {"batch": batch, "lr": lr, "realism_steps": realism_steps, "flow_steps": flow_steps}
    train_on(read_avatars, folder, settings, progress)


def train_on(
    read: Callable[..., Avatars], folder: Path, settings: dict[str, Any], progress: Callable[[str], None], **effort: int
) -> None:
    """Train as `train` does, on the data set that `read` returns, as `read_avatars` does.

    Args:
        read: Returns the part `train` or `test`.
        folder: As of `train`.
        settings: All settings of `train`.
        progress: As of `train`.
        **effort: Given to `lc_plugins.avatars.evaluate.evaluate`.
    """
    from lc_plugins.avatars.network import AvatarVAE

    pictures = read("train", progress=progress).pictures
    own = {name: one for name, one in settings.items() if not name.endswith("_steps")} | {"clip": 1_000.0}
    build = partial(AvatarVAE, latent_dim=settings["latent_dim"])
    trainer = Trainer(folder, build, own, pixel_loss(pictures, own))
    trainer.run(progress)
    told = settings | {"seconds": trainer.seconds, "stages": trainer.stages}
    command = training_commands("avatars.64", train, told)
    finish(folder, trainer.average, told, progress, command=command, read=read, **effort)
