"""Where too few prior samples meet the others, verified outputs of the sampler tell what a rule can still be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
from pydantic import Field
from torch import Tensor

from lc_core import Constraint, LatentModel, Measurement, measurement
from lc_core.bank.bank import Bank
from lc_core.bank.rate import rates
from lc_core.planning.spans import sampled_spans
from lc_core.plugins.registry import Registry
from lc_core.sampler import SamplerSettings, amortise

SMALL = SamplerSettings(
    steps=100, batch=64, warm=30, iterations=4, lr=6e-3, samples=1_024, settings=4, width=32, blocks=1, compositions=8
)


@measurement(accepts="values/1", unit="", range=(-np.inf, np.inf), at_least=0.0)
def value(outputs: np.ndarray, *, at: Annotated[int, Field(ge=0, le=3)] = 0) -> np.ndarray:
    """Return one of the values."""
    return outputs[:, at]


@measurement(accepts="values/1", unit="", range=(-np.inf, np.inf), at_least=0.0)
def pair(outputs: np.ndarray) -> np.ndarray:
    """Return the sum of the first two values."""
    return outputs[:, 0] + outputs[:, 1]


class Values(LatentModel):
    """Latents are the outputs; its sampler lies where it is told."""

    name = "values"
    latent_shape = (4,)
    output_type = "values/1"
    place: Path | None = None

    def decode(self, z: Tensor) -> Tensor:
        return z

    def sampler(self) -> Path | None:
        return self.place


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Values:
    found, folder = Values(), tmp_path_factory.mktemp("sampler") / "values"
    amortise(found, rules=[value, pair], settings=SMALL, out=folder, registry=Registry())
    found.place = folder
    return found


def test_the_range_under_rare_conditions_is_told_by_the_sampler(model: Values) -> None:
    rare = Constraint(Measurement(value, {"at": 0}), at_least=1.9, label="first")
    total = Constraint(Measurement(pair), at_least=3.0, label="pair")
    prior = rates(Bank(model), (rare, total), 4_096)
    assert prior is not None and "pair" not in prior.spans, "1 of 35 prior samples meets the first condition"
    span = sampled_spans(model, (rare, total), prior, seconds=60)["pair"]
    assert "verified outputs of the sampler that meet the others" in str(span)
    assert 0.0 < span.middle[0] < 1.2 and 3.2 < span.middle[1] < 5.0, "of exact samples .57 and 4.05"


def test_without_a_sampler_nothing_is_told(model: Values) -> None:
    rare = Constraint(Measurement(value, {"at": 0}), at_least=1.9, label="first")
    total = Constraint(Measurement(pair), at_least=3.0, label="pair")
    other = Values()
    prior = rates(Bank(other), (rare, total), 4_096)
    assert prior is not None and sampled_spans(other, (rare, total), prior, seconds=60) == {}
