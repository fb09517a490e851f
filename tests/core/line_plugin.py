"""A plugin as a stranger would write it: a linear model of six whole numbers, rules about them, and faults to order.

A file `halt-decode`, `halt-load` or `halt-write` in the working folder makes it stand still there, to be stopped: once
there are so many files as it asks for, such as `4 run/blocks/*`. Then it writes `halted`.
"""

from __future__ import annotations

import time
from glob import glob
from pathlib import Path
from typing import Literal

import numpy as np

from lc_core.constraints.declare import measurement
from lc_core.models.latent_model import LatentModel
from lc_core.plugins.hookspecs import hookimpl
from lc_core.plugins.renderer import Renderer

WEIGHTS = np.random.default_rng(0).normal(size=(4, 6))
FAULTS = "", "raise", "count", "nan", "text", "exit"


def halt(what: str) -> None:
    if Path(f"halt-{what}").exists():
        count, pattern = Path(f"halt-{what}").read_text().split(maxsplit=1)
        if len(glob(pattern)) >= int(count):
            Path("halted").touch()
            time.sleep(600)


class Line(LatentModel):
    name, latent_shape, output_type, block = "line", (4,), "line/1", 50

    def __init__(self, fault: str = "", scale: float = 2.0) -> None:
        self.fault, self.scale = fault, scale
        self.decoded = 0

    def decode(self, z):
        halt("decode")
        self.decoded += len(z)
        outputs = np.floor(z.numpy().astype(np.float64) @ WEIGHTS * self.scale).astype(np.int64)
        if self.fault == "raise":
            raise ZeroDivisionError("oh")
        if self.fault == "exit":
            raise SystemExit(7)
        if self.fault == "count":
            return outputs[1:]
        if self.fault == "nan":
            return np.where(outputs > 5, np.nan, outputs)
        if self.fault == "text":
            return outputs.astype(str)
        return outputs


def load(*, fault: Literal[FAULTS] = "", scale: float = 2.0):
    """Load the line."""
    halt("load")
    return Line(fault, scale)


def load_nothing():
    """Load what is no model."""
    return object()


def load_badly():
    """Fail to load."""
    raise ZeroDivisionError("no weights")


@measurement(accepts="line/1", unit="steps", range=(-np.inf, np.inf), at_least=0)
def first(outputs: np.ndarray) -> np.ndarray:
    """Return the first number."""
    return outputs[:, 0]


@measurement(accepts="line/1", unit="steps", range=(-np.inf, np.inf))
def mean(outputs: np.ndarray) -> np.ndarray:
    """Return the mean."""
    return outputs.mean(axis=1)


@measurement(accepts="line/1", unit="steps", range=(0, np.inf))
def spread(outputs: np.ndarray) -> np.ndarray:
    """Return the largest less the smallest number."""
    return np.ptp(outputs, axis=1)


@measurement(accepts="line/1", unit="share", range=(-np.inf, np.inf), undefined="the first number is 0")
def ratio(outputs: np.ndarray) -> np.ndarray:
    """Return the second number divided by the first."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(outputs[:, 0] == 0, np.nan, outputs[:, 1] / outputs[:, 0])


@measurement(accepts="line/1", unit="", range=(0, 9))
def constant(outputs: np.ndarray, *, value: float = 0.0) -> np.ndarray:
    """Return the same value always."""
    return np.full(len(outputs), value)


def ends(outputs, **params):
    raise SystemExit(0)


@measurement(accepts="line/1", unit="", range=(0, 1), at_least=1, differentiable=ends)
def faulty(outputs: np.ndarray, *, fault: str, above: int = 5) -> np.ndarray:
    """Fail on outputs whose first number is above a bound."""
    bad = outputs[:, 0] > above
    if fault == "print":
        print("noise of a plugin")
    if bad.any():
        if fault == "raise":
            raise ZeroDivisionError("oh")
        if fault == "exit":
            raise SystemExit(0)
        if fault == "complex":
            return np.full(len(outputs), 1 + 0.5j)
        if fault == "shape":
            return np.ones((len(outputs), 2))
        if fault == "change":
            outputs[bad] = 0
        if fault in ("nan", "inf"):
            return np.where(bad, float(fault), 1.0)
    return np.ones(len(outputs))


class Text(Renderer):
    """Writes the numbers."""

    accepts, suffix, media_type = ("line/1",), ".txt", "text/plain"

    def __init__(self, *, fault: str = "") -> None:
        if fault == "build":
            raise FileNotFoundError("no font")
        self.fault = fault

    def write(self, output: np.ndarray, path: Path) -> None:
        halt("write")
        if self.fault == "raise":
            raise KeyError("pen")
        if self.fault == "full":
            raise OSError(28, "No space left on device")
        if self.fault == "missing":
            open("no such font")
        if self.fault != "nothing":
            path.write_text(" ".join(map(str, output)))
        if self.fault == "change":
            output[:] = 0

    def write_sheet(self, outputs: np.ndarray, folder: Path) -> Path | None:
        if self.fault == "sheet":
            raise KeyError("paper")
        (folder / "sheet.txt").write_text(f"{len(outputs)} outputs")
        return folder / "sheet.txt"


@hookimpl
def lc_register_models(register):
    register("line.model", load, output="line/1")
    register("line.nothing", load_nothing, output="line/1")
    register("line.badly", load_badly, output="line/1")
    register("line.other", load, output="curve/1")


@hookimpl
def lc_register_constraints(register):
    for rule in (first, mean, spread, ratio, constant, faulty):
        register(f"line.{rule.__name__}", rule)


@hookimpl
def lc_register_renderers(register):
    register("line.text", Text)
