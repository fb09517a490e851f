"""What a spec asks: alternatives of its groups, and which one a start is given."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from lc_core import Constraint, Group, Measurement
from lc_core.constraints.constraint import Entry, leaves
from lc_core.constraints.logic import verdict
from lc_core.sampler import Amortised, read_sampler
from lc_core.sampler.alternatives import alternatives, count_alternatives
from lc_core.sampler.asked import Asked
from tests.core.sampler.conftest import Gauss, total, value


def random_entry(rng: np.random.Generator, depth: int, numbers: itertools.count[int]) -> Entry:
    if depth == 0 or rng.random() < 0.3:
        low = float(rng.normal())
        return Constraint(Measurement(total), between=(low, low + 1.0), label=f"leaf {next(numbers)}")
    kind = ("all", "any", "not")[rng.integers(3)]
    parts = tuple(random_entry(rng, depth - 1, numbers) for _ in range(1 if kind == "not" else rng.integers(2, 4)))
    return Group(kind, parts, label=f"group {next(numbers)}")


@pytest.mark.parametrize("seed", range(12))
def test_an_output_meets_entries_where_it_meets_one_alternative_and_only_there(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = itertools.count()
    entries = [random_entry(rng, 3, numbers) for _ in range(rng.integers(1, 3))]
    found = alternatives(entries) if count_alternatives(entries) < 5_000 else []
    values = {leaf.label: rng.normal(size=300) for leaf in leaves(entries)}
    for some in values.values():
        some[rng.random(300) < 0.1] = np.nan
    expected = np.logical_and.reduce([verdict(entry, values).met for entry in entries])
    met = np.zeros(300, dtype=bool)
    for way in found:
        parts = [
            leaf.want.met(values[leaf.label]) if holds
            else ~leaf.want.met(values[leaf.label]) & ~np.isnan(values[leaf.label])
            for leaf, holds in way
        ]  # fmt: skip
        met |= np.logical_and.reduce(parts)
    assert len(found) == count_alternatives(entries)
    assert (met == expected).all()


@pytest.fixture(scope="module")
def asked(amortised: Amortised) -> Asked:
    """Three alternatives that are not equally likely."""
    model = Gauss()
    trained = read_sampler(amortised.folder, model, [Measurement(value), Measurement(total)])
    parts = tuple(
        Constraint(Measurement(value, {"at": at}), at_least=low, label=f"{at}")
        for at, low in enumerate((0.0, 1.0, 2.0))
    )
    return Asked.of(trained.rules, [Group("any", parts)], "cpu").weighed(model, trained.predictor)


def test_alternatives_are_as_likely_as_prior_samples_meet_them(asked: Asked) -> None:
    expected = np.array([0.5, 0.159, 0.023])
    assert asked.shares.sum() == pytest.approx(1)
    assert asked.shares == pytest.approx(expected / expected.sum(), abs=0.12)
    assert asked.shares[0] > asked.shares[1] > asked.shares[2]


def test_the_way_of_a_start_depends_on_the_start_alone(asked: Asked) -> None:
    z = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    order = torch.randperm(500, generator=torch.Generator().manual_seed(1))
    ways = asked.ways(z)
    assert (asked.ways(z[order]) == ways[order]).all()
    assert (asked.ways(z[7:8]) == ways[7]).all()


def test_ways_follow_their_shares(asked: Asked) -> None:
    z = torch.randn(20_000, 4, generator=torch.Generator().manual_seed(0))
    found = np.bincount(asked.ways(z).numpy(), minlength=3) / 20_000
    assert found == pytest.approx(asked.shares, abs=0.02)


def test_two_wants_of_one_column_are_one_want_of_what_meets_both(amortised: Amortised) -> None:
    trained = read_sampler(amortised.folder, Gauss(), [Measurement(value), Measurement(total)])
    low, high = (Constraint(Measurement(total), label=key, **{key: bound}) for key, bound in (("at_least", -1.0), ("at_most", 1.0)))  # fmt: skip # noqa: E501
    both = Constraint(Measurement(total), between=(-1.0, 1.0))
    two, one = (Asked.of(trained.rules, entries, "cpu") for entries in ([low, high], [both]))
    assert two.masks.shape == one.masks.shape == (1, 1, 33)
    assert torch.allclose(two.masks, one.masks, atol=1e-6)
