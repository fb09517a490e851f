"""Histograms that are counted piece by piece, and sets of digests, against what is counted at once."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lc_core.sampling.digests import Digests
from lc_core.sampling.histogram import BINS, Histogram

VALUES = st.lists(
    st.one_of(st.floats(allow_infinity=False, width=32), st.integers(-20, 20).map(float), st.just(0.0)), max_size=60
)


def counted(*pieces):
    found = Histogram()
    for piece in pieces:
        found.add(np.array(piece, dtype=float))
    return found


@settings(max_examples=40, deadline=None)
@given(VALUES, st.randoms(), st.integers(0, 60))
def test_a_histogram_is_the_same_in_whatever_order_and_pieces_values_come(values, chance, cut):
    mixed = chance.sample(values, len(values))
    one, other = counted(values), counted(mixed[:cut], mixed[cut:])
    assert (one.width, one.first, one.counts.tolist()) == (other.width, other.first, other.counts.tolist())
    assert one.total == sum(not math.isnan(value) for value in values) and len(one.counts) <= BINS


@settings(max_examples=40, deadline=None)
@given(VALUES, st.integers(0, 12))
def test_every_value_is_in_the_bin_that_holds_it_at_any_width(values, power):
    found = counted(values)
    if not found.total:
        return
    width = math.ldexp(found.width, power)
    bins, counts = found.at(width)
    expected = [math.floor(value / width) for value in values if not math.isnan(value)]
    assert dict(zip(bins.tolist(), counts.tolist(), strict=True)) == {one: expected.count(one) for one in expected}


@pytest.mark.parametrize("values", [np.arange(13.0), np.linspace(0, 1, 33), np.array([1e300, -1e300, 5e-324])])
def test_a_few_values_are_told_apart(values):
    assert len(counted(values).at(counted(values).width)[0]) >= min(len(values), 2)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 30), max_size=12), max_size=20))
def test_digests_tell_which_outputs_are_new_as_a_set_does(pieces):
    found, seen = Digests(), set()
    for piece in pieces:
        fresh = found.add(np.array(piece, dtype=np.int64).reshape(-1, 1))
        expected = []
        for one in piece:
            expected.append(one not in seen)
            seen.add(one)
        assert fresh.tolist() == expected
    assert len(found) == len(seen)
