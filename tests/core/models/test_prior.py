"""Priors: their latents in units, what engines do with them, and specs that declare one."""

from __future__ import annotations

import math

import pytest
import torch

from lc_core.common.seeds import block_generator
from lc_core.engines.gradient import Gradient
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel
from lc_core.models.prior import Hypersphere, Mixture, Normal, Samples, Uniform

SHAPE = (2, 3)
MEANS = torch.tensor([[5.0] * 6, [-1.0] * 6]).view(2, *SHAPE)
PRIORS = [
    Normal(),
    Uniform(),
    Uniform(0, 10),
    Hypersphere(),
    Hypersphere(20),
    Mixture(MEANS, torch.tensor([0.5, 2.0]), torch.tensor([3.0, 1.0])),
    Samples(7 + 3 * torch.randn(500, *SHAPE, generator=torch.Generator().manual_seed(0))),
]
every = pytest.mark.parametrize("prior", PRIORS, ids=lambda prior: prior.text)


def draw(prior, count=4_000, seed=0):
    return prior.draw(count, SHAPE, block_generator(seed, 0, "test"))


@every
def test_units_have_mean_0_and_standard_deviation_1(prior):
    z = draw(prior)
    assert z.shape == (4_000, *SHAPE)
    assert z.dtype == torch.float32
    assert float(z.mean()) == pytest.approx(0, abs=0.1)
    assert float(z.square().mean().sqrt()) == pytest.approx(1, abs=0.1)
    assert torch.equal(z, draw(prior))
    assert not torch.equal(z, draw(prior, seed=1))


@every
def test_own_coordinates_and_units_are_inverse_and_differ_by_the_scale(prior):
    z = draw(prior, 50)
    torch.testing.assert_close(prior.units(prior.own(z)), z, atol=1e-4, rtol=1e-4)
    moved = prior.own(z / 2 + 0.1) - prior.own(z / 2)  # well inside a box
    torch.testing.assert_close(moved, torch.full_like(z, 0.1 * prior.scale(6)), atol=1e-4, rtol=1e-3)


def test_own_coordinates_are_those_that_were_declared():
    box = Uniform(0, 10).own(draw(Uniform(0, 10)))
    assert (float(box.min()), float(box.max())) == pytest.approx((0, 10), abs=0.05)
    norms = Hypersphere(20).own(draw(Hypersphere(20))).flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, torch.full_like(norms, 20.0))
    mixture = PRIORS[5]
    near = (mixture.own(draw(mixture)).flatten(1).mean(1) > 3).float().mean()
    assert float(near) == pytest.approx(0.75, abs=0.05)
    samples = PRIORS[6]
    own = samples.own(draw(samples, 20))
    nearest = (own.flatten(1)[:, None] - samples.z.flatten(1)).abs().amax(2).amin(1)
    assert float(nearest.max()) < 1e-3


class Sum(LatentModel):
    """Its energy below pulls latents to one side as hard as can be."""

    latent_shape, output_type = SHAPE, "sums/1"

    def decode(self, z):
        return self.prior.own(z).flatten(1).sum(1, keepdim=True)


def pulled(z):
    class Value:
        total = -z.flatten(1).sum(1)

    return Value()


def after_steps(prior):
    model, engine = Sum(), Gradient(steps=40, lr=1.0)
    model.prior = prior
    z = model.sample_prior(32, block_generator(0, 0))
    state = engine.init(z, model)
    for number in range(1, 41):
        state = engine.step(state, pulled, model, number)
    return prior.own(state[0])


def test_engines_stay_in_the_box_and_on_the_sphere():
    assert float(after_steps(Uniform(-2, 3)).max()) == 3
    norms = after_steps(Hypersphere(5)).flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, torch.full_like(norms, 5.0))
    assert float(after_steps(PRIORS[6]).mean()) > 20  # nothing holds latents that are given as samples


def test_priors_that_make_no_sense_are_refused():
    for make in (
        lambda: Uniform(1, 1),
        lambda: Uniform(0, math.inf),
        lambda: Hypersphere(0),
        lambda: Samples(torch.zeros(5, 2)),
        lambda: Samples(torch.zeros(1, 2)),
        lambda: Samples(torch.full((3, 2), math.nan)),
        lambda: Mixture(MEANS, torch.tensor(0.0)),
        lambda: Mixture(MEANS, torch.ones(3)),
        lambda: Mixture(MEANS, torch.tensor(1.0), torch.tensor([1.0])),
        lambda: PRIORS[6].draw(3, (4,), block_generator(0, 0)),
    ):
        with pytest.raises(LCError):
            make()


def test_the_digest_tells_priors_apart():
    assert len({prior.digest for prior in PRIORS}) == len(PRIORS)
