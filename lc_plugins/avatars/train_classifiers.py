"""`lc train avatars.verifier` and `lc train avatars.judge`: train the two classifiers of avatars.

Each is trained on a half of the training pictures of its own, from a seed of its own, and calibrated on the last 2,000
of that half, which it is not trained on. Half of the pictures in a step are made a little worse (blurred, noisy, with
small errors that are smooth in space), so that the classifiers do not stumble over what a decoder does to a picture.
No model takes part in this.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from lc_core.common import ProgressLine, block_generator, training_autocast
from lc_plugins.avatars.attributes import visible
from lc_plugins.avatars.dataset import Avatars, read_avatars
from lc_plugins.avatars.scores import score_attributes, summary
from lc_plugins.avatars.weights import load_classifier, write_classifier
from lc_plugins.images.arrays import from_pixels
from lc_plugins.vae.card import filled
from lc_plugins.vae.files import write_card
from lc_plugins.vae.trainer import average_weights, training_commands

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lc_plugins.avatars.classifier import AttributeClassifier

__all__ = ["HALVES", "calibrate", "degrade", "fit", "train_judge", "train_on", "train_verifier"]

HALVES = {"verifier": (0, 20_000), "judge": (20_000, 40_000)}
"""First training picture of each, and the one after the last."""
CALIBRATION = 2_000
DECAY = 0.995  # of the average of the weights
TOLERANCE = 5e-4  # nats, in calibration

Steps = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0)]


def train_verifier(
    folder: Path, *, steps: Steps = 1_600, seed: Seed = 11, progress: Callable[[str], None] = print
) -> None:
    """Train the classifier that decides whether an attribute is there, on the first half of the training pictures.

    Args:
        folder: Where `config.json` and `weights.safetensors` go.
        steps: Training steps of 64 pictures.
        seed: Seed of weights, batches and noise.
        progress: Called with a line of text now and then.
    """
    train_on(read_avatars, folder, "verifier", HALVES["verifier"], steps=steps, seed=seed, progress=progress)


def train_judge(
    folder: Path, *, steps: Steps = 1_600, seed: Seed = 22, progress: Callable[[str], None] = print
) -> None:
    """Train the classifier that only reports, on the second half of the training pictures.

    Args:
        folder: Where `config.json` and `weights.safetensors` go.
        steps: Training steps of 64 pictures.
        seed: Seed of weights, batches and noise.
        progress: Called with a line of text now and then.
    """
    train_on(read_avatars, folder, "judge", HALVES["judge"], steps=steps, seed=seed, progress=progress)


def train_on(
    read: Callable[..., Avatars],
    folder: Path,
    role: str,
    pictures: tuple[int, int],
    *,
    steps: int,
    seed: int,
    progress: Callable[[str], None],
) -> None:
    """Train a classifier on some of the training pictures, and write it, its scores and its card into a folder.

    Args:
        read: Returns the part `train` or `test` of the data set, as `read_avatars` does.
        folder: Where to.
        role: `verifier` or `judge`.
        pictures: The first of them, and the one after the last.
        steps: Training steps of 64 pictures.
        seed: Seed of weights, batches and noise.
        progress: Called with a line of text now and then.
    """
    import torch

    from lc_plugins.avatars.classifier import classify

    everything, test = (read(part, progress=progress) for part in ("train", "test"))
    rows = slice(*pictures)
    half = Avatars(everything.pictures[rows], everything.held[rows])
    began = time.monotonic()
    net = fit(half, steps=steps, seed=seed, progress=progress)
    training = {"role": role, "pictures": list(pictures), "calibration": CALIBRATION, "steps": steps, "seed": seed}
    seconds = time.monotonic() - began
    folder.mkdir(parents=True, exist_ok=True)
    digest = write_classifier(folder, net, training)
    scores = score_attributes(classify(load_classifier(folder), from_pixels(np.asarray(test.pictures))), test.held)
    recipe = {"verifier": train_verifier, "judge": train_judge}[role]
    about = training | {"command": training_commands(f"avatars.{role}", recipe, training)}
    about |= {"seconds": seconds, "threads": torch.get_num_threads(), "processor": platform.machine()}
    figures = {"weights_sha256": digest, "training": about, "summary": summary(scores), "attributes": scores}
    write_card(folder, filled("avatars/classifier_card.md", **figures | about), figures)
    progress(f"wrote {folder / 'MODEL_CARD.md'}")


def fit(
    half: Avatars,
    *,
    steps: int,
    seed: int,
    batch: int = 64,
    lr: float = 2e-3,
    progress: Callable[[str], None] = lambda _: None,
) -> AttributeClassifier:
    """Train a classifier on pictures, and calibrate it on the last of them (2,000, or a tenth if that is less)."""
    import copy

    import torch
    from torch.nn import functional as F

    from lc_plugins.avatars.classifier import AttributeClassifier

    train_count = len(half.pictures) - min(CALIBRATION, len(half.pictures) // 10)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net: AttributeClassifier = AttributeClassifier().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        average = copy.deepcopy(net).eval()
        optimiser = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=0.02)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps, pct_start=0.1)
        for step in range(1, steps + 1):
            generator = block_generator(seed, step, "train classifier")
            rows = torch.randint(train_count, (batch,), generator=generator)
            x, held, mask = _batch(half, rows.numpy())
            with training_autocast():
                logits = net(degrade(x, generator))
            each = F.binary_cross_entropy_with_logits(logits.float(), held, reduction="none")
            loss = (each * mask).sum() / mask.sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            schedule.step()
            average_weights(average, net, decay=min(DECAY, step / (10 + step)))
            if step % 100 == 0 or step == steps:
                progress(ProgressLine(f"step {step}/{steps}: cross-entropy {loss.item():.4f}", step, steps))
    average.load_state_dict({name: value.half().float() for name, value in average.state_dict().items()})
    calibrate(average, half, np.arange(train_count, len(half.pictures)), seed)
    average.requires_grad_(False)
    return average


def _batch(pictures: Avatars, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
    """Return pictures `(n, 3, 64, 64)` in [0, 1], what holds and what can be seen, `(n, A)` each, as floats."""
    import torch

    x = torch.from_numpy(np.asarray(pictures.pictures[rows])).permute(0, 3, 1, 2).float().div_(255)
    held = pictures.held[rows]
    return x, torch.from_numpy(held).float(), torch.from_numpy(visible(held)).float()


def degrade(x: Tensor, generator: torch.Generator) -> Tensor:
    """Make the first half of pictures `(B, 3, H, W)` in [0, 1] a little worse; the others stay as they are.

    Each gets its own amount of blur, of noise in every pixel, and of errors that change slowly from pixel to pixel.
    """
    import torch
    from torch.nn import functional as F

    half, rest = x[: len(x) // 2].contiguous(), x[len(x) // 2 :]

    def amount(most: float) -> Tensor:
        return most * torch.rand((len(half), 1, 1, 1), generator=generator)

    blurred = F.avg_pool2d(F.pad(half, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    half = torch.lerp(half, blurred, amount(0.9))
    half = half + amount(0.05) * torch.randn(half.shape, generator=generator)
    coarse = torch.randn((len(half), 3, x.shape[2] // 4, x.shape[3] // 4), generator=generator)
    half = half + amount(0.08) * F.interpolate(coarse, size=x.shape[2:], mode="bilinear", align_corners=False)
    return torch.cat([half.clamp(0, 1), rest])


def calibrate(net: AttributeClassifier, pictures: Avatars, rows: np.ndarray, seed: int) -> None:
    """Set each attribute's temperature, from 1/8 to 8, by the mean cross-entropy on some pictures, made worse by half.

    It is the highest whose cross-entropy is within `TOLERANCE` of the lowest: where all pictures are told right, the
    lowest would be that of boundless confidence.
    """
    import torch
    from torch.nn import functional as F

    generator = block_generator(seed, 0, "calibrate classifier")
    parts: list[Any] = []
    with torch.no_grad():
        for start in range(0, len(rows), 128):
            x, held, mask = _batch(pictures, rows[start : start + 128])
            parts.append((net(degrade(x, generator)), held, mask))
        logits, held, mask = (torch.cat(part) for part in zip(*parts, strict=True))
        choices = torch.linspace(-1, 1, 61) * float(np.log(8))
        each = [
            F.binary_cross_entropy_with_logits(logits / one.exp(), held, reduction="none") * mask for one in choices
        ]
        losses = torch.stack([one.sum(0) / mask.sum(0).clamp_min(1) for one in each])
        near = losses <= losses.amin(0) + TOLERANCE
        highest = len(choices) - 1 - near.flip(0).int().argmax(0)
        net.log_temperature += choices[highest]
