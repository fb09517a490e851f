"""Refinement: thresholds that tighten, bins that are split, and rules that hardly any prior sample meets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint, all_of, any_of, none_of
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import verdict
from lc_core.constraints.want import Want
from lc_core.critics.critic import Bins, Critic
from lc_core.engines.base import Engine
from lc_core.engines.gradient import Gradient
from lc_core.engines.loop import run_engine
from lc_core.fitting.critics import FitSettings
from lc_core.fitting.prepare import prepare
from lc_core.fitting.refine import choose_thresholds, with_thresholds
from lc_core.models.latent_model import LatentModel

# Aims


def rule(label: str = "a", **want: Any) -> Constraint:
    return Constraint(lambda outputs: outputs, label=label, **want)


WANTS: list[dict[str, Any]] = [
    {"at_least": 5},
    {"at_most": -5},
    {"between": (4, 6)},
    {"target": -5, "tolerance": 0.5},
]


@pytest.mark.parametrize("want", WANTS, ids=str)
@pytest.mark.parametrize("undefined", [0.0, 0.5])
def test_what_too_few_tries_meet_has_the_threshold_that_a_tenth_meet(want: dict[str, Any], undefined: float) -> None:
    draw = np.random.default_rng(0)
    values = np.where(draw.random(2_000) < undefined, np.nan, draw.normal(size=2_000))
    entry = rule(**want)
    thresholds = choose_thresholds([entry], {"a": values})
    met = thresholds["a"].met(values)
    assert met.mean() == pytest.approx(0.1, abs=0.005)
    assert (met | ~entry.want.met(values)).all()  # looser: it holds wherever the want holds


@pytest.mark.parametrize("want", [{"at_least": -9}, {"at_most": 9}, {"between": (-9, 9)}], ids=str)
def test_the_negation_of_what_nearly_every_try_meets_has_one_likewise(want: dict[str, Any]) -> None:
    values = {"a": np.random.default_rng(0).normal(size=2_000)}
    entry = none_of(rule(**want))
    loose = with_thresholds(entry, choose_thresholds([entry], values))
    assert verdict(loose, values).met.mean() == pytest.approx(0.1, abs=0.005)


@given(st.lists(st.integers(0, 3), min_size=20, max_size=60), st.integers(0, 3))
def test_an_aim_is_met_by_some_tries_and_never_by_nearly_all(numbers: list[int], bound: int) -> None:
    values = {"a": np.array(numbers, dtype=float)}
    for entry in (rule(at_least=bound + 0.5), rule(at_most=bound - 0.5), none_of(rule(at_least=bound))):
        thresholds = choose_thresholds([entry], values)
        if thresholds:
            share = verdict(with_thresholds(entry, thresholds), values).met.mean()
            assert 0 < share <= 0.5 or share == pytest.approx(0.5)


def test_a_value_that_is_the_same_on_every_try_gets_no_aim() -> None:
    assert choose_thresholds([rule(at_least=1)], {"a": np.zeros(100)}) == {}


def test_a_want_that_enough_tries_meet_is_left_as_it_is() -> None:
    values = {"a": np.linspace(0, 1, 100), "b": np.linspace(0, 1, 100)}
    assert choose_thresholds([rule(at_least=0.85)], values) == {}
    never = rule("b", at_least=2)
    assert choose_thresholds([any_of(rule(at_least=0.85), never)], values) == {}
    assert set(choose_thresholds([all_of(rule(at_least=0.85), never)], values)) == {"b"}


def test_what_is_undefined_on_nearly_every_try_gets_no_aim() -> None:
    assert choose_thresholds([rule(at_least=1)], {"a": np.full(100, np.nan)}) == {}


def test_aims_change_wants_and_nothing_else() -> None:
    entry = all_of(rule(at_least=1, weight=2.0, require=False), rule("b", at_most=0), weight=3.0)
    loose = with_thresholds(entry, {"a": Want(at_least=0.5)})
    assert loose == all_of(
        Constraint(entry.entries[0].measurement, at_least=0.5, weight=2.0, require=False, label="a"),
        entry.entries[1],
        weight=3.0,
        label=entry.label,
    )


# Splitting bins


def test_a_split_bin_gives_each_part_its_share_of_the_probability() -> None:
    values = np.random.default_rng(0).normal(size=1_000)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        critic = Critic(3, Bins.of(values, 8), hidden=16)
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    split = critic.split(0.9, values)
    assert len(split.bins) == len(critic.bins) + 1
    at = int(critic.bins.index(np.array([0.9]))[0])
    before, after = critic.logits(z).softmax(dim=1), split.logits(z).softmax(dim=1)
    assert torch.allclose(after[:, at] + after[:, at + 1], before[:, at], atol=1e-6)
    assert torch.allclose(
        torch.cat([after[:, :at], after[:, at + 2 :]], 1), torch.cat([before[:, :at], before[:, at + 1 :]], 1)
    )
    inside = values[critic.bins.index(values) == at]
    share = (after[:, at] / before[:, at]).detach().numpy()
    assert share == pytest.approx((inside < 0.9).mean(), abs=1e-5)
    assert set(split.bins.share(Want(at_least=0.9))) == {0.0, 1.0}  # no bin is cut by the want any more


def test_nothing_is_split_where_one_side_was_never_seen() -> None:
    critic = Critic(3, Bins.of(np.array([0.0, 1.0])), hidden=4)
    assert critic.split(2.0, np.array([0.0, 1.0])) is critic
    assert critic.split(1.0, np.array([0.0, 1.0])) is critic


def test_values_beyond_the_last_bin_get_one_of_their_own() -> None:
    critic = Critic(3, Bins.of(np.array([0.0, 1.0])), hidden=4).split(1.5, np.array([0.0, 1.0, 2.0, 3.0]))
    assert critic.bins.low.tolist() == [0.0, 1.0, 2.0]
    assert critic.bins.high.tolist() == [0.0, 1.0, 3.0]


# Rare rules


class Identity(LatentModel):
    """Outputs are latents."""

    latent_shape = (48,)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z


def high_coordinates(outputs: np.ndarray) -> np.ndarray:
    """How many of the first twelve coordinates are above 0.8, `(B,)`."""
    return (outputs[:, :12] > 0.8).sum(axis=1)


def eight_high_coordinates(outputs: np.ndarray) -> np.ndarray:
    return (high_coordinates(outputs) >= 8).astype(float)


@pytest.mark.parametrize(
    "rare",
    [Constraint(high_coordinates, at_least=9), Constraint(eight_high_coordinates, at_least=1)],
    ids=["graded", "0 or 1"],
)
def test_a_rule_that_few_prior_samples_meet_is_learned(rare: Constraint) -> None:
    evaluator = Evaluator(Identity(), [rare])
    prior = Identity().sample_prior(200_000, block_generator(5, 0))
    assert evaluator.satisfied_latents(prior).mean() < 1e-3
    settings = FitSettings(prior_samples=8_192, push_samples=1_024, steps=150, hidden=64, rounds=16, round_steps=30)
    engine = Gradient()
    prepared = prepare(evaluator, engine, settings=settings)
    starts = Identity().sample_prior(1_000, block_generator(6, 0))
    ends = run_engine(engine, Identity(), starts, prepared.energy, satisfied=evaluator.satisfied_latents).z
    assert evaluator.satisfied_latents(ends).mean() > 0.9


def first_is_not_low(outputs: np.ndarray) -> np.ndarray:
    return outputs[:, 12]


def test_a_preference_is_learned_after_every_try_meets_the_conditions() -> None:
    rare = Constraint(high_coordinates, at_least=9, require=False)
    evaluator = Evaluator(Identity(), [Constraint(first_is_not_low, at_least=-3), rare])
    settings = FitSettings(prior_samples=8_192, push_samples=1_024, steps=150, hidden=64, rounds=16, round_steps=30)
    engine = Gradient(check_every=0)
    prepared = prepare(evaluator, engine, settings=settings)
    starts = Identity().sample_prior(1_000, block_generator(6, 0))
    ends = run_engine(engine, Identity(), starts, prepared.energy).z
    assert evaluator.satisfied_latents(ends).mean() > 0.99
    assert Evaluator(Identity(), [replace(rare, require=True)]).satisfied_latents(ends).mean() > 0.8


# Which round is kept


class Scripted(Engine):
    """An engine that learns nothing: in each round it brings given shares to meet a condition and a preference."""

    amortised, block = True, 512

    def __init__(self, shares: Sequence[float], liked: Sequence[float] = ()) -> None:
        self.shares, self.liked, self.steps = shares, liked, 1
        self.round = -1

    def begin(self, model: Any, space: Any, generator: Any) -> Scripted:
        return Scripted(self.shares, self.liked)

    def learn(self, energy: Any, model: Any, generator: Any) -> None:
        self.round += 1

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"round": torch.tensor(self.round)}

    def with_tensors(self, tensors: dict[str, torch.Tensor], model: Any, space: Any) -> Scripted:
        engine = Scripted(self.shares, self.liked)
        engine.round = int(tensors["round"])
        return engine

    def step(self, state: Any, energy: Any, model: Any, number: int) -> tuple[torch.Tensor, ...]:
        z, place = state[0].clone(), torch.linspace(0, 1, len(state[0]))
        for column, script in enumerate((self.shares, self.liked)):
            if script:
                z[:, column] = torch.where(place < script[min(self.round, len(script) - 1)], 3.0, -3.0)
        return (z,)


def first(outputs: np.ndarray) -> np.ndarray:
    return outputs[:, 0]


def second(outputs: np.ndarray) -> np.ndarray:
    return outputs[:, 1]


def kept_round(engine: Scripted, *, rounds: int = 20, patience: int = 3) -> tuple[int, int]:
    """Return which round's weights are kept, and how many rounds there were."""
    entries = [Constraint(first, at_least=2)] + [Constraint(second, at_least=2, require=False)] * bool(engine.liked)
    settings = FitSettings(
        prior_samples=512, push_samples=64, steps=5, hidden=8, rounds=rounds, round_steps=1, patience=patience
    )
    prepared = prepare(Evaluator(Identity(), entries), engine, settings=settings)
    assert isinstance(prepared.engine, Scripted)
    return prepared.engine.round, len(prepared.card["refinement"]["satisfied_by_round"])


def test_the_round_is_kept_in_which_most_tries_satisfied_over_the_last_three() -> None:
    assert kept_round(Scripted([0.1, 0.6, 0.9, 0.9, 0.9, 0.2, 0.95, 0.2, 0.2]), rounds=8)[0] == 4


def test_a_round_that_fell_is_not_kept_for_the_shares_of_those_before_it() -> None:
    assert kept_round(Scripted([0.2, 0.84, 0.9, 0.31]), rounds=3)[0] == 2


def test_rounds_end_when_nearly_all_satisfy_or_nothing_gets_better() -> None:
    assert kept_round(Scripted([0.5, 1.0, 1.0, 1.0, 0.0])) == (3, 4)
    assert kept_round(Scripted([0.95]), patience=4) == (
        2,
        7,
    )  # known in the third round, and then four without progress
    assert kept_round(Scripted([0.6]), patience=4) == (2, 11)  # twice as long
    assert kept_round(Scripted([0.3]), patience=4)[1] == 21  # below a half there is hope to the end


def test_a_preference_that_is_met_more_often_is_progress_and_decides_between_equals() -> None:
    liked = [0.1 * number for number in range(9)]
    assert kept_round(Scripted([0.95], liked), patience=3, rounds=9) == (9, 10)


def test_a_preference_does_not_outweigh_conditions() -> None:
    met, liked = [0.1, 0.9, 0.9, 0.9, 0.6], [0.1, 0.1, 0.1, 0.1, 0.9]
    assert kept_round(Scripted(met, liked), rounds=9)[0] == 3
