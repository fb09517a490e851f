"""Components that keep every promise, in a module that imports no torch: what plugins are made of."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from lc_core.constraints.declare import measurement
from lc_core.engines.gradient import Gradient
from lc_core.models.latent_model import LatentModel
from lc_core.plugins.renderer import Renderer

ABOUT: dict[str, Any] = {"accepts": "numbers/1", "unit": "share", "range": (0, 1)}
HERE: list[float] = []


@measurement(**ABOUT, at_least=0.5)
def good(numbers, *, above: float = 0.0):
    """Share of numbers above a bound."""
    return (numbers > above).mean(axis=1)


@measurement(**ABOUT, per_sample=True)
def single(numbers):
    """Share of numbers above 0."""
    return float((numbers > 0).mean())


@measurement(**ABOUT, undefined="first number above 0")
def sometimes(numbers):
    """Share that is always a half."""
    return np.where(numbers[:, 0] > 0, np.nan, 0.5)


@measurement(**ABOUT, workers=2)
def in_workers(numbers):
    """Share of numbers above 0."""
    return (numbers > 0).mean(axis=1)


@measurement(**ABOUT)
def by_state_of_the_process(numbers):
    """Share of numbers above 0, or another in the process that filled a list."""
    return (numbers > 0).mean(axis=1) / (1 + len(HERE))


class Holder:
    """Share of numbers above 0, by an object that cannot be sent."""

    def __init__(self) -> None:
        self.lock = threading.Lock()

    def __call__(self, numbers: np.ndarray) -> np.ndarray:
        return (numbers > 0).mean(axis=1)


class Wave(LatentModel):
    """Outputs `(B, 3)` that lie below a height.

    Args:
        height: The height.
    """

    name = "wave"
    latent_shape = (4,)
    output_type = "numbers/1"

    def __init__(self, *, height: float = 1.0) -> None:
        self.height = height

    def decode(self, z):
        return self.height * z[:, :3].tanh()


def load_wave(*, height: float = 1.0) -> Wave:
    """Return outputs that lie below a height."""
    return Wave(height=height)


def load_network() -> LatentModel:
    """Return a network, which draws the weights that it starts with as networks of torch do."""
    import torch

    network = torch.nn.Linear(4, 3).requires_grad_(False)
    network.load_state_dict({"weight": torch.eye(3, 4), "bias": torch.zeros(3)})
    return type("Network", (Wave,), {"decode": lambda self, z: network(z)})()


class Short(Gradient):
    """A gradient engine of few steps, so that tests are quick."""

    def __init__(self, *, steps: int = 6, lr: float = 0.2) -> None:
        super().__init__(steps=steps, lr=lr)


class Text(Renderer):
    """Writes numbers as text, and all of them on a sheet."""

    accepts = ("numbers/1",)
    suffix = ".txt"
    media_type = "text/plain"

    def __init__(self, *, digits: int = 3) -> None:
        self.digits = digits

    def write(self, output: Any, path: Path) -> None:
        path.write_text(" ".join(f"{one:.{self.digits}f}" for one in output))

    def write_sheet(self, outputs: np.ndarray, folder: Path) -> Path:
        path = folder / "sheet.txt"
        path.write_text(str(outputs.shape))
        return path
