"""`lc train digits.8x8`: train the VAE of digits, then its realism critic, and write the folder that is shipped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

from pydantic import Field

from lc_plugins.digits.card import write_card
from lc_plugins.digits.data import read_digits
from lc_plugins.digits.model import NAME, DigitModel
from lc_plugins.vae.finish import picture_batches, write_model
from lc_plugins.vae.loss import pixel_loss
from lc_plugins.vae.trainer import Trainer, training_commands

__all__ = ["train"]

REALISM_BATCH = 512


def train(
    folder: Path,
    *,
    steps: Annotated[int, Field(ge=1)] = 1_500,
    seed: Annotated[int, Field(ge=0)] = 0,
    sigma_x: Annotated[float, Field(gt=0)] = 0.1,
    beta: Annotated[float, Field(ge=0)] = 1.0,
    latent_dim: Annotated[int, Field(ge=1)] = 10,
    batch: Annotated[int, Field(ge=2)] = 128,
    lr: Annotated[float, Field(gt=0)] = 2e-3,
    realism_steps: Annotated[int, Field(ge=1)] = 1_200,
    progress: Callable[[str], None] = print,
) -> None:
    """Train a VAE and its realism critic on the digits that come with scikit-learn.

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
        progress: Called with a line of text now and then.
    """
    from lc_plugins.digits.network import DigitVAE

    pictures = read_digits("train").pictures
    settings = {"steps": steps, "seed": seed, "sigma_x": sigma_x, "beta": beta, "latent_dim": latent_dim}
    settings |= {"batch": batch, "lr": lr, "clip": 1_000.0}
    trainer = Trainer(folder, partial(DigitVAE, latent_dim=latent_dim), settings, pixel_loss(pictures, settings))
    trainer.run(progress)
    training = settings | {"stages": trainer.stages, "realism_steps": realism_steps, "realism_batch": REALISM_BATCH}
    batches = picture_batches(pictures)
    done = write_model(
        folder, trainer.average, batches, kind=DigitModel.kind, name=NAME, training=training, progress=progress
    )
    command = training_commands(NAME, train, training)
    write_card(folder, command=command, seconds=trainer.seconds, realism_seconds=done.realism_seconds)
    progress(f"wrote {folder / 'MODEL_CARD.md'}")
