"""Charts of measured values: what is inside them, and where the wanted interval is marked."""

from __future__ import annotations

import numpy as np
import pytest

from lc_core.runs.charts import HEIGHT, WIDTH, charts
from lc_core.sampling.histogram import Distribution, Histogram


def distribution(before, after):
    found = Distribution(Histogram(), Histogram())
    found.before.add(np.array(before, dtype=float))
    found.after.add(np.array(after, dtype=float))
    return found


def chart(before, after, wanted):
    (found,) = charts([{"label": "a", "unit": "", "wanted": wanted}], {"a": distribution(before, after)})
    return found


NORMAL = np.random.default_rng(0).normal(size=5_000)


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        (NORMAL, {"at_least": 1}),
        (NORMAL * 1e-9, {"at_most": 0}),
        (NORMAL.round(1) * 1e7, {"target": 1e7, "tolerance": 0}),
        ([5, 5, 5], {"at_least": 3}),
        ([0, 0], {"at_least": 1e6}),
        ([1e300, -1e300], {"between": [0, 1]}),
        ([*NORMAL, 1e12], {"at_least": 0}),
    ],
)
def test_bars_stay_inside_and_hold_all_that_is_not_said_to_be_outside(before, wanted):
    found = chart(before, before[:7], wanted)
    for row in (found["before"], found["after"]):
        assert row["bars"] and max(bar["height"] for bar in row["bars"]) == HEIGHT
        assert all(-1 <= bar["x"] and bar["x"] + bar["width"] <= WIDTH + 1 for bar in row["bars"])
        assert 0 <= row["outside"] < 0.5
    assert found["before"]["total"] == len(before) and found["before"]["outside"] <= 0.002
    assert found["low"] <= found["high"]
    band = found["band"]
    assert band is None or (0 <= band["x"] and band["x"] + band["width"] <= WIDTH + 2)


def test_the_wanted_interval_covers_the_bars_of_what_meets_it_and_no_other():
    found = chart([0, 0.25, 0.5, 0.75, 1.0], [0.75, 1.0], {"between": [0.5, 0.75]})
    band = found["band"]
    inside = [
        band["x"] <= bar["x"] and bar["x"] + bar["width"] <= band["x"] + band["width"]
        for bar in found["before"]["bars"]
    ]
    assert inside == [False, False, True, True, False]
    assert len(found["after"]["bars"]) == 2 and (found["low"], found["high"]) == (0, 1)


def test_what_is_wanted_far_from_all_values_is_not_marked_and_what_is_near_is_in_the_chart():
    assert chart(NORMAL, NORMAL[:0], {"at_least": 1e6})["band"] is None
    near = chart(NORMAL, NORMAL[:0], {"at_least": 5})
    assert near["high"] >= 5 and near["band"] is not None and near["after"]["bars"] == []


def test_constraints_in_groups_have_charts_and_those_in_not_are_marked_as_unwanted():
    leaf = {"label": "a", "unit": "", "wanted": {"at_least": 0}}
    other = leaf | {"label": "undefined"}
    tree = [{"label": "g", "use": "any", "entries": [{"label": "n", "use": "not", "entries": [leaf, other]}]}]
    given = {"a": distribution(NORMAL, NORMAL), "undefined": distribution([np.nan], [])}
    (found,) = charts(tree, given)
    assert (found["label"], found["inside"], found["unwanted"]) == ("a", "any of, not", True)
