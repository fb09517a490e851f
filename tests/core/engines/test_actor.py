"""The actor's `kl`: what it measures, that it keeps starts apart, and where it is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lc_core import LatentModel, measurement
from lc_core.actors.engine import actor
from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.evaluator import Evaluator
from lc_core.engines.actor import Actor
from lc_core.engines.adversarial import PaperActor
from lc_core.engines.losses import divergence
from lc_core.errors import LCError
from lc_core.fitting.critics import FitSettings
from lc_core.fitting.prepare import prepare


class Same(LatentModel):
    name, latent_shape, output_type, block = "same", (4,), "numbers/1", 100

    def decode(self, z):
        return z


@measurement(accepts="numbers/1", unit="", range=(-np.inf, np.inf), at_least=1)
def first(numbers: np.ndarray) -> np.ndarray:
    """Return the first number."""
    return numbers[:, 0].astype(np.float64)


def fitted(kl: float) -> torch.Tensor:
    """Return 1,000 prior samples, moved by an actor that is not held near its starts."""
    settings = FitSettings(prior_samples=2_048, push_samples=256, steps=200, rounds=4, hidden=32, round_samples=64)
    engine = Actor(hidden=32, distance=0.0, kl=kl, round_steps=60)
    prepared = prepare(Evaluator(Same(), [Constraint(first)]), engine, settings=settings)
    start = Same().sample_prior(1_000, block_generator(9, 0))
    return prepared.engine.step((start,), prepared.energy, Same(), 1)[0]


def test_kl_is_that_of_normals_with_a_batchs_moments():
    z = torch.randn(200_000, 3, generator=torch.Generator().manual_seed(0))
    assert divergence(z).item() == pytest.approx(0, abs=1e-3)
    scale, shift = torch.tensor([0.5, 1.0, 2.0]), torch.tensor([0.0, 1.0, 0.0])
    expected = 0.5 * (scale.square() + shift.square() - 1 - scale.square().log()).sum()
    assert divergence(z * scale + shift).item() == pytest.approx(expected.item(), rel=0.02)


def test_kl_keeps_starts_apart():
    together, apart = fitted(0.0), fitted(0.1)
    assert (apart[:, 0] >= 1).float().mean() > 0.8  # of prior samples 16 % are
    assert divergence(apart) < 0.7 * divergence(together)


def test_kl_is_refused_where_it_means_nothing():
    class Uniform(Same):
        on_shell = False

    assert "standard normal prior" in str(Actor(kl=0.1).unfit(Uniform(), [Constraint(first)], 0.0))
    assert "does not know kl" in str(PaperActor(kl=0.1).unfit(Same(), [Constraint(first)], 0.0))
    assert Actor(kl=0.1).unfit(Same(), [Constraint(first)], 0.0) is None
    with pytest.raises(LCError, match="an actor from a folder has its own kl"):
        actor(folder="somewhere", kl=0.1)
