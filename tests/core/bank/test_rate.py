"""How many prior samples meet a spec: against counts by hand, and Wilson's published interval."""

from __future__ import annotations

import numpy as np
import pytest

from lc_core import Constraint, any_of, none_of
from lc_core.bank import Bank, rates
from lc_core.bank.rate import Rate

BLOCK = 500
COUNT = 8 * BLOCK


@pytest.fixture
def bank(line):
    return Bank(line.Line(), block=BLOCK)


@pytest.fixture
def outputs(bank):
    return np.concatenate([bank.outputs(number) for number in range(COUNT // BLOCK)])


def test_rates_are_shares_of_the_banks_first_samples(bank, outputs, line):
    entries = (
        Constraint(line.first, at_least=2),
        any_of(Constraint(line.mean, at_least=1), none_of(Constraint(line.spread, at_least=9)), label="either"),
        Constraint(line.first, at_most=9, label="low"),
        Constraint(line.first, at_least=5, label="high", require=False),
    )
    found = rates(bank, entries, COUNT)
    first = outputs[:, 0]
    met = {
        "first": first >= 2,
        "either": (outputs.mean(axis=1) >= 1) | (np.ptp(outputs, axis=1) < 9),
        "low": first <= 9,
        "high": first >= 5,
    }
    conditions = ("first", "either", "low")
    assert found.samples == COUNT
    assert found.entries == {label: Rate(int(one.sum()), COUNT) for label, one in met.items()}
    assert found.every == Rate(int(np.all([met[one] for one in conditions], axis=0).sum()), COUNT)
    assert found.but == {
        label: Rate(int(np.all([met[one] for one in conditions if one != label], axis=0).sum()), COUNT)
        for label in conditions
    }
    assert found.conflicts == ()
    others = met["either"] & met["low"]
    assert (found.spans["first"].low, found.spans["first"].high) == (first[others].min(), first[others].max())
    assert found.spans["first"].samples == others.sum()


def test_a_pair_that_excludes_each_other_is_named(bank, line):
    entries = (
        Constraint(line.first, at_least=3),
        Constraint(line.first, at_most=-3, label="low"),
        Constraint(line.spread, at_least=4),
    )
    found = rates(bank, entries, COUNT)
    assert [one.labels for one in found.conflicts] == [("first", "low")]
    assert found.every.met == 0
    (told,) = [text for text in found.lines() if "conflict" in text]
    assert told.startswith("first and low conflict: no sample meets both, where about ")


def test_what_is_rare_alone_is_called_no_conflict(bank, line):
    entries = (Constraint(line.first, at_least=15), Constraint(line.first, at_most=-15, label="low"))
    assert rates(bank, entries, COUNT).conflicts == ()


@pytest.mark.parametrize(
    ("met", "of", "low", "high"),
    [
        (0, 10, 0.0, 0.278),
        (1, 10, 0.018, 0.404),
        (5, 10, 0.237, 0.763),
        (10, 10, 0.722, 1.0),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_the_interval_is_wilsons(met, of, low, high):
    assert Rate(met, of).ends == pytest.approx((low, high), abs=6e-4)


def test_no_samples_have_no_rates(bank, line):
    assert rates(bank, (Constraint(line.first, at_least=3),), 0) is None
