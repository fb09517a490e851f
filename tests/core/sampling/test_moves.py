"""Exact moves: what they leave as it is, and what they refuse."""

import numpy as np
import pytest
import torch

import lc_core
import lc_core.models
from lc_core.common import block_generator
from lc_core.constraints import Evaluator
from lc_core.sampling.moves import make_moves


class Plane(lc_core.LatentModel):
    """A standard normal in three dimensions that is its own output."""

    latent_shape = (3,)
    output_type = "plane/1"

    def decode(self, z):
        return z


@lc_core.measurement(accepts="plane/1", unit="", range=(-np.inf, np.inf), at_least=1.0)
def first(outputs):
    """Return the first value."""
    return outputs[:, 0]


def evaluator():
    return Evaluator(Plane(), [lc_core.Constraint(lc_core.Measurement(first))])


def test_moves_leave_the_exact_distribution_as_it_is_and_bring_others_to_it():
    """z[0] is normal above 1: mean 1.5251, variance .1991, above 2 with probability .1434; the others are normal."""
    start = torch.randn(4_000, 3, generator=block_generator(5, 0))
    start[:, 0] = 1.0 + 0.01 * torch.rand(4_000, generator=block_generator(6, 0))  # all at the border
    start[:, 1:] = 0.0
    moved = make_moves(evaluator(), start, moves=80, seed=0, block=0)
    z = moved.z.numpy()
    np.testing.assert_allclose(z.mean(0), [1.5251, 0, 0], atol=0.05)
    np.testing.assert_allclose(z.var(0), [0.1991, 1, 1], atol=0.08)
    assert (z[:, 0] >= 1).all()
    assert abs((z[:, 0] > 2).mean() - 0.1434) < 0.03
    assert abs(np.cov(z.T)[0, 1]) < 0.05
    assert moved.proposed == 80 * 4_000
    assert 0 < moved.accepted < moved.proposed


def test_what_does_not_satisfy_stays_and_rows_depend_on_their_number_alone():
    start = torch.randn(64, 3, generator=block_generator(5, 0)) + 1.0
    misses = start[:, 0] < 1
    every = make_moves(evaluator(), start, moves=5, seed=0, block=2).z
    assert torch.equal(every[misses], start[misses])
    start[:32] = 0.0  # none of these satisfies now
    assert torch.equal(make_moves(evaluator(), start, moves=5, seed=0, block=2).z[32:], every[32:])


def test_a_run_reports_its_moves_and_a_model_without_a_normal_prior_is_refused():
    constraint = lc_core.Constraint(lc_core.Measurement(first))
    result = lc_core.sample(
        model=Plane(), constraints=[constraint], engine="gradient", count=8, moves=3, cache=False,
        fit=lc_core.FitSettings(prior_samples=512, push_samples=64, steps=40, hidden=16, rounds=0),
    )  # fmt: skip
    assert result.report["moves"]["proposed"] > 0
    assert 0 <= result.report["moves"]["accepted"] <= 1
    assert (result.measurements["first"] >= 1).all()

    class Box(Plane):
        prior = lc_core.models.Uniform()

    with pytest.raises(lc_core.LCError, match="moves: 2 cannot be made: moves need a standard normal prior"):
        lc_core.sample(model=Box(), constraints=[constraint], count=1, moves=2, cache=False)


def test_with_a_flow_moves_leave_what_it_makes_of_the_prior_as_it_is():
    """The flow makes x[0] = 2 + 2 z[0]: with x[0] at least 1 its mean is 3.0183 and its variance 1.9447."""

    def flow(z):
        return torch.stack([2 + 2 * z[:, 0], z[:, 1] + z[:, 2], z[:, 2]], dim=1)

    start = torch.zeros(4_000, 3)
    moved = make_moves(evaluator(), start, moves=60, seed=0, block=0, flow=flow)
    x = moved.z.numpy()
    np.testing.assert_allclose(x.mean(0), [3.0183, 0, 0], atol=0.08)
    np.testing.assert_allclose(x.var(0), [1.9447, 2, 1], atol=0.15)
    assert (x[:, 0] >= 1).all()
    misses = torch.full((8, 3), -3.0)
    assert torch.equal(make_moves(evaluator(), misses, moves=5, seed=0, block=0, flow=flow).z, flow(misses))


def test_moves_lead_to_the_base_that_odds_tell():
    """Odds exp(2 z[1]) make a normal about 0 one about 2; the condition is on z[0], and stays."""
    start = torch.randn(2_000, 3, generator=block_generator(5, 0))
    start[:, 0] = 1.5
    start[:, 1] += 1.0  # on the way
    moved = make_moves(evaluator(), start, moves=250, seed=0, block=0, weigh=lambda outputs: 2.0 * outputs[:, 1])
    np.testing.assert_allclose(moved.z.numpy().mean(0), [1.5251, 2, 0], atol=0.09)
    np.testing.assert_allclose(moved.z.numpy().var(0), [0.1991, 1, 1], atol=0.12)
