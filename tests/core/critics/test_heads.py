"""Many constraints of one measurement, which share a critic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import lc_core
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.declare import measurement
from lc_core.constraints.measurement import Measurement, measure_all
from lc_core.fitting.critics import FitSettings
from lc_core.models.latent_model import LatentModel

QUICK = FitSettings(prior_samples=2_048, push_samples=512, steps=200, rounds=3, hidden=64)
CALLS: list[int] = []


class Same(LatentModel):
    """Decodes a latent to itself."""

    name = "same"
    latent_shape = (12,)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z


def signs(outputs: np.ndarray, settings: list[dict[str, int]]) -> np.ndarray:
    """Sign of several coordinates, in one pass."""
    CALLS.append(len(settings))
    return np.sign(outputs[:, [one["axis"] for one in settings]])


@measurement(accepts="*", unit="", range=(-1, 1), at_least=1, together=signs)
def sign(outputs: np.ndarray, *, axis: int = 0) -> np.ndarray:
    """Sign of one coordinate."""
    values: np.ndarray = np.sign(outputs[:, axis])
    return values


def wishes(count: int) -> list[Constraint]:
    return [Constraint(Measurement(sign, {"axis": axis}), label=f"axis {axis}") for axis in range(count)]


def test_many_constraints_of_one_measurement_are_met_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path))
    report = lc_core.sample(model=Same(), constraints=wishes(9), engine="gradient", count=64, fit=QUICK).report
    assert report["all"]["satisfied_before"] > 0.8  # of prior samples 0.2 % satisfy


def test_a_measurement_that_can_is_asked_once_for_all_settings() -> None:
    outputs = np.random.default_rng(0).normal(size=(5, 12))
    CALLS.clear()
    found = measure_all([one.measurement for one in wishes(9)], outputs)
    assert CALLS == [9]
    np.testing.assert_array_equal(np.stack(found, axis=1), np.sign(outputs[:, :9]))
