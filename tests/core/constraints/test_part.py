"""A setting by which a measurement sees a part of each output only."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pytest

from lc_core import Constraint, LCError, Measurement, Needs, Part, measurement
from lc_core.constraints.digest import measurement_digest
from lc_core.constraints.measurement import measure_all
from lc_core.constraints.settings_code import code_of
from lc_core.plugins.registry import Registered
from lc_core.sampler import Rule
from lc_core.sampler.rules import Rules
from lc_core.testing import check_constraint


def one_half(outputs: Any, half: int) -> Any:
    if outputs.shape[1] < 2:
        raise LCError("an output of one value has no halves")
    return outputs[:, : outputs.shape[1] // 2] if half == 1 else outputs[:, outputs.shape[1] // 2 :]


HALF = Part("half", Literal[1, 2], one_half, "1 or 2, the half that is measured.")


def _together(outputs: np.ndarray, settings: Sequence[Mapping[str, Any]]) -> np.ndarray:
    assert all(set(one) == {"scale"} for one in settings)
    return np.stack([outputs.mean(axis=1) * one["scale"] for one in settings], axis=1)


class _Needs(Needs):
    def __init__(self, *, scale: int) -> None:
        self.digest = str(scale)


@measurement(accepts="toy/1", unit="units", range=(-99, 99), at_least=0.0, part=HALF, together=_together, needs=_Needs)
def mean(outputs: np.ndarray, *, scale: Literal[1, 2] = 1) -> np.ndarray:
    """Return the mean, times `scale`."""
    found: np.ndarray = outputs.mean(axis=1) * scale
    return found


@measurement(accepts="toy/1", unit="units", range=(-99, 99), at_least=0.0, part=HALF, per_sample=True)
def first(output: np.ndarray) -> float:
    """Return the first value."""
    return float(output[0])


OUTPUTS = np.arange(12.0).reshape(3, 4)
COMPONENT = Registered("constraint", "toy.mean", "toy", "1", mean)


def test_a_function_is_given_the_part_as_if_it_were_the_output() -> None:
    assert Measurement(mean, {"half": 2, "scale": 2})(OUTPUTS).tolist() == [5.0, 13.0, 21.0]
    assert Measurement(mean)(OUTPUTS).tolist() == [1.5, 5.5, 9.5]
    assert Measurement(first, {"half": 2})(OUTPUTS).tolist() == [2.0, 6.0, 10.0]
    assert inspect.signature(mean).parameters.keys() == {"outputs", "scale"}


def test_settings_hold_it_only_where_it_is_given() -> None:
    assert COMPONENT.fill({}) == {"scale": 1}
    assert COMPONENT.fill({"half": 2}) == {"half": 2, "scale": 1}
    assert COMPONENT.setting_names() == ["scale", "half"]
    assert Measurement(mean, {"half": None}).settings() == {"scale": 1}
    assert Measurement(mean, {"half": 1}).settings() == {"scale": 1, "half": 1}
    with pytest.raises(LCError, match="half"):
        COMPONENT.fill({"half": 3})


def test_a_name_that_is_a_setting_already_is_refused() -> None:
    @measurement(accepts="toy/1", unit="", range=(0, 1), part=HALF, at_least=1)
    def twice(outputs: np.ndarray, *, half: int = 1) -> np.ndarray:
        return outputs

    with pytest.raises(LCError, match="setting 'half' is one of the function and one of its part"):
        Registered("constraint", "toy.twice", "toy", "1", twice).parameters()


def test_settings_of_two_parts_are_measured_together_each_on_its_own() -> None:
    some = [Measurement(mean, {"scale": scale} | part) for scale in (1, 2) for part in ({}, {"half": 1}, {"half": 2})]
    for one, values in zip(some, measure_all(some, OUTPUTS), strict=True):
        assert values.tolist() == one(OUTPUTS).tolist()


def test_what_it_needs_is_asked_without_the_part() -> None:
    needs = Measurement(mean, {"half": 1, "scale": 2}).needs()
    assert needs is not None and needs.digest == "2"


def test_a_part_that_outputs_do_not_have_is_no_fault_of_the_plugin() -> None:
    with pytest.raises(LCError, match="an output of one value has no halves"):
        Measurement(mean, {"half": 1})(OUTPUTS[:, :1])


def test_fits_of_parts_are_kept_apart() -> None:
    digests = {measurement_digest(Measurement(mean, params)) for params in ({}, {"half": 1}, {"half": 2})}
    assert len(digests) == 3 and None not in digests


def test_it_keeps_the_contract_of_constraints() -> None:
    check_constraint(mean, OUTPUTS.repeat(4, axis=0))
    check_constraint(mean, OUTPUTS.repeat(4, axis=0), params={"half": 2})


def test_a_sampler_knows_whole_outputs_or_the_part_that_it_was_trained_for() -> None:
    def constraint(**params: Any) -> Constraint:
        return Constraint(Measurement(first, params, "toy.first"))

    code = code_of(first)
    assert code is not None and code.size == 0
    whole = Rules((Rule.of(Measurement(first, {}, "toy.first"), fixed=False),))
    assert whole.knows(constraint())
    assert not whole.knows(constraint(half=1))
    part = Rules((Rule.of(Measurement(first, {"half": 1}, "toy.first"), fixed=True),))
    assert [part.knows(constraint(**params)) for params in ({}, {"half": 1}, {"half": 2})] == [False, True, False]
    (rule,) = part.rules
    assert rule.measurement({})(OUTPUTS).tolist() == [0.0, 4.0, 8.0]
