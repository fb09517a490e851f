"""A plugin with an encoder: a linear model of six numbers, rules about them, files and a renderer of pairs."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np

from lc_core.constraints.declare import measurement
from lc_core.engines.base import EditingEngine
from lc_core.models.latent_model import LatentModel, Posterior
from lc_core.plugins.hookspecs import hookimpl
from lc_core.plugins.renderer import Renderer

WEIGHTS = np.random.default_rng(0).normal(size=(4, 6))
BACK = np.linalg.pinv(WEIGHTS)


class Curve(LatentModel):
    name, latent_shape, output_type, block = "curve", (4,), "curve/1", 50

    def decode(self, z):
        return z.numpy().astype(np.float64) @ WEIGHTS

    def encode(self, outputs):
        import torch

        mean = torch.from_numpy(np.asarray(outputs, dtype=np.float64) @ BACK).float()
        return Posterior(mean, torch.full_like(mean, 0.5))


class Deaf(Curve):
    """Has no encoder."""

    encode = LatentModel.encode


def load():
    """Load the curve."""
    return Curve()


def load_deaf():
    """Load a model without an encoder."""
    return Deaf()


@measurement(accepts="curve/1", unit="m", range=(-np.inf, np.inf), at_least=1)
def first(outputs: np.ndarray) -> np.ndarray:
    """Return the first number."""
    return outputs[:, 0]


@measurement(accepts="curve/1", unit="m", range=(-np.inf, np.inf), at_least=0)
def last(outputs: np.ndarray) -> np.ndarray:
    """Return the last number."""
    return outputs[:, -1]


@measurement(accepts="curve/1", unit="m", range=(-np.inf, np.inf))
def middle(outputs: np.ndarray) -> np.ndarray:
    """Return the third number."""
    return outputs[:, 2]


@measurement(accepts="other/1", unit="m", range=(0, 1), at_least=0)
def other(outputs: np.ndarray) -> np.ndarray:
    """Measure something else."""
    return outputs[:, 0]


def read(path: Path, *, size: int = 6):
    """Read numbers, one output a line."""
    found = np.loadtxt(path, ndmin=2)
    assert size == 6
    return found


class Text(Renderer):
    """Writes the numbers."""

    accepts, suffix, media_type = ("curve/1",), ".num", "text/plain"

    def write(self, output: np.ndarray, path: Path) -> None:
        path.write_text(" ".join(map(str, output)))

    def write_pair(self, before: np.ndarray, after: np.ndarray, path: Path) -> bool:
        path.write_text(f"{before[0]:.3f} -> {after[0]:.3f}")
        return True

    def write_pairs(self, before: np.ndarray, after: np.ndarray, folder: Path) -> Path:
        (folder / "pairs.txt").write_text(f"{len(before)} pairs")
        return folder / "pairs.txt"


@hookimpl
def lc_register_models(register):
    register("curve.model", load, output="curve/1")
    register("curve.deaf", load_deaf, output="curve/1")


@hookimpl
def lc_register_constraints(register):
    for rule in (first, last, middle, other):
        register(f"curve.{rule.__name__}", rule)


@hookimpl
def lc_register_readers(register):
    register("curve.file", read, output="curve/1", suffixes=[".txt"])


@hookimpl
def lc_register_renderers(register):
    register("curve.text", Text)


def strict(outputs, settings):
    """Judge of the first number: half a metre stricter."""
    return outputs[:, :1].repeat(len(settings), axis=1) - 0.5


def strange(outputs, settings):
    """Judge of the last number that says the sign of every second output has changed since it was last asked."""
    strange.asked += 1
    sign = (-1.0) ** (strange.asked * np.arange(len(outputs)))
    return np.stack([sign] * len(settings), axis=1)


strange.asked = 0


@hookimpl
def lc_register_judges(register):
    register("curve.first", strict)
    register("curve.last", strange)


class Descent(EditingEngine):
    """A stranger's engine: plain gradient descent with a pull back to the anchor."""

    def __init__(self, *, steps: int = 60, lr: float = 0.05, pull: float = 0.02, block: int = 64) -> None:
        self.steps, self.lr, self.pull, self.block = steps, lr, pull, block
        self.checks = tuple(range(1, steps))
        self._held = ()

    def _with(self, **changes):
        engine = copy.copy(self)
        vars(engine).update(changes)
        return engine

    def keeping(self, kept, before=None):
        return self._with(_held=tuple(kept))

    def for_fit(self):
        return self._with(checks=())

    def faster(self, factor):
        return self._with(lr=self.lr * factor)

    def nearer(self, factor):
        return self._with(pull=self.pull * factor)

    def init(self, z, model, *, anchor=None):
        return (z, z if anchor is None else anchor)

    def step(self, state, energy, model, number):
        import torch

        z, anchor = state
        z = z.detach().requires_grad_()
        away = (z - anchor).square().mean(dim=1)
        (gradient,) = torch.autograd.grad((energy(z).total + self.pull * away).sum(), z)
        short = gradient.norm(dim=1, keepdim=True).clamp_min(1.0)
        return (z.detach() - self.lr * gradient / short, anchor)
