"""How well a fresh small network tells two sets of outputs apart: 0.5 if it cannot, 1 if it always can.

The network, its steps and its seed are fixed, so figures of one `VERSION` and one number of outputs can be compared.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.common.progress import Progress, ProgressLine, time_of
from lc_core.common.seeds import block_generator
from lc_core.critics.quality import auc

__all__ = ["STEPS", "VERSION", "two_sample_auc"]

VERSION = "two-sample/1"
STEPS = 1_000
SYMBOLS = 130
"""Rows of the table of symbols, as for melodies; outputs with larger ones get as many rows as they need."""
MOST_SYMBOLS = 1_024
TELL_EVERY = 5.0
"""Seconds from one line of progress to the next."""


def two_sample_auc(
    real: np.ndarray,
    other: np.ndarray,
    *,
    steps: int = STEPS,
    batch: int = 64,
    seed: int = 0,
    trained_on: float = 2 / 3,
    progress: Progress = lambda _: None,
) -> float:
    """Return how well a fresh small network tells two sets apart, on the last part of each.

    Of what was made from one source, such as samples of one picture's posterior, the rows stand together, so that
    nearly no source is in both parts.

    Args:
        real: Outputs `(N, ...)`. A convolutional network sees pictures `(N, C, H, W)`, uint8 or in [0, 1], with H and
            W a multiple of 4 (of 2 below 32), and whole numbers `(N, T)` from 0 to 1,023 as symbols in time; of
            others a perceptron sees all numbers, standardised.
        other: Others of the same kind; the first N count if there are more.
        steps: Training steps.
        batch: Of each set in a step.
        seed: Seed of weights and batches.
        trained_on: Share of each set that it is trained on, the first rows; it is measured on the others.
        progress: Called now and then with a line on how long it still takes, if it takes long.

    Returns:
        The AUC: 0.5 if it cannot tell them apart, 1 if it always can.

    Raises:
        ValueError: If a set is too small for both parts.
    """
    count = min(len(real), len(other))
    split = int(trained_on * count)
    if not 0 < split < count:
        raise ValueError(f"a set has rows to train on and others to measure; found {count}, {trained_on} of them first")
    with torch.random.fork_rng(devices=[]):  # weights and dropout draw from torch's own generator
        torch.manual_seed(seed)
        net, inputs = _network([one[:count] for one in (real, other)], split)
        _train(net, [one[:split] for one in inputs], steps=steps, batch=batch, seed=seed, progress=progress)
    net.eval()
    with torch.inference_mode():
        said = [torch.cat([net(_input(part)).squeeze(1) for part in torch.split(one[split:], 256)]) for one in inputs]
    value = auc(torch.cat(said).numpy(), np.arange(2 * len(said[0])) < len(said[0]))
    assert value is not None
    return value


def _train(net: nn.Module, sets: list[Tensor], *, steps: int, batch: int, seed: int, progress: Progress) -> None:
    told = began = time.monotonic()
    optimiser = torch.optim.AdamW(net.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    generator = block_generator(seed, 0, "two-sample")
    for step in range(steps):
        if (now := time.monotonic()) - told > TELL_EVERY:
            told, left = now, time_of((now - began) / max(1, step) * (steps - step))
            progress(ProgressLine(f"telling two sets apart: step {step:,} of {steps:,}, {left} left", step, steps))
        x = torch.cat([one[torch.randint(len(one), (batch,), generator=generator)] for one in sets])
        logits = net(_input(x)).squeeze(1)
        loss = F.softplus(-logits[:batch]).mean() + F.softplus(logits[batch:]).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()


def _network(sets: list[np.ndarray], split: int) -> tuple[nn.Module, list[Tensor]]:
    """Return a fresh network for outputs of this kind, and both sets as it takes them."""
    shape, whole = sets[0].shape[1:], sets[0].dtype.kind in "iu"
    if len(shape) == 3 and all(size % (4 if shape[1] >= 32 else 2) == 0 for size in shape[1:]):
        return _picture_net(*shape), [_tensor(one if one.dtype == np.uint8 else one.astype(np.float32)) for one in sets]
    if len(shape) == 1 and whole and all(one.min() >= 0 and one.max() < MOST_SYMBOLS for one in sets):
        symbols = max(SYMBOLS, 1 + max(int(one.max()) for one in sets))
        return _SymbolNet(shape[0], symbols), [_tensor(one.astype(np.int64)) for one in sets]
    flat = [one.reshape(len(one), -1).astype(np.float32) for one in sets]
    seen = np.concatenate([one[:split] for one in flat])
    mean, spread = seen.mean(axis=0), seen.std(axis=0)
    return _flat_net(flat[0].shape[1]), [_tensor((one - mean) / np.where(spread > 0, spread, 1)) for one in flat]


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(array))


def _input(x: Tensor) -> Tensor:
    """Return what a network is given of a batch: pictures around 0."""
    if x.dtype == torch.uint8:
        return x.float() / 255 - 0.5
    return x - 0.5 if x.ndim == 4 else x


def _picture_net(channels: int, height: int, width: int) -> nn.Module:
    block = 4 if height >= 32 else 2
    small = (-(-height // block // 2)) * (-(-width // block // 2))
    return nn.Sequential(
        nn.PixelUnshuffle(block),
        nn.Conv2d(channels * block**2, 48, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(48, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * small, 64),
        nn.ReLU(),
        nn.Linear(64, 1),
    )


def _flat_net(numbers: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(numbers, 128),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 1),
    )


class _SymbolNet(nn.Module):
    """Symbols `(B, T)` to logits `(B, 1)`: convolutions over time, then a perceptron that sees all steps."""

    def __init__(self, steps: int, symbols: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(symbols, 32)
        self.layers = nn.Sequential(
            nn.Conv1d(32, 64, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(64, 64, 5, padding=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(64 * steps, 128),
            nn.ReLU(),
            nn.Linear(128, 1),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        logits: Tensor = self.layers(self.embed(tokens).transpose(1, 2))
        return logits
