"""Intervals of a share that was counted."""

from __future__ import annotations

import numpy as np
import pytest

from lc_core.evaluation.intervals import wilson


def test_a_published_example():
    assert wilson(81, 263) == pytest.approx((0.255288, 0.366200), abs=1e-5)  # Newcombe 1998, table I


@pytest.mark.parametrize("of", [1, 10, 1_000])
def test_it_stays_between_0_and_1_and_holds_the_share(of):
    for hits in {0, 1, of // 2, of}:
        low, high = wilson(hits, of)
        assert 0 <= low <= hits / of <= high <= 1


def test_it_holds_the_true_share_in_about_95_of_100_cases():
    hits = np.random.default_rng(0).binomial(200, 0.03, size=2_000)
    inside = [low <= 0.03 <= high for low, high in (wilson(int(one), 200) for one in hits)]
    assert 0.93 < np.mean(inside) < 0.98


@pytest.mark.parametrize(("hits", "of"), [(0, 0), (3, 2), (-1, 2)])
def test_what_is_no_share_is_refused(hits, of):
    with pytest.raises(ValueError, match="found"):
        wilson(hits, of)
