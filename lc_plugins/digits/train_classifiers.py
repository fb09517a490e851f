"""`lc train digits.classifiers`: train the verifier and the judge, each on its half of the training pictures.

A fifth of the half is kept apart: on it, the temperature is the one of the least cross-entropy.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field

from lc_core.common import block_generator, write_atomically
from lc_core.critics import calibration_error
from lc_plugins.digits.classifier import WEIGHTS, Classifier, load_classifier
from lc_plugins.digits.data import Digits, read_digits
from lc_plugins.vae.files import as_json

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = ["PARTS", "train"]

PARTS = ("verifier", "judge")
HIDDEN = 128
APART = 5  # one picture of so many is kept apart for the temperature
DROPOUT = 0.3
NOISE = 0.08  # standard deviation of noise on pixels
RATE = 2e-3


def train(
    folder: Path,
    *,
    steps: Annotated[int, Field(ge=1)] = 1_500,
    seed: Annotated[int, Field(ge=0)] = 0,
    batch: Annotated[int, Field(ge=2)] = 128,
    progress: Callable[[str], None] = print,
) -> None:
    """Train two classifiers of digits and write each into a folder of its own, `verifier` and `judge`.

    Args:
        folder: Where to.
        steps: Training steps of each.
        seed: Seed of weights, batches and noise; the judge has the next one.
        batch: Pictures in a step.
        progress: Called with a line of text now and then.
    """
    for number, part in enumerate(PARTS):
        settings = {"part": part, "steps": steps, "seed": seed + number, "batch": batch}
        half, test = read_digits(part), read_digits("test")
        data = _fit(half, settings)
        (folder / part).mkdir(parents=True, exist_ok=True)
        write_atomically(folder / part / WEIGHTS, data)
        sha256 = hashlib.sha256(data).hexdigest()
        found = _measured(load_classifier(folder / part, sha256), test)
        config = {"kind": "digit-classifier/1", "training": settings, "held_out": found, "weights_sha256": sha256}
        write_atomically(folder / part / "config.json", as_json(config))
        progress(f"{part}: accuracy {found['accuracy']:.1%} on {found['pictures']} held-out pictures; sha256 {sha256}")


def _fit(half: Digits, settings: dict[str, Any]) -> bytes:
    """Return the file of a classifier that is trained on half of the training pictures."""
    import torch
    from safetensors.torch import save
    from torch import nn
    from torch.nn import functional as F

    apart = np.arange(len(half.shown)) % APART == 0
    x, y = torch.from_numpy(half.pictures[~apart]), torch.from_numpy(half.shown[~apart])
    seed, steps = settings["seed"], settings["steps"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        sizes = (64, HIDDEN, HIDDEN, 10)
        layers = [nn.Linear(before, after) for before, after in zip(sizes, sizes[1:], strict=False)]
    weights = [one for layer in layers for one in layer.parameters()]
    optimiser = torch.optim.AdamW(weights, lr=RATE, weight_decay=0.05)
    for step in range(1, steps + 1):
        generator = block_generator(seed, step, "digits/classifier")
        for group in optimiser.param_groups:
            group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / steps))
        rows = torch.randint(len(x), (settings["batch"],), generator=generator)
        noisy = x[rows] + NOISE * torch.randn(x[rows].shape, generator=generator)
        loss = F.cross_entropy(_logits(layers, noisy.clamp(0, 1), generator), y[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    with torch.no_grad():
        logits = _logits(layers, torch.from_numpy(half.pictures[apart])).double().numpy()
    tensors = {"temperature": torch.tensor(_temperature(logits, half.shown[apart]), dtype=torch.float32)}
    for number, layer in enumerate(layers):
        tensors[f"weight.{number}"] = layer.weight.detach().T.contiguous().half()
        tensors[f"bias.{number}"] = layer.bias.detach().half()
    return save(tensors)


def _logits(layers: list[nn.Linear], x: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Return logits `(B, 10)` of pictures; with a generator, under dropout."""
    import torch

    hidden = x.flatten(1) - 0.5
    for layer in layers[:-1]:
        hidden = layer(hidden).relu()
        if generator is not None:
            hidden = hidden * (torch.rand(hidden.shape, generator=generator) > DROPOUT) / (1 - DROPOUT)
    out: Tensor = layers[-1](hidden)
    return out


def _temperature(logits: np.ndarray, shown: np.ndarray) -> float:
    """Return the temperature, of 0.25 to 4, with the least mean cross-entropy."""
    choices = np.geomspace(0.25, 4, 201)

    def surprise(temperature: float) -> float:
        scaled = logits / temperature
        top = scaled.max(axis=1)
        total = np.log(np.exp(scaled - top[:, None]).sum(axis=1)) + top
        return float((total - scaled[np.arange(len(shown)), shown]).mean())

    return float(min(choices, key=surprise))


def _measured(classifier: Classifier, test: Digits) -> dict[str, Any]:
    probabilities = classifier.probabilities(test.pictures)
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == test.shown
    return {
        "pictures": len(test.shown),
        "accuracy": float(right.mean()),
        "recall": [round(float(right[test.shown == digit].mean()), 4) for digit in range(10)],
        "ece": calibration_error(sure, right),
        "temperature": classifier.temperature,
    }
