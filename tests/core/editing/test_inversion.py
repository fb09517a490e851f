"""Models without an encoder: what is typical of their prior, and encoding by optimisation or by a fitted network."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import lc_core
from lc_core.common.cache import Cache
from lc_core.common.seeds import block_generator
from lc_core.critics.realism import realism_of, typical_realism
from lc_core.editing.inversion import with_encoder
from lc_core.editing.settings import EditSettings, EncodingSettings
from lc_core.models.latent_model import LatentModel, decode_outputs, draw_prior, encode_outputs
from lc_core.models.prior import Hypersphere, Mixture, Samples, Uniform


class Gan(LatentModel):
    """A generator of 5 x 5 pictures without an encoder, its weights drawn."""

    name, latent_shape, output_type, block = "gan", (6,), "image.gray/1", 256

    def __init__(self, prior=None):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.Linear(6, 48), nn.GELU(), nn.Linear(48, 25)).requires_grad_(False)
        if prior is not None:
            self.prior = prior

    def decode(self, z):
        return torch.sigmoid(4 * self.net(self.prior.own(z))).view(-1, 1, 5, 5)


class Box(Gan):
    """The same without a gradient."""

    name = "box"

    def decode(self, z):
        return super().decode(z).detach().numpy()


class Codes(Gan):
    """Whole numbers."""

    name, output_type = "codes", "codes/1"

    def decode(self, z):
        return (6 * super().decode(z).flatten(1)).round().long()


SMALL = EncodingSettings(samples=2_048, fit_steps=300)


def outputs_of(model, count=6):
    return decode_outputs(model, draw_prior(model, count, block_generator(9, 0)))


def test_an_encoding_by_optimisation_decodes_to_what_it_was_made_of():
    model, note = with_encoder(Gan())
    x = outputs_of(Gan())
    z = encode_outputs(model, x).mean
    assert np.sqrt(np.square(decode_outputs(model, z) - x).mean(axis=(1, 2, 3))).max() < 0.01
    assert note == "gan has no encoder: inputs are encoded by optimisation through its decoder, from 8 starts each"
    torch.testing.assert_close(encode_outputs(model, x[2:3]).mean[0], z[2], rtol=0, atol=0)


@pytest.mark.parametrize("kind", [Box, Codes])
def test_a_fitted_network_goes_back_about_as_far_and_is_found_again(kind, tmp_path):
    told = []
    cache = Cache(tmp_path)
    model, note = with_encoder(kind(), settings=SMALL, cache=cache, progress=told.append)
    assert "fitted to go back from decoded prior samples" in note
    z = draw_prior(kind(), 200, block_generator(9, 0))
    posterior = encode_outputs(model, decode_outputs(kind(), z))
    off = (posterior.mean - z).square().mean().sqrt()
    assert off < 0.6
    assert off == pytest.approx(float(posterior.std.square().mean().sqrt()), rel=0.3)
    (entry,) = cache.entries()
    assert entry.kind == "encoder" and entry.what == f"encoder of {kind.name}"
    again = encode_outputs(
        with_encoder(kind(), settings=SMALL, cache=cache, progress=told.append)[0], decode_outputs(kind(), z)
    ).mean
    torch.testing.assert_close(again, posterior.mean, rtol=0, atol=0)
    assert sum("fitting an encoder" in line for line in told) == 1


@pytest.mark.parametrize("kind", [Gan, Box])
def test_what_the_model_cannot_make_is_said_before_anything_is_edited(kind):
    def darkness(outputs):
        return 1 - outputs.mean(axis=(1, 2, 3))

    told = []
    odd = np.indices((1, 5, 5)).sum(axis=0)[None].astype(np.float32) % 2
    x = np.concatenate([outputs_of(Gan(), 2), odd])
    fit = lc_core.FitSettings(prior_samples=512, push_samples=64, steps=100, rounds=1, hidden=32)
    result = lc_core.transform(
        model=kind(),
        inputs=x,
        constraints=[lc_core.Constraint(darkness, at_least=0.52)],
        fit=fit,
        edit=EditSettings(encoding=SMALL),
        cache=False,
        progress=told.append,
    )
    assert result.reconstruction.represented.tolist() == [True, True, False]
    assert (darkness(x[:2]) < 0.52).all()  # so that there is something to do
    assert result.satisfied[:2].all() and (darkness(result.outputs[:2]) >= 0.52).all()
    assert np.abs(result.outputs[:2] - x[:2]).mean() < 0.1
    (said,) = (number for number, line in enumerate(told) if line.startswith("input 2: "))
    assert "cannot represent it well" in told[said]
    assert said < next(number for number, line in enumerate(told) if line.startswith("fitting a critic"))
    assert result.report["notes"][0].startswith(f"{kind.name} has no encoder: inputs are encoded by")


def test_inputs_of_another_shape_are_refused():
    quick = EncodingSettings(samples=2_048, fit_steps=3)
    for kind in (Gan, Box):
        with pytest.raises(lc_core.LCError, match=r"inputs have shape \(1, 4, 4\); .* makes outputs of shape"):
            encode_outputs(with_encoder(kind(), settings=quick)[0], np.zeros((2, 1, 4, 4), np.float32))


def test_for_a_normal_prior_realism_is_the_chi_density_of_the_norm():
    critic, words = realism_of(Gan())
    assert words == "no encoder and no realism critic: realism is how typical a latent is of the prior"
    radius = torch.linspace(0.5, 6, 50)
    direction = torch.nn.functional.normalize(torch.ones(1, 6))
    logits = critic(radius[:, None] * direction)
    log_chi = 5 * radius.log() - radius**2 / 2
    torch.testing.assert_close(logits - logits[0], log_chi - log_chi[0], atol=1e-4, rtol=1e-4)
    assert radius[logits.argmax()] == pytest.approx(math.sqrt(5), abs=0.1)
    assert (critic(torch.randn(10_000, 6)) > 0).double().mean() == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("prior", "share"),
    [
        (Uniform(-2, 2), 1.0),
        (Hypersphere(3.0), 1.0),
        (Mixture(torch.tensor([[3.0] * 6, [-3.0] * 6]), torch.tensor([1.0, 0.5])), 0.95),
    ],
    ids=["uniform", "sphere", "mixture"],
)
def test_for_other_priors_it_is_how_near_the_log_density_is_to_that_of_samples(prior, share):
    model = Gan(prior)
    critic = typical_realism(model)
    z = draw_prior(model, 4_096, block_generator(3, 0))
    logits = critic(z)
    assert logits.shape == (4_096,) and bool(logits.isfinite().all())
    assert (logits > 0).double().mean() == pytest.approx(share, abs=0.04)
    if not isinstance(prior, Hypersphere):  # engines keep latents on a sphere
        assert (critic(10 * z + 40) < 0).all()


def test_where_the_density_is_not_known_realism_is_refused():
    model = Gan(Samples(torch.randn(10, 6)))
    assert realism_of(model) == (None, "no realism critic")
    with pytest.raises(lc_core.LCError, match="realism 1.0 is asked for, but gan has no realism critic"):
        lc_core.sample(model=model, realism=1.0, cache=False)


def test_an_object_may_tell_the_log_density_of_its_own_prior():
    class Plain:
        latent_shape = (6,)
        name = "plain"

        def sample_prior(self, count, generator):
            return 2 * torch.randn(count, 6, generator=generator)

        def log_prior(self, z):
            return -z.square().sum(dim=1) / 8

        def decode(self, z):
            return z

    critic, _ = realism_of(lc_core.as_latent_model(Plain()))
    assert (critic(2 * torch.randn(2_000, 6)) > 0).double().mean() > 0.9
    assert (critic(torch.zeros(1, 6)) < critic(torch.full((1, 6), 2.0))).all()
