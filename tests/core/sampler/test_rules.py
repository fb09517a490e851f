"""Bins of values, and which of them a want asks for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lc_core import Measurement, SettingsCode, Want, measurement
from lc_core.errors import LCError
from lc_core.sampler import Rule
from lc_core.sampler.rules import BINS, bins_of
from tests.core.sampler.conftest import total, value


def rule_of(values: np.ndarray) -> Rule:
    edges, quantiles = bins_of(values)
    return replace(Rule.of(Measurement(total), fixed=False), edges=edges, quantiles=quantiles)


def drawn(kind: str, rng: np.random.Generator) -> np.ndarray:
    """Return values of a kind, some of them undefined."""
    some = {
        "normal": lambda: rng.normal(size=5_000),
        "few": lambda: rng.choice([0.0, 0.5, 1.0], 5_000, p=[0.7, 0.2999, 0.0001]),
        "steps": lambda: rng.integers(0, 200, 5_000).astype(float),
        "mostly zero": lambda: rng.normal(size=5_000) * (rng.random(5_000) < 0.1),
    }[kind]()
    return np.where(rng.random(5_000) < 0.05, np.nan, some)


KINDS = ("normal", "few", "steps", "mostly zero")


@pytest.mark.parametrize("kind", KINDS)
def test_a_mask_weighs_the_quantiles_inside_and_its_negation_the_others(kind: str) -> None:
    rng = np.random.default_rng(1)
    rule = rule_of(drawn(kind, rng))
    bins = rule.bin_of(rule.quantiles)
    for _ in range(40):
        low, high = np.sort(rng.choice(rule.quantiles, 2))
        want = Want(between=(float(low), float(high)))
        inside = want.met(rule.quantiles)
        mask, negated = rule.mask(want), rule.mask(want, holds=False)
        for one in np.unique(bins):
            assert mask[one] == pytest.approx(inside[bins == one].mean(), abs=1e-6)
            assert negated[one] == pytest.approx(1 - mask[one], abs=1e-6)
        assert mask[BINS] == negated[BINS] == 0, "what is undefined neither meets a want nor misses it"


@pytest.mark.parametrize("kind", KINDS)
def test_values_of_one_bin_are_neighbours_and_undefined_ones_have_their_own(kind: str) -> None:
    values = drawn(kind, np.random.default_rng(2))
    rule = rule_of(values)
    bins = rule.bin_of(values)
    assert ((bins == BINS) == np.isnan(values)).all()
    order = np.argsort(values[~np.isnan(values)])
    assert (np.diff(bins[~np.isnan(values)][order]) >= 0).all()
    assert len(np.unique(bins)) <= BINS + 1


def test_a_value_that_one_sample_in_ten_thousand_has_keeps_a_bin() -> None:
    rule = rule_of(np.r_[np.zeros(9_999), 1.0])
    assert rule.mask(Want(at_least=1.0))[:2].tolist() == [0, 1]


def test_bounds_that_no_sample_meets_ask_for_the_nearest_bin_and_their_negation_for_all() -> None:
    rule = rule_of(np.random.default_rng(0).normal(size=4_000))
    want = Want(at_least=50.0)
    assert np.flatnonzero(rule.mask(want)).tolist() == [BINS - 1]
    assert rule.mask(want, holds=False)[:BINS].tolist() == [1] * BINS


def test_a_rule_whose_values_are_all_undefined_has_a_mask() -> None:
    rule = rule_of(np.full(100, np.nan))
    assert rule.bin_of(np.array([np.nan])).tolist() == [BINS]
    assert rule.mask(Want(at_least=1.0)).sum() <= 1


def test_settings_are_told_by_their_types() -> None:
    rule = Rule.of(Measurement(value), fixed=False)
    assert rule.encode(Measurement(value, {"at": 2})).tolist() == [0, 0, 1, 0]
    assert rule.encode(Measurement(value)).tolist() == [1, 0, 0, 0], "a default counts as given"


def test_a_rule_knows_no_settings_that_its_code_does_not_tell() -> None:
    code = SettingsCode(1, lambda one: [one["at"]], lambda rng: {"at": 0}, lambda one: one["at"] < 2)

    @measurement(accepts="toy/1", unit="", range=(0, 1), code=code, at_least=1)
    def some(outputs: np.ndarray, *, at: int = 0) -> np.ndarray:
        return outputs[:, at]

    rule = Rule.of(Measurement(some), fixed=False)
    for one in (rule, replace(rule, function=None)):  # also as it is read from a folder
        assert [one.knows(Measurement(some, {"at": at})) for at in range(4)] == [True, True, False, False]
        assert one.knows(Measurement(some))


def test_a_rule_with_fixed_settings_knows_these_alone() -> None:
    rule = Rule.of(Measurement(value, {"at": 2}), fixed=True)
    assert rule.knows(Measurement(value, {"at": 2}))
    assert not rule.knows(Measurement(value, {"at": 1}))
    read = replace(rule, function=None, fixed={"at": 2})
    assert read.knows(Measurement(value, {"at": 2}))


@pytest.mark.parametrize(
    ("found", "told"),
    [([1.0], r"shape \(1,\); expected \(2,\)"), ([1.0, np.nan], "all finite"), (["a", "b"], "code of odd raised")],
)
def test_a_code_that_is_not_what_it_says_is_named(found: list[object], told: str) -> None:
    @measurement(accepts="toy/1", unit="", range=(0, 1), code=SettingsCode(2, lambda _: found, lambda _: {}))
    def odd(outputs: np.ndarray) -> np.ndarray:
        return outputs[:, 0]

    with pytest.raises(LCError, match=told):
        Rule.of(Measurement(odd), fixed=False).encode(Measurement(odd))
