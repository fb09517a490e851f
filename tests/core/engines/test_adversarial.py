"""The paper's training: its losses against a hand computation, what counts as real, and a fit of a toy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.declare import measurement
from lc_core.constraints.evaluator import Evaluator, Measured
from lc_core.constraints.measurement import Measurement
from lc_core.energy.energy import Energy
from lc_core.energy.targets import Space
from lc_core.engines.actor import Actor
from lc_core.engines.adversarial import Adversary, Labelled, PaperActor, critic_loss, gradient_penalty
from lc_core.errors import LCError
from lc_core.fitting.critics import FitSettings
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import LatentModel


class Same(LatentModel):
    """Decodes a latent to itself."""

    name, latent_shape = "same", (4,)

    def decode(self, z):
        return z


@measurement(accepts="*", unit="", range=(-np.inf, np.inf), at_least=1)
def along(outputs: np.ndarray, *, axis: int = 0) -> np.ndarray:
    """Value of one coordinate."""
    values: np.ndarray = outputs[:, axis].astype(float)
    return values


class Sum(nn.Module):
    """A critic whose logit is 3 z0 + 4 z1 + y."""

    def forward(self, told):
        return told @ torch.tensor([[3.0], [4.0], [1.0]])


def wish(**free) -> Constraint:
    return Constraint(Measurement(along, {"axis": 0}), free=free or None)


def paper(**settings) -> Actor:
    return PaperActor(**{"hidden": 32, "layers": 2, "lr": 3e-3, "round_steps": 150} | settings)


def test_the_critics_loss_has_three_equal_groups():
    real, fake = torch.tensor([[1.0, 0.0, 0.5]]), torch.tensor([[0.0, 0.25, 0.5], [0.0, 0.0, 0.5]])
    other = torch.tensor([[1.0, 0.0, -0.5]])
    on_real = math.log1p(math.exp(-3.5))
    on_fake = (math.log1p(math.exp(1.5)) + math.log1p(math.exp(0.5))) / 2
    on_other = math.log1p(math.exp(2.5))
    assert critic_loss(Sum(), real, fake, other).item() == pytest.approx((on_real + on_fake + on_other) / 3)
    assert critic_loss(Sum(), real, fake, other[:0]).item() == pytest.approx((on_real + on_fake) / 2)


def test_the_penalty_is_on_the_gradient_in_z_between_real_and_fake():
    real, fake, label = torch.randn(5, 2), torch.randn(5, 2), torch.randn(5, 1)
    share = torch.rand(5, 1)
    assert gradient_penalty(Sum(), real, fake, label, share).item() == pytest.approx((5 - 1) ** 2)  # |(3, 4)| is 5

    class Square(nn.Module):
        def forward(self, told):
            return told[:, :2].square().sum(dim=1, keepdim=True) + 100 * told[:, 2:]

    between = share * real + (1 - share) * fake
    expected = ((2 * between.norm(dim=1)) - 1).square().mean()
    assert gradient_penalty(Square(), real, fake, label, share).item() == pytest.approx(expected.item(), rel=1e-4)


def test_labels_go_through_a_linear_layer_of_their_own():
    net = Labelled(4, 3, 8, hidden=16, layers=4)
    z, y = torch.randn(2, 4), torch.randn(2, 3)
    told = torch.cat([z, net.label(y)], dim=1)
    torch.testing.assert_close(net(torch.cat([z, y], dim=1)), net.net(told))
    assert [one.in_features for one in net.net if isinstance(one, nn.Linear)] == [20, 16, 16, 16, 16]
    assert Labelled(4, 0, 8, hidden=16, layers=1).label is None


def test_the_presets_settings_are_the_papers_unless_given():
    engine = PaperActor(distance=0.1)
    assert (engine.hidden, engine.layers, engine.lr, engine.distance) == (2048, 4, 1e-4, 0.1)
    assert 41 * engine.round_steps == pytest.approx(200_000, rel=1e-3)


def studied(*constraints: Constraint, prior: int = 2_000) -> Adversary:
    z = Same().sample_prior(prior, block_generator(0, 0))
    energy = Energy(constraints, space=Space.of(constraints))
    actor = paper().begin(Same(), energy.space, block_generator(1, 0))
    actor.study(energy, Measured.of(Evaluator(Same(), constraints), z))
    return actor._learning


def test_real_are_prior_samples_that_satisfy_under_their_label():
    adversary = studied(wish(axis=[0, 1, 2, 3]))
    z, axis = adversary._real.z.numpy(), adversary._real.targets.code.argmax(dim=1).numpy()
    assert (z[np.arange(len(z)), axis] >= 1).all()
    assert set(axis) == {0, 1, 2, 3}
    rows = np.arange(64)
    other, apart = adversary._mismatched(rows)
    values = z[rows, other.argmax(dim=1).numpy()]
    assert apart.any()
    np.testing.assert_array_equal(apart, values < 1)  # a label that holds as well is no wrong one


def test_a_label_for_all_has_no_mismatched_group():
    adversary = studied(wish())
    assert (adversary._real.z[:, 0] >= 1).all()
    assert not adversary._mismatched(np.arange(64))[1].any()


def test_an_actors_step_comes_after_ten_of_the_critic():
    adversary = studied(wish())
    before = [one.clone() for one in adversary.net.parameters()]
    adversary.learn(Same(), block_generator(2, 0), 9)
    assert all(map(torch.equal, before, adversary.net.parameters()))
    adversary.learn(Same(), block_generator(2, 1), 1)
    assert not all(map(torch.equal, before, adversary.net.parameters()))


def test_too_few_real_examples_are_refused():
    with pytest.raises(LCError, match=r"learns from prior samples that satisfy; \d+ of 200 do, and 64 are needed"):
        studied(wish(), prior=200)


def test_it_says_what_it_cannot_do_and_leaves_out():
    preference = Constraint(along, require=False)
    assert "no constraint is required" in paper().unfit(Same(), [preference], 0.0)
    assert paper().unfit(Same(), [wish()], 0.0) is None
    assert paper().note([wish()], 0.0) is None
    assert "realism and preferences are left out" in paper().note([wish()], 8.0)
    assert Actor().note([wish()], 8.0) is None


@pytest.mark.parametrize(("free", "least"), [({}, 0.5), ({"axis": [0, 1]}, 0.4)])
def test_a_toy_is_fitted_to_clearly_more_than_the_priors_rate(free, least):
    settings = FitSettings(prior_samples=2_048, push_samples=256, steps=20, rounds=6, hidden=16, round_samples=64)
    evaluator = Evaluator(Same(), [wish(**free)])
    prepared = prepare(evaluator, paper(), settings=settings)
    start = Same().sample_prior(1_000, block_generator(9, 0))
    (moved,) = prepared.engine.step((start,), prepared.energy, Same(), 1)
    assert (moved[:, 0] >= 1).float().mean() > least  # of prior samples 16 % are
    shares = prepared.card["refinement"]["satisfied_by_round"]
    assert max(shares) > least
