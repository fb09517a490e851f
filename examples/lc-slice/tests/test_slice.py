import math
from pathlib import Path

import lc_core
import lc_core.energy
import lc_core.models
import numpy as np
import pytest
import torch
from lc_core.common import block_generator
from lc_core.engines import run_engine
from lc_core.testing import parametrize_with_checks

from lc_slice import Elliptical, uniform

SPEC = Path(__file__).parents[1] / "four.yaml"
SMALL = lc_core.FitSettings(prior_samples=4096, push_samples=512, steps=200, hidden=128, rounds=0)


@parametrize_with_checks([Elliptical])
def test_it_keeps_what_an_engine_promises(check):
    check()


class Known:
    """The energy of a rule that a latent meets with a probability that is known: exp(-E) is a normal density."""

    def __call__(self, z):
        return lc_core.energy.EnergyValue(2 * (z[:, 0] - 1.5) ** 2, {})


class Line(lc_core.LatentModel):
    latent_shape = (3,)

    def decode(self, z):
        return z


def test_chains_end_in_the_distribution_that_theory_says():
    z = Line().sample_prior(4096, block_generator(0, 0))
    ends = run_engine(Elliptical(steps=30), Line(), z, Known()).z
    # N(0, 1) times exp(-2 (z - 1.5)^2), which is N(1.5, 1/4), is N(1.2, 1/5); the rest stays as the prior has it.
    np.testing.assert_allclose(ends.mean(0), [1.2, 0, 0], atol=0.05)
    np.testing.assert_allclose(ends.std(0), [math.sqrt(1 / 5), 1, 1], atol=0.05)


def test_it_meets_its_spec_more_often_than_the_prior():
    spec = lc_core.load_spec(SPEC)
    met = {}
    for engine in (spec.engine.build(), lc_core.load_spec(SPEC, engine="rejection").engine.build()):
        result = lc_core.sample(
            model=spec.model.build(), constraints=spec.entries, engine=engine, count=8, fit=SMALL, cache=False
        )
        assert (result.measurements["digit"] >= 0.9).all()
        met[type(engine).__name__] = result.report["all"]["satisfied_before"]
    assert met["Elliptical"] > 3 * met["Rejection"]


def test_numbers_are_uniform_and_those_of_a_row_its_own():
    numbers = uniform(np.arange(200), 5, 300)
    assert 0 <= numbers.min() < numbers.max() < 1
    np.testing.assert_allclose([numbers.mean(), numbers.std()], [1 / 2, math.sqrt(1 / 12)], atol=0.005)
    np.testing.assert_array_equal(uniform(np.array([7]), 5, 300)[0], numbers[7])
    assert len(np.unique(numbers)) == numbers.size


def test_a_prior_that_is_not_normal_is_refused():
    class Box(Line):
        prior = lc_core.models.Uniform()

    with pytest.raises(lc_core.LCError, match="needs a standard normal prior"):
        lc_core.sample(model=Box(), constraints=[], engine=Elliptical(), count=1, cache=False)


def test_a_latent_of_any_shape_moves():
    class Plane(Line):
        latent_shape = (2, 3)

    energy = lambda z: lc_core.energy.EnergyValue(z.flatten(1).square().sum(1), {})
    z = Plane().sample_prior(8, block_generator(0, 0))
    moved, _ = Elliptical().step(Elliptical().init(z, Plane()), energy, Plane(), 1)
    assert moved.shape == z.shape
    assert not torch.equal(moved, z)
