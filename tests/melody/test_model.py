"""The shipped melody model."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from lc_core.common.seeds import block_generator
from lc_core.errors import LCError
from lc_plugins.melody.evaluate import is_diatonic
from lc_plugins.melody.model import SHIPPED, MelodyModel, load_folk_2bar
from lc_plugins.melody.tokens import HOLD, NOTE_OFF


def eighths(*pitches: int) -> list[int]:
    """Return a window of sixteen eighth notes."""
    return [token for pitch in pitches for token in (pitch, HOLD)]


G_REEL = eighths(67, 71, 74, 71, 76, 71, 74, 71, 67, 71, 74, 71, 69, 66, 67, 62)
D_SCALE = eighths(62, 64, 66, 67, 69, 71, 73, 74, 73, 71, 69, 67, 66, 64, 62, 62)
QUARTERS = [token for pitch in (69, 69, 71, 73, 74, 73, 71, 69) for token in (pitch, HOLD, HOLD, HOLD)]


@pytest.fixture(scope="module")
def model() -> MelodyModel:
    return load_folk_2bar()


def test_the_shipped_model_says_what_it_is(model: MelodyModel) -> None:
    assert model.name == "melody.folk-2bar"
    assert model.output_type == "melody.tokens/1"
    assert model.latent_shape == (128,)
    assert model.steps == 32
    assert len(model.digest) == 64
    assert model.digest == load_folk_2bar(folder=str(SHIPPED)).digest


def test_decode_does_not_pass_a_gradient(model: MelodyModel) -> None:
    assert model.differentiable is False


def test_decoded_prior_samples_are_melodies(model: MelodyModel) -> None:
    tokens = model.decode(model.sample_prior(200, block_generator(0, 0)))
    assert tokens.shape == (200, 32)
    assert tokens.dtype == torch.int64
    onset = tokens < HOLD
    assert ((tokens <= NOTE_OFF) & (tokens >= 48) & (~onset | (tokens < 96))).all()
    assert onset.any(dim=1).all()
    assert len(torch.unique(tokens, dim=0)) == 200


@pytest.mark.parametrize("window", [G_REEL, D_SCALE, QUARTERS])
@pytest.mark.parametrize("shift", [-6, 0, 5])
def test_a_tune_comes_back_from_its_encoding_in_any_key(window: list[int], shift: int, model: MelodyModel) -> None:
    tokens = np.array([window])
    tokens = np.where(tokens < HOLD, tokens + shift, tokens)
    np.testing.assert_array_equal(model.decode(model.encode(tokens).mean).numpy(), tokens)


def test_pitches_out_of_range_are_encoded_an_octave_off(model: MelodyModel) -> None:
    tokens = np.array([G_REEL])
    lower = np.where(tokens < HOLD, tokens - 24, tokens)
    folded = np.where(lower < 48, lower + 12, lower)
    assert torch.equal(model.encode(lower).mean, model.encode(folded).mean)


def test_an_encoding_has_a_mean_and_a_standard_deviation(model: MelodyModel) -> None:
    posterior = model.encode(np.array([G_REEL, D_SCALE]))
    assert posterior.mean.shape == posterior.std.shape == (2, 128)
    assert (posterior.std > 0).all()
    assert model.sigma_bar.shape == (128,)
    assert ((model.sigma_bar > 0) & (model.sigma_bar < 1)).all()


@pytest.mark.parametrize("tokens", [np.zeros((2, 31), dtype=int), np.zeros(32, dtype=int)])
def test_melodies_of_another_length_are_refused(tokens: np.ndarray, model: MelodyModel) -> None:
    with pytest.raises(LCError, match=r"encodes tokens \(B, 32\); found shape"):
        model.encode(tokens)


def test_realism_gives_a_logit_for_each_latent_and_a_slope(model: MelodyModel) -> None:
    z = model.sample_prior(7, block_generator(0, 0)).requires_grad_()
    logits = model.realism()(z)
    assert logits.shape == (7,)
    (slope,) = torch.autograd.grad(logits.sum(), z)
    assert (slope.norm(dim=1) > 0).all()


def test_realism_prefers_encoded_tunes_to_prior_samples(model: MelodyModel) -> None:
    windows = np.array([G_REEL, D_SCALE, QUARTERS])
    shifted = np.concatenate([np.where(windows < HOLD, windows + shift, windows) for shift in range(-6, 6)])
    posterior = model.encode(shifted)
    encoded = posterior.mean + posterior.std * torch.randn(posterior.mean.shape, generator=block_generator(0, 1))
    prior = model.sample_prior(200, block_generator(0, 0))
    assert model.realism()(encoded).mean() > model.realism()(prior).mean()


def test_realism_alone_makes_melodies_that_keep_to_a_scale_as_tunes_do(model: MelodyModel) -> None:
    prior = model.sample_prior(400, block_generator(0, 0))
    carry = model.realism_alone()
    assert carry is not None
    before, after = (is_diatonic(model.decode(z).numpy()).mean() for z in (prior, carry(prior)))
    assert before < 0.8 < 0.85 < after  # of tunes that were encoded and decoded it is .9


def test_a_batch_and_its_parts_are_decoded_alike(model: MelodyModel) -> None:
    z = model.sample_prior(64, block_generator(0, 0))
    assert torch.equal(model.decode(z), torch.cat([model.decode(part) for part in z.split(16)]))


def test_the_shipped_model_is_as_good_as_its_card_says() -> None:
    figures = json.loads((SHIPPED / "figures.json").read_text())
    assert figures["reconstruction"]["token accuracy"] >= 0.98
    assert figures["reconstruction"]["exact"] >= 0.85
    assert figures["weights_sha256"] == json.loads((SHIPPED / "config.json").read_text())["weights_sha256"]
    assert figures["weights_sha256"] in (SHIPPED / "MODEL_CARD.md").read_text()
    prior, refined = (figures["samples"][name] for name in ("prior samples", "prior, refined by realism"))
    assert refined["diatonic"] > prior["diatonic"] + 0.1
    assert refined["mean leap"] < prior["mean leap"] - 0.5


def test_what_is_shipped_is_small() -> None:
    sampler = sum(path.stat().st_size for path in (SHIPPED / "sampler").iterdir())
    assert sampler <= 6 * 10**6
    every = sum(path.stat().st_size for path in SHIPPED.parent.rglob("*") if path.is_file())
    assert every - sampler <= 16 * 2**20
