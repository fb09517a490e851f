"""A Gaussian whose values are measured, and a small sampler of it that is trained once for all tests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from pydantic import Field
from torch import Tensor

from lc_core import LatentModel, measurement
from lc_core.plugins.registry import Registry
from lc_core.sampler import Amortised, SamplerSettings, amortise

TINY = SamplerSettings(
    steps=80, batch=64, warm=30, iterations=4, lr=6e-3, samples=1_024, settings=4, width=32, blocks=1, compositions=32
)


class Gauss(LatentModel):
    """Latents are the outputs: four values, each normal."""

    name = "gauss"
    latent_shape = (4,)
    output_type = "toy/1"

    def decode(self, z: Tensor) -> Tensor:
        return z


class Doubled(Gauss):
    """Another model of the same shape."""

    def decode(self, z: Tensor) -> Tensor:
        return 2 * z


@measurement(accepts="toy/1", unit="", range=(-np.inf, np.inf), at_least=1.0)
def value(outputs: np.ndarray, *, at: Annotated[int, Field(ge=0, le=3)] = 0) -> np.ndarray:
    """Return one of the values."""
    return outputs[:, at]


@measurement(accepts="toy/1", unit="", range=(-np.inf, np.inf), at_least=2.0)
def total(outputs: np.ndarray) -> np.ndarray:
    """Return the sum of all."""
    return outputs.sum(axis=1)


@measurement(accepts="toy/1", unit="", range=(-np.inf, np.inf), at_least=1.0)
def spread(outputs: np.ndarray) -> np.ndarray:
    """Return the difference of the first two: no sampler here has learned it."""
    return outputs[:, 0] - outputs[:, 1]


@measurement(accepts="toy/1", unit="", range=(-np.inf, np.inf), at_least=1.0)
def power(outputs: np.ndarray, *, exponent: float = 1.0) -> np.ndarray:
    """Return a power of the first value; its setting has no bounds."""
    return np.abs(outputs[:, 0]) ** exponent


@measurement(accepts="toy/1", unit="", range=(0, 1), at_least=1.0)
def same(outputs: np.ndarray) -> np.ndarray:
    """Return 1 for every output."""
    return np.ones(len(outputs))


@pytest.fixture(scope="session")
def amortised(tmp_path_factory: pytest.TempPathFactory) -> Amortised:
    """A sampler of the Gaussian that knows `value` and `total`."""
    folder: Path = tmp_path_factory.mktemp("sampler") / "gauss"
    return amortise(Gauss(), rules=[value, total], settings=TINY, out=folder, registry=Registry())
