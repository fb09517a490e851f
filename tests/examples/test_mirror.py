"""The example of a rule on pictures, `examples/lc-mirror`, in specs on two models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import lc_core

SPEC = Path(__file__).parents[2] / "examples" / "lc-mirror" / "symmetric_eight.yaml"
SMALL = lc_core.FitSettings(
    prior_samples=1024, push_samples=256, steps=60, hidden=64, rounds=1, round_samples=128, round_steps=20
)


def correlation(picture: np.ndarray) -> float:
    return float(np.corrcoef(picture.ravel(), picture[:, :, ::-1].ravel())[0, 1])


@pytest.mark.parametrize("engine", ["rejection", "gradient"])
def test_its_spec_is_met_under_the_engine(engine):
    spec = lc_core.load_spec(SPEC, engine=engine)
    result = lc_core.sample(
        model=spec.model.build(), constraints=spec.entries, engine=spec.engine.build(), count=2, fit=SMALL, cache=False
    )
    assert len(result) == 2
    assert all(correlation(picture) >= 0.9 - 1e-6 for picture in result.outputs)


def test_through_the_decoder_it_needs_no_fit_and_beats_the_prior():
    model = lc_core.load_model("digits.8x8")
    (_, mirror) = lc_core.load_spec(SPEC).entries
    result = lc_core.sample(model=model, constraints=[mirror], engine="gradient", count=32, cache=False)
    assert result.report["all"]["satisfied_before"] > 0.9
    assert all(correlation(picture) >= 0.9 - 1e-6 for picture in result.outputs)


def test_it_measures_avatars_in_colour():
    model = lc_core.load_model("avatars.64")
    rule = lc_core.load_spec(SPEC).entries[1].measurement.function
    result = lc_core.sample(
        model=model, constraints=[lc_core.Constraint(rule, at_least=0.97)], engine="rejection", count=4, cache=False
    )
    assert all(correlation(picture) >= 0.97 - 1e-6 for picture in result.outputs)
