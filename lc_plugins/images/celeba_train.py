"""`lc train images.celeba`: train the paper's convolutional VAE on a user's copy of CelebA.

Network, sigma_x, beta, batch and learning rate are those of the authors' notebook; the schedule is ours. The network
has 154 million weights: the training wants a GPU, which is used if there is one, or a smaller `width`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from lc_plugins.images.celeba import CROP, read_celeba
from lc_plugins.images.celeba_model import NAME, CelebAModel
from lc_plugins.vae.finish import REALISM_BATCH, picture_batches, write_model
from lc_plugins.vae.loss import pixel_loss
from lc_plugins.vae.trainer import Trainer

__all__ = ["train"]


def train(
    folder: Path,
    *,
    data: str,
    images: str = "",
    crop: Annotated[int, Field(ge=1)] = CROP,
    steps: Annotated[int, Field(ge=1)] = 100_000,
    seed: Annotated[int, Field(ge=0)] = 0,
    sigma_x: Annotated[float, Field(gt=0)] = 0.1,
    beta: Annotated[float, Field(ge=0)] = 1.0,
    latent_dim: Annotated[int, Field(ge=1)] = 1024,
    width: Annotated[int, Field(ge=1)] = 256,
    batch: Annotated[int, Field(ge=2)] = 128,
    lr: Annotated[float, Field(gt=0)] = 3e-4,
    realism_steps: Annotated[int, Field(ge=1)] = 9_000,
    progress: Callable[[str], None] = print,
) -> None:
    """Train a VAE and its realism critic on the training part of CelebA.

    Args:
        folder: Where checkpoints, curves and the finished model go. A run that was stopped goes on from there.
        data: A folder of CelebA: images, `list_attr_celeba.txt`, `list_eval_partition.txt`.
        images: The folder of images; `img_align_celeba` in `data` if empty.
        crop: Side of the square that is cut out of an image's centre, in pixels.
        steps: Training steps.
        seed: Seed of weights, batches and noise.
        sigma_x: Standard deviation of a pixel in the likelihood; 0.1 is sharp, 1 is blurry.
        beta: Weight of the KL term.
        latent_dim: D, the latent dimension.
        width: Channels of the first convolution; the others have twice, four and eight times as many.
        batch: Pictures in a step.
        lr: Peak learning rate of AdamW.
        realism_steps: Training steps of the realism critic.
        progress: Called with a line of text now and then.
    """
    import torch

    from lc_plugins.images.celeba_vae import CelebAVAE

    read = read_celeba(Path(data), attributes=(), images=Path(images) if images else None, crop=crop, progress=progress)
    settings: dict[str, Any] = {"steps": steps, "seed": seed, "sigma_x": sigma_x, "beta": beta, "crop": crop}
    settings |= {"latent_dim": latent_dim, "width": width, "batch": batch, "lr": lr, "clip": 1_000.0}
    settings["pictures"] = len(read.files)
    build = partial(CelebAVAE, latent_dim=latent_dim, width=width)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = Trainer(folder, build, settings, pixel_loss(read.pictures, settings), device=device)
    trainer.run(progress)
    training = settings | {"stages": trainer.stages, "realism_steps": realism_steps, "realism_batch": REALISM_BATCH}
    batches = picture_batches(read.pictures)
    write_model(
        folder, trainer.average, batches, kind=CelebAModel.kind, name=NAME, training=training, progress=progress
    )
