"""The engine `auto`: what it chooses, and that output i depends on the seed and on i alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import lc_core
from lc_core import Constraint, FitSettings, LatentModel, Measurement, measurement
from lc_core.constraints import Evaluator
from lc_core.fitting.prepare import prepare
from lc_core.planning import make_plan
from lc_core.planning.auto import Auto
from lc_core.sampling.block import run_block
from lc_core.sampling.problem import Problem
from lc_core.sampling.sample import collect

SMALL = FitSettings(prior_samples=1024, push_samples=256, steps=150, batch=128, hidden=32, rounds=6, round_steps=20)


class Points(LatentModel):
    """Outputs are the latents."""

    name = "points"
    latent_shape = (16,)
    output_type = "points/1"

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z


class Shifted(Points):
    """Its data lie two to the right of its prior samples."""

    def flow(self) -> nn.Module:
        class Flow(nn.Module):
            def forward(self, z: torch.Tensor) -> torch.Tensor:
                return z + 2.0 * torch.eye(16)[0]

        return Flow()


@measurement(accepts="points/1", unit="", range=(-np.inf, np.inf), at_least=0.0)
def first(outputs: np.ndarray) -> np.ndarray:
    """Return the first value."""
    return outputs[:, 0]


@measurement(accepts="points/1", unit="", range=(0, 1), at_least=1.0)
def ring(outputs: np.ndarray, *, at: int = 0) -> np.ndarray:
    """Return 1 where one value lies between 2 and 2.01."""
    return ((outputs[:, at] > 2.0) & (outputs[:, at] < 2.01)).astype(float)


def sample(bound: float, *, model: LatentModel | None = None, count: int = 8, **more):
    wish = Constraint(Measurement(first, name="toy.first"), at_least=bound)
    return lc_core.sample(
        model=model or Points(), constraints=[wish], count=count, cache=False, **{"fit": SMALL} | more
    )


def test_what_many_prior_samples_meet_is_drawn_exactly_and_nothing_is_fitted():
    found, exact = sample(1.0), sample(1.0, engine="rejection")
    np.testing.assert_array_equal(found.outputs, exact.outputs)
    assert found.report["fit"]["plan"]["engines"] == ["rejection"]
    assert "held_out" not in found.report["fit"]


def test_first_tries_are_exact_and_what_they_deliver_costs_no_fit():
    found = sample(2.7)  # .35 % of prior samples: 14 of the first 4,096
    np.testing.assert_array_equal(found.outputs, sample(2.7, engine="rejection").outputs)
    assert found.report["fit"]["plan"]["engines"] == ["rejection", "gradient"]
    assert "held_out" not in found.report["fit"]


@pytest.fixture(scope="module")
def rare():
    return sample(3.5, count=48)


def test_what_is_rare_comes_from_an_engine_that_moves_latents(rare):
    """One prior sample in four thousand is above 3.5."""
    assert (rare.outputs[:, 0] >= 3.5).all() and len(rare) == 48
    first_tries, moved = rare.report["engines"]
    assert (first_tries["engine"], first_tries["exact"], first_tries["tried"]) == ("rejection", True, 4096)
    assert (moved["engine"], moved["exact"]) == ("gradient", False)
    assert first_tries["delivered"] + moved["delivered"] == 48


def test_where_tries_hardly_ever_satisfy_critics_are_refined_and_that_is_said():
    """Outputs are rounded, so that only a narrow ring in sixteen dimensions has the value: its critic is coarse."""
    said: list[str] = []
    wishes = [Constraint(Measurement(ring, {"at": at}, "toy.ring"), at_least=1.0, label=f"r{at}") for at in range(3)]
    found = lc_core.sample(
        model=Points(), constraints=wishes, count=1, budget=5_000, fit=SMALL, cache=False, progress=said.append
    )
    assert any("the critics are refined for this spec" in line for line in said)
    assert found.report["fit"]["refinement"]["satisfied_by_round"]


def test_an_output_depends_on_the_seed_and_its_index_alone(rare):
    fewer = sample(3.5, count=12)
    np.testing.assert_array_equal(fewer.outputs, rare.outputs[:12])
    np.testing.assert_array_equal(fewer.index, rare.index[:12])
    assert np.unique(rare.index).size == 48


def test_preferences_and_free_values_are_not_left_to_prior_samples():
    wish = Constraint(first, at_least=0.0, require=False)
    assert make_plan(Evaluator(Points(), [wish])).exact_blocks == 0
    free = Constraint(first, at_least=0.5, free={"at_least": [-1.0, 1.0]})
    assert make_plan(Evaluator(Points(), [free])).names == ["actor"]


def test_data_as_the_base_are_what_the_flow_makes_of_prior_samples():
    found = sample(1.0, model=Shifted(), base="data", count=500)
    exact = sample(1.0, model=Shifted(), base="data", count=500, engine="rejection", seed=7)
    # Above 1 a normal about 2 has its mean at 2.29, and one about 0 at 1.53.
    assert found.outputs[:, 0].mean() == pytest.approx(exact.outputs[:, 0].mean(), abs=0.15)
    assert found.outputs[:, 0].mean() == pytest.approx(2.29, abs=0.12)


def test_realism_with_the_engine_left_open_means_data_as_the_base():
    found = sample(1.0, model=Shifted(), realism=1.0, count=100)
    np.testing.assert_array_equal(found.outputs, sample(1.0, model=Shifted(), base="data", count=100).outputs)


def test_a_model_without_a_way_to_data_says_so():
    with pytest.raises(lc_core.LCError, match="points has no flow or chain from its prior to data"):
        sample(1.0, base="data")
    with pytest.raises(lc_core.LCError, match="base must be prior or data; found 'date'"):
        sample(1.0, base="date")


def test_blocks_of_an_earlier_run_are_reported_with_what_was_fitted_for_them():
    wish = Constraint(Measurement(first, name="toy.first"), at_least=3.5)
    told, blocks = [], []
    for _ in range(2):
        prepared = prepare(Evaluator(Points(), [wish]), Auto(), settings=SMALL)
        problem = Problem(model=Points(), entries=(wish,), engine=prepared.engine, count=12)
        if not blocks:
            blocks = [run_block(problem, prepared.energy, number) for number in range(8)]
        collect(problem, prepared.energy, blocks=iter(blocks))
        told.append(prepared.card["held_out"])
    assert told[0] == told[1]
