"""Critics: bins of a value, log odds of wants, and their gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lc_core.constraints.constraint import Constraint, any_of, none_of
from lc_core.constraints.want import Want
from lc_core.critics.critic import Bins, Critic
from lc_core.critics.quality import auc, calibration
from lc_core.energy.energy import Energy

# Bins


def test_few_distinct_values_get_an_atom_each() -> None:
    bins = Bins.of(np.array([0.5, 1.0, 0.5, 0.0, np.nan]))
    assert bins.low.tolist() == bins.high.tolist() == [0.0, 0.5, 1.0]
    assert bins.index(np.array([0.0, 0.5, 1.0, np.nan])).tolist() == [0, 1, 2, 3]


def test_many_values_get_bins_of_about_equal_shares() -> None:
    values = np.random.default_rng(0).normal(size=10_000)
    bins = Bins.of(values, 20)
    shares = np.bincount(bins.index(values), minlength=len(bins))[: len(bins)] / len(values)
    assert 20 <= len(bins) <= 22
    assert shares.max() < 0.06
    assert shares[1:-1].min() > 0.03


def test_the_ends_and_values_that_many_samples_share_are_atoms_among_quantile_bins() -> None:
    spread = np.random.default_rng(0).uniform(0.1, 0.9, size=6_000)
    bins = Bins.of(np.concatenate([[0.0], spread, np.full(2_000, 0.5), np.ones(3)]), 20)
    atoms = bins.low[bins.low == bins.high]
    assert set(atoms) >= {0.0, 0.5, 1.0}
    for value in (0.0, 0.5, 1.0):
        exact = Bins.share(bins, Want(target=value, tolerance=0))
        assert exact.sum() == pytest.approx(1.0, abs=1e-6)


@given(
    numbers=st.lists(st.integers(-40, 40), min_size=1, max_size=80),
    copies=st.integers(1, 4),
    count=st.integers(2, 30),
)
def test_bins_are_ordered_and_hold_every_value_that_they_were_chosen_for(
    numbers: list[int], copies: int, count: int
) -> None:
    values = np.repeat(numbers, copies) / 7
    bins = Bins.of(values, count)
    assert (bins.low <= bins.high).all()
    assert (bins.high[:-1] < bins.low[1:]).all()
    index = bins.index(values)
    assert ((bins.low[index] <= values) & (values <= bins.high[index])).all()
    assert set(index) == set(range(len(bins)))


def test_values_between_and_beyond_bins_go_to_the_nearest() -> None:
    bins = Bins(np.array([0.0, 10.0]), np.array([2.0, 12.0]))
    assert bins.index(np.array([-5.0, 1.0, 5.9, 6.1, 99.0])).tolist() == [0, 0, 0, 1, 1]


def test_the_share_of_a_bin_is_the_part_that_lies_inside_the_want() -> None:
    bins = Bins(np.array([0.0, 1.0, 3.0]), np.array([1.0, 3.0, 3.0]))
    assert bins.share(Want(at_least=2)) == pytest.approx([0, 0.5, 1])
    assert bins.share(Want(between=(0.25, 1.5))) == pytest.approx([0.75, 0.25, 0])
    assert bins.share(Want(at_most=3)) == pytest.approx([1, 1, 1])
    assert bins.share(Want(at_least=2)) + bins.share_outside(Want(at_least=2)) == pytest.approx([1, 1, 1])


def test_the_nearest_bin_stands_in_where_none_lies_inside() -> None:
    bins = Bins.of(np.array([0.0, 0.25, 0.5]))
    assert bins.share(Want(at_least=0.9)).tolist() == [0, 0, 1]
    assert bins.share(Want(at_most=-1)).tolist() == [1, 0, 0]
    assert bins.share(Want(target=0.3, tolerance=0.01)).tolist() == [0, 1, 0]


def test_the_nearest_bin_stands_in_where_none_lies_outside() -> None:
    bins = Bins.of(np.array([0.0, 0.25, 0.5]))
    assert bins.share_outside(Want(at_least=-1)).tolist() == [1, 0, 0]
    assert bins.share_outside(Want(at_most=0.6)).tolist() == [0, 0, 1]


def test_a_value_that_is_always_undefined_still_has_a_bin() -> None:
    bins = Bins.of(np.array([np.nan, np.nan]))
    assert len(bins) == 1
    assert bins.index(np.array([np.nan])).tolist() == [1]


# Critics

VALUES = np.array([0.0, 0.25, 0.5, 0.75, 1.0])


def new_critic(values: np.ndarray = VALUES, *, seed: int = 0) -> Critic:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Critic(3, Bins.of(values), hidden=16).double().requires_grad_(False)


def latents(count: int = 7) -> torch.Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("want", [Want(at_least=0.5), Want(at_most=0.3), Want(between=(0.25, 0.75))], ids=str)
def test_odds_are_those_of_the_predicted_probabilities(want: Want) -> None:
    critic, z = new_critic(), latents()
    p = critic.logits(z).softmax(dim=1)
    assert p.sum(1) == pytest.approx(1.0)
    inside = torch.from_numpy(want.met(VALUES))
    yes, no = p[:, :-1][:, inside].sum(1), p[:, :-1][:, ~inside].sum(1)
    odds = critic.odds(critic.every(z), want)
    assert odds.yes == pytest.approx((yes / (1 - yes)).log())
    assert odds.no == pytest.approx((no / (1 - no)).log())


def test_an_undefined_value_counts_for_neither_side() -> None:
    critic, z = new_critic(), latents()
    with torch.no_grad():
        critic.net[-1].bias[-1] = 30.0  # all but certain that the value is undefined
    odds = critic.odds(critic.every(z), Want(at_least=0.5))
    assert (odds.yes < -10).all()
    assert (odds.no < -10).all()


def test_without_undefined_values_the_negation_has_the_opposite_odds() -> None:
    critic, z = new_critic(), latents()
    with torch.no_grad():
        critic.net[-1].bias[-1] = -1e9
    odds = critic.odds(critic.every(z), Want(at_least=0.5))
    assert odds.no == pytest.approx(-odds.yes)


def test_the_expected_value_is_that_of_the_defined_bins() -> None:
    critic, z = new_critic(), latents()
    p = critic.logits(z).softmax(dim=1)[:, :-1]
    assert critic.expected(z) == pytest.approx((p * torch.from_numpy(VALUES)).sum(1) / p.sum(1))


def test_latents_of_any_shape_are_taken() -> None:
    critic, z = new_critic(), latents()
    assert critic.odds(critic.every(z.view(7, 3, 1)), Want(at_least=0.5)).yes == pytest.approx(
        critic.odds(critic.every(z), Want(at_least=0.5)).yes
    )


CONTINUOUS = np.random.default_rng(0).normal(size=500)
RULES: list[tuple[str, np.ndarray, Any]] = [
    ("at_least", VALUES, lambda a: a(at_least=0.5)),
    ("part of a bin", CONTINUOUS, lambda a: a(between=(-0.301, 0.407))),
    ("not", VALUES, lambda a: none_of(a(at_least=0.5))),
    ("any", VALUES, lambda a: any_of(a(at_least=1.0), none_of(a(at_least=0.25)))),
    ("beyond what was seen", VALUES, lambda a: a(at_least=2)),
    ("always met", VALUES, lambda a: a(at_least=-1)),
    ("not of what is always met", VALUES, lambda a: none_of(a(at_least=-1))),
    ("one value only", np.zeros(1), lambda a: none_of(a(at_least=-1))),
]


@pytest.mark.parametrize(("values", "build"), [rule[1:] for rule in RULES], ids=[rule[0] for rule in RULES])
def test_the_gradient_of_an_energy_is_finite_and_that_of_finite_differences(values: np.ndarray, build: Any) -> None:
    entry = build(lambda **want: Constraint(lambda outputs: outputs, label="a", **want))
    energy = Energy([entry], {"a": new_critic(values)})
    z = latents().requires_grad_()
    (gradient,) = torch.autograd.grad(energy(z).total.sum(), z)
    assert torch.isfinite(energy(z).total).all()
    step = 1e-6
    for axis in range(3):
        move = torch.zeros(3, dtype=torch.float64)
        move[axis] = step
        slope = (energy(z.detach() + move).total - energy(z.detach() - move).total) / (2 * step)
        assert gradient[:, axis] == pytest.approx(slope, rel=1e-4, abs=1e-7)


# Calibration


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    scores, positive = np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, True, False, True])
    assert auc(scores, positive) == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert auc(scores, np.ones(4, dtype=bool)) is None


def test_calibration_compares_predicted_with_measured_rates() -> None:
    critic, z = new_critic(), latents(400)
    p = critic.logits(z).softmax(dim=1)
    draw = torch.multinomial(p, 1, generator=torch.Generator().manual_seed(2)).squeeze(1).numpy()
    want = Want(at_least=0.5)
    told = calibration(
        critic.odds(critic.every(z), want).yes.sigmoid().numpy(), want.met(np.append(VALUES, np.nan)[draw])
    )
    met = np.append(VALUES, np.nan)[draw] >= 0.5
    assert told["rate"] == pytest.approx(met.mean(), abs=1e-5)
    assert told["probability"] == pytest.approx(told["rate"], abs=0.1)
    assert told["ece"] < 0.2
    wrong = calibration(critic.odds(critic.every(z), want).yes.sigmoid().numpy(), want.met(np.zeros(400)))
    assert wrong["ece"] == pytest.approx(wrong["probability"], abs=1e-5)
    assert wrong["auc"] is None
