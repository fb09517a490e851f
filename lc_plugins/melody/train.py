"""`lc train melody.folk-2bar`: train the VAE, then its realism critic, and write the folder that the package ships.

The likelihood is categorical for each token; see `lc_plugins.vae.loss`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from lc_plugins.melody.corpus import TRANSPOSE, Corpus, read_corpus
from lc_plugins.melody.export import finish
from lc_plugins.vae.loss import vae_loss
from lc_plugins.vae.trainer import Loss, Trainer, training_commands

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["train", "train_on"]

ARCHITECTURE = {"latent_dim": 128, "width": 640, "hidden": 640, "encoder_blocks": 3, "decoder_blocks": 3}


def train(
    folder: Path,
    *,
    steps: Annotated[int, Field(ge=1)] = 11_000,
    seed: Annotated[int, Field(ge=0)] = 0,
    beta: Annotated[float, Field(ge=0)] = 0.3,
    window: Annotated[int, Field(ge=16, multiple_of=16)] = 32,
    batch: Annotated[int, Field(ge=2)] = 512,
    lr: Annotated[float, Field(gt=0)] = 1e-3,
    realism_steps: Annotated[int, Field(ge=1)] = 9_000,
    ear_steps: Annotated[int, Field(ge=1)] = 4_000,
    progress: Callable[[str], None] = print,
) -> None:
    """Train a melody VAE and its realism critic on the tunes that come with music21.

    Args:
        folder: Where checkpoints, curves and the finished model go. A run that was stopped goes on from there.
        steps: Training steps.
        seed: Seed of weights, batches and noise.
        beta: Weight of the KL term.
        window: Length of a melody in sixteenths.
        batch: Windows in a step.
        lr: Peak learning rate of AdamW.
        realism_steps: Training steps of the realism critic.
        ear_steps: Training steps of the output-space discriminator, which tells decoded encodings from decoded samples.
        progress: Called with a line of text now and then.
    """
    settings = {"steps": steps, "seed": seed, "beta": beta, "window": window, "batch": batch, "lr": lr}
    after = {"realism_steps": realism_steps, "ear_steps": ear_steps}
    train_on(read_corpus(steps=window), folder, settings, after, progress)


def train_on(
    corpus: Corpus,
    folder: Path,
    settings: dict[str, Any],
    after: dict[str, int],
    progress: Callable[[str], None],
    *,
    architecture: Mapping[str, int] = ARCHITECTURE,
    prior_samples: int = 10_000,
) -> None:
    """Train as `train` does, on any corpus.

    Args:
        corpus: What to train on.
        folder: As of `train`.
        settings: Those of `train` that decide the VAE.
        after: `realism_steps` and `ear_steps`.
        progress: As of `train`.
        architecture: Sizes of the network.
        prior_samples: How many are measured for the card.
    """
    import torch

    from lc_plugins.melody.network import MelodyVAE

    progress(f"{len(corpus.windows)} windows from {corpus.tunes} tunes; {int(corpus.is_test.sum())} held out")
    build = partial(MelodyVAE, steps=settings["window"], **architecture)
    trainer = Trainer(folder, build, settings, _loss(torch.from_numpy(corpus.windows[~corpus.is_test]), settings))
    trainer.run(progress)
    told = settings | {"seconds": trainer.seconds, "stages": trainer.stages} | after
    command = training_commands("melody.folk-2bar", train, told)
    finish(folder, trainer.average, corpus, told, progress, command=command, prior_samples=prior_samples)


def _loss(windows: Tensor, settings: dict[str, Any]) -> Loss:
    """Return the loss with a categorical likelihood for each token of training windows `(N, T)`."""
    import torch
    from torch.nn import functional as F

    from lc_plugins.melody.network import tokens_to_classes

    def batch(generator: torch.Generator) -> Tensor:
        rows = torch.randint(len(windows), (settings["batch"],), generator=generator)
        shift = torch.randint(*TRANSPOSE, (settings["batch"], 1), generator=generator)
        tokens = windows[rows]
        return tokens_to_classes(torch.where(tokens < 128, tokens + shift, tokens))

    def surprise(logits: Tensor, classes: Tensor) -> Tensor:
        return F.cross_entropy(logits.flatten(0, 1), classes.flatten(), reduction="sum")

    return vae_loss(batch, surprise, beta=settings["beta"])
