"""Models without an encoder, guidance through the decoder, and `lc inspect`."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import lc_core
from lc_core import Constraint, LatentModel, measurement
from lc_core.cli import main
from lc_core.critics.typical import realism_of
from lc_core.errors import LCError
from lc_core.fitting import FitSettings

SMALL = FitSettings(prior_samples=1_024, push_samples=256, steps=60, rounds=1, hidden=16, round_samples=32)


class Net(LatentModel):
    """A decoder with a gradient and no encoder: two numbers of four."""

    name, latent_shape, output_type, block = "net", (4,), "numbers/1", 100

    def decode(self, z):
        return torch.stack([z[:, 0] + z[:, 1], z[:, 2].tanh()], dim=1)


class Box(Net):
    """The same as a black box."""

    name = "box"

    def decode(self, z):
        return super().decode(z).detach().numpy()


@measurement(
    accepts="numbers/1", unit="", range=(-np.inf, np.inf), at_least=1, differentiable=lambda numbers: numbers[:, 0]
)
def first(numbers: np.ndarray) -> np.ndarray:
    """Return the first number."""
    return np.asarray(numbers)[:, 0].astype(np.float64)


@measurement(accepts="numbers/1", unit="", range=(-np.inf, np.inf), at_least=1)
def plain(numbers: np.ndarray) -> np.ndarray:
    """Return the first number, with no other form."""
    return np.asarray(numbers)[:, 0].astype(np.float64)


def test_a_rule_is_followed_through_the_decoder_with_no_critic():
    told: list[str] = []
    result = lc_core.sample(
        model=Net(), constraints=[Constraint(first, guide="decoder")], count=50, fit=SMALL, progress=told.append
    )
    assert result.report["all"]["satisfied_before"] > 0.8  # of prior samples 24 % satisfy
    assert not any("fitting a critic" in line for line in told)


@pytest.mark.parametrize(("model", "rule"), [(Box(), first), (Net(), plain)])
def test_what_gives_no_gradient_is_not_followed_through_the_decoder(model, rule):
    with pytest.raises(LCError, match=r"decoder") as error:
        lc_core.sample(model=model, constraints=[Constraint(rule, guide="decoder")], count=5, fit=SMALL)
    assert "guide: critic" in str(error.value) + str(error.value.hint)


@pytest.mark.parametrize("model", [Net(), Box()])
def test_outputs_of_a_model_without_an_encoder_are_edited(model):
    inputs = np.array([[0.5, 0.3], [-1.0, -0.5]], dtype=np.float32)
    result = lc_core.transform(model=model, inputs=inputs, constraints=[first], fit=SMALL, cache=False)
    assert result.satisfied.all()
    assert (first(result.outputs) >= 1).all()
    assert np.abs(result.outputs[:, 1] - inputs[:, 1]).max() < 0.8


def test_realism_without_an_encoder_is_how_typical_a_latent_is():
    critic, _ = realism_of(Net())
    assert critic is not None
    z = torch.tensor([[1.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.0, 0.0], [9.0, 9.0, 9.0, 9.0]])
    typical, at_the_mode, far = critic(z).tolist()
    assert typical > at_the_mode  # the density is highest there, and no sample comes near it
    assert typical > far


def test_inspect_tells_what_a_model_can_do(tmp_path, monkeypatch):
    pytest.importorskip("PIL")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["inspect", "digits.8x8", "--json", "--out", "sheets"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["latent_shape"] == [10]
    assert told["gradient"]["through"] is True
    assert list((tmp_path / "sheets").iterdir())
