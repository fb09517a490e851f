"""Wants, verdicts and measurements: bounds, three-valued logic, and faults of plugins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lc_core.constraints.constraint import Constraint, Entry, Group, all_of, any_of, leaves, none_of
from lc_core.constraints.declare import measurement
from lc_core.constraints.logic import verdict
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import SLACK, Want
from lc_core.errors import LCError, PluginFault

# What is wanted


@pytest.mark.parametrize(
    ("want", "inside", "outside"),
    [
        (Want(at_least=0.5), [0.5, 0.5 - SLACK / 2, 7.0, math.inf], [0.5 - 3 * SLACK, -1.0]),
        (Want(at_most=0.5), [0.5, 0.5 + SLACK / 2, -7.0], [0.5 + 3 * SLACK, 1.0]),
        (Want(between=(1, 2)), [1.0, 2.0, 1.5, 2 + SLACK / 2], [1 - 3 * SLACK, 2 + 3 * SLACK]),
        (Want(target=40, tolerance=5), [35.0, 45.0, 40.0], [34.99, 45.01]),
        (Want(target=3, tolerance=0), [3.0, 3 + SLACK / 2], [3 + 3 * SLACK, 3 - 3 * SLACK]),
    ],
    ids=str,
)
def test_bounds_are_inclusive_with_slack_for_rounding(want: Want, inside: list[float], outside: list[float]) -> None:
    assert want.met(np.array(inside)).all()
    assert not want.met(np.array(outside)).any()


def test_no_want_is_met_by_an_undefined_value() -> None:
    for want in (Want(at_least=-1e9), Want(at_most=1e9), Want(between=(-1e9, 1e9)), Want(target=0, tolerance=1e9)):
        assert not want.met(np.array([np.nan])).any()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "found none"),
        ({"at_least": 1, "at_most": 2}, "found at_least and at_most"),
        ({"target": 1}, "belong together"),
        ({"at_least": 1, "tolerance": 1}, "belong together"),
        ({"at_least": math.nan}, "finite"),
        ({"at_most": math.inf}, "finite"),
        ({"between": (2, 1)}, "low <= high"),
        ({"between": (1, 2, 3)}, "low, high"),
        ({"target": 1, "tolerance": -1}, "0 or more"),
    ],
)
def test_a_want_that_makes_no_sense_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(LCError, match=message):
        Want(**given)


def test_between_may_be_given_as_a_list() -> None:
    assert Want(between=[12, 24]) == Want(between=(12, 24))  # type: ignore[arg-type]
    assert hash(Want(between=[12, 24])) == hash(Want(between=(12, 24)))  # type: ignore[arg-type]
    assert Want(between=(12, 24)).as_dict() == {"between": [12, 24]}


# Constraints and groups


def mean(outputs: np.ndarray) -> np.ndarray:
    """Return the mean."""
    return outputs.mean(axis=1)


def test_a_constraint_takes_the_default_want_of_its_measurement() -> None:
    declared = measurement(accepts="*", unit="x", range=(0, 1), at_least=0.5)(lambda outputs: outputs)
    assert Constraint(declared).want == Want(at_least=0.5)
    assert Constraint(declared, at_most=0.1).want == Want(at_most=0.1)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Constraint(mean), "mean has no default want"),
        (lambda: Constraint(mean, at_least=1, want=Want(at_most=1)), "takes one of"),
        (lambda: Constraint(mean, at_leest=1), "at_leest"),
        (lambda: Constraint(mean, at_least=1, weight=-1), "weight of mean"),
        (lambda: Constraint(mean, at_least=1, weight=math.nan), "nan"),
        (lambda: any_of(), "at least one"),
        (lambda: Group("not", (Constraint(mean, at_least=1),) * 2), "takes one constraint; found 2"),
        (lambda: Group("nor", (Constraint(mean, at_least=1),)), "'nor'"),
    ],
)
def test_a_constraint_or_group_that_makes_no_sense_is_refused(build: Any, message: str) -> None:
    with pytest.raises(LCError, match=message):
        build()


def leaf(label: str) -> Constraint:
    return Constraint(mean, at_least=0.5, label=label)


def test_leaves_come_in_the_order_that_they_are_written() -> None:
    tree = [leaf("a"), any_of(leaf("b"), none_of(leaf("c"), leaf("d"))), leaf("e")]
    assert [one.label for one in leaves(tree)] == ["a", "b", "c", "d", "e"]


LABELS = ["a", "b", "c", "d"]
TREES = st.recursive(
    st.sampled_from(LABELS).map(leaf),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: all_of(*parts)),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: any_of(*parts)),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: none_of(*parts)),
    ),
    max_leaves=8,
)
ROWS = st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, math.nan])] * len(LABELS)), min_size=1, max_size=6)


def truth(entry: Entry, row: dict[str, float]) -> bool | None:
    """Kleene's three-valued logic, with None for what is not known."""
    if isinstance(entry, Constraint):
        return None if math.isnan(row[entry.label]) else row[entry.label] >= 0.5
    parts = [truth(child, row) for child in entry.entries]
    if entry.kind == "not":
        return None if parts[0] is None else not parts[0]
    decisive = entry.kind == "any"
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


@given(tree=TREES, rows=ROWS)
def test_verdicts_follow_three_valued_logic(tree: Entry, rows: list[tuple[float, ...]]) -> None:
    values = {label: np.array([row[at] for row in rows]) for at, label in enumerate(LABELS)}
    judged = verdict(tree, values)
    expected = [truth(tree, dict(zip(LABELS, row, strict=True))) for row in rows]
    assert judged.met.tolist() == [one is True for one in expected]
    assert judged.unmet.tolist() == [one is False for one in expected]


def test_neither_a_rule_nor_its_not_is_met_where_it_is_undefined() -> None:
    values = {"a": np.array([np.nan])}
    assert not verdict(leaf("a"), values).met[0]
    assert not verdict(none_of(leaf("a")), values).met[0]


# Faults of plugins

OUTPUTS = np.arange(12.0).reshape(4, 3)


def measured(function: Any, *, undefined: str | None = None, per_sample: bool = False) -> Measurement:
    declare = measurement(accepts="*", unit="x", range=(0, 1), undefined=undefined, per_sample=per_sample)
    return Measurement(declare(function), name="lab.rule", source="lc-lab")


def test_a_measurement_gives_one_float64_per_output() -> None:
    values = measured(lambda outputs: (outputs.sum(axis=1) > 5).astype(int))(OUTPUTS)
    assert values.dtype == np.float64
    assert values.tolist() == [0.0, 1.0, 1.0, 1.0]
    assert measured(lambda one: one.sum(), per_sample=True)(OUTPUTS).tolist() == [3.0, 12.0, 21.0, 30.0]
    assert measured(mean)(OUTPUTS[:0]).shape == (0,)


def raise_on_the_third(outputs: np.ndarray) -> np.ndarray:
    if (outputs == 6).any():
        raise ValueError("six")
    return outputs.sum(axis=1)


def raise_on_many(outputs: np.ndarray) -> np.ndarray:
    if len(outputs) > 1:
        raise ValueError("many")
    return outputs.sum(axis=1)


def change(outputs: np.ndarray) -> np.ndarray:
    outputs[2] += 1
    return outputs.sum(axis=1)


FAULTS = [
    (raise_on_the_third, {}, ["raised ValueError: six", "output 102 was"]),
    (lambda one: raise_on_the_third(one[None])[0], {"per_sample": True}, ["raised ValueError: six", "output 102 was"]),
    (raise_on_many, {}, ["raised ValueError: many", "outputs 100 to 103 were"]),
    (lambda outputs: outputs, {}, ["shape (4, 3)", "outputs 100 to 103", "expected (4,)"]),
    (lambda outputs: outputs.mean(), {}, ["shape ()", "expected (4,)"]),
    (lambda outputs: "high", {}, ["str", "not one number per output"]),
    (lambda outputs: np.array([1, 2, np.nan, 4]), {}, ["nan for output 102", "undefined="]),
    (lambda outputs: np.array([1, -np.inf, 3, 4]), {}, ["-inf for output 101"]),
    (lambda outputs: np.array([1, np.nan, 3, np.inf]), {"undefined": "no notes"}, ["inf for output 103"]),
    (change, {}, ["changed its input (output 102)"]),
]


@pytest.mark.parametrize(("function", "about", "found"), FAULTS)
def test_a_fault_names_the_plugin_and_the_output(function: Any, about: dict[str, Any], found: list[str]) -> None:
    with pytest.raises(PluginFault) as caught:
        measured(function, **about)(OUTPUTS, first_index=100)
    text = str(caught.value)
    assert all(part in text for part in ["lab.rule", "lc-lab", *found])


def test_a_fault_leaves_the_callers_outputs_as_they_were() -> None:
    outputs = OUTPUTS.copy()
    with pytest.raises(PluginFault):
        measured(change)(outputs)
    assert np.array_equal(outputs, OUTPUTS)


def test_a_change_beside_an_output_that_holds_nan_is_told_of_the_right_output() -> None:
    outputs = OUTPUTS.copy()
    outputs[0, 0] = np.nan
    with pytest.raises(PluginFault, match=r"output 2\)"):
        measured(change)(outputs)


def test_nan_is_allowed_where_it_is_declared() -> None:
    values = measured(lambda outputs: np.array([1, np.nan, 3, 4]), undefined="no notes")(OUTPUTS)
    assert np.isnan(values).tolist() == [False, True, False, False]


def test_a_plugins_own_error_about_its_settings_is_passed_on() -> None:
    def rule(outputs: np.ndarray) -> np.ndarray:
        raise LCError("a scale needs a pitch class")

    with pytest.raises(LCError, match="a scale needs a pitch class"):
        measured(rule)(OUTPUTS)


def test_a_declaration_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(TypeError, match="at_leest"):
        measurement(accepts="*", unit="x", range=(0, 1), at_leest=1)
