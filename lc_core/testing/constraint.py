"""Checks of a constraint: a function declared with `@measurement`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lc_core.constraints.declare import MeasurementInfo
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import SLACK
from lc_core.plugins.registry import Registry
from lc_core.testing.base import BoundCheck, check_settings, differing_row, untold_setting
from lc_core.testing.gradients import form_fault
from lc_core.testing.isolation import import_fault, worker_fault
from lc_core.testing.outputs import given_or_sampled

__all__ = ["CONSTRAINT_CHECKS", "check_constraint", "constraint_checks"]

DIRECTION = re.compile(
    r"\b(high|low|more|less|few|many|much|most|least|larg|small|great|long|short|wid|narrow|far|near|busy|rare|even|"
    r"share|number|count|distance|probab|how|pitch|0 to 1|1 if)",
    re.IGNORECASE,
)
"""Words of a docstring that tell which way a value goes."""


@dataclass
class Case:
    """A constraint under check."""

    function: Callable[..., Any]
    params: Mapping[str, Any]
    given: Any
    registry: Registry | None

    @property
    def info(self) -> MeasurementInfo:
        return Measurement(self.function).info

    @cached_property
    def measure(self) -> Measurement:
        return Measurement(self.function, check_settings("constraint", self.function, self.params))

    @cached_property
    def outputs(self) -> np.ndarray:
        return given_or_sampled(self.given, self.info.accepts, least=4, count=64, registry=self.registry)

    @cached_property
    def values(self) -> np.ndarray:
        return self.measure.measure_here(self.outputs)


def declared(case: Case) -> str | None:
    """It is declared with `@measurement`: what it accepts, a unit, a range, and a want that lies in it."""
    if not isinstance(getattr(case.function, "__lc_measurement__", None), MeasurementInfo):
        return "it is not declared; put @measurement(accepts=..., unit=..., range=...) above it"
    info = case.info
    if not info.accepts or any(not isinstance(one, str) or not one.strip() for one in info.accepts):
        return f"accepts is {info.accepts!r}; expected output types such as 'melody.tokens/1', or '*'"
    if not info.unit.strip():
        return "the unit is empty; expected a word such as 'share', 'semitones' or 'notes'"
    low, high = info.range
    if not low < high:
        return f"the range is {info.range}; expected (low, high) with low < high"
    if info.want is not None and (info.want.low > high + SLACK or info.want.high < low - SLACK):
        return f"its default want, {info.want}, lies outside its range {info.range}"
    if info.undefined is not None and not info.undefined.strip():
        return "undefined is empty; expected where the value does not exist, in words"
    return None


def documented(case: Case) -> str | None:
    """Its docstring begins with a line that says what it measures."""
    return None if (inspect.getdoc(case.function) or "").partition("\n")[0].strip() else "it has no docstring"


def settings_documented(case: Case) -> str | None:
    """Its docstring names every setting."""
    return untold_setting(case.function, list(inspect.signature(case.function).parameters)[1:])


def direction(case: Case) -> str | None:
    """A default want or its docstring tells which way is more, and its range is no wider than its unit allows."""
    info = case.info
    if info.want is None and not DIRECTION.search(inspect.getdoc(case.function) or ""):
        return "nothing says which way is more: say what a higher value means, or declare a want, such as at_least=0.5"
    if info.unit in ("share", "probability") and not (info.range[0] >= 0 and info.range[1] <= 1):
        return f"the unit is {info.unit!r}, but the range is {info.range}; expected (0, 1)"
    return None


def settings(case: Case) -> str | None:
    """Its settings have types, and come back the same from a spec."""
    if not inspect.signature(case.function).parameters:
        return "it takes no parameter; expected the outputs first, then its settings"
    check_settings("constraint", case.function, case.params)
    return None


def sample_outputs(case: Case) -> str | None:
    """There are outputs to check it on: given, or decoded by an installed model that it accepts."""
    return None if len(case.outputs) else "there are no outputs"


def input_unchanged(case: Case) -> str | None:
    """It leaves the outputs that it is given as they are."""
    given = case.outputs.copy()
    seen, params = case.measure.seen(given), case.measure.own_params
    if case.info.per_sample:
        for one in seen:
            case.function(one, **params)
    else:
        case.function(seen, **params)
    row = differing_row(given, case.outputs, exact=True)
    return None if row is None else f"it changed output {row}"


def values(case: Case) -> str | None:
    """It returns one finite number per output, NaN only where that is declared."""
    return None if case.values.dtype == np.float64 else f"values are {case.values.dtype}"


def within_range(case: Case) -> str | None:
    """Every value lies in the declared range."""
    low, high = case.info.range
    outside = np.flatnonzero((case.values < low - SLACK) | (case.values > high + SLACK))
    if not len(outside):
        return None
    return f"output {outside[0]} has the value {case.values[outside[0]]:g}, outside the range {case.info.range}"


def deterministic(case: Case) -> str | None:
    """The same outputs have the same values again."""
    again = case.measure.measure_here(case.outputs)
    row = differing_row(case.values, again, exact=True)
    return None if row is None else f"output {row} was {case.values[row]!r}, then {again[row]!r}"


def batch_split(case: Case) -> str | None:
    """An output has the same value whatever else is in the batch: alone, and in batches of any size."""
    cuts = [0, 1, 2, 2 + (len(case.outputs) - 2) // 3, len(case.outputs)]
    parts = [case.measure.measure_here(case.outputs[a:b]) for a, b in zip(cuts, cuts[1:], strict=False)]
    return _differs(case.values, np.concatenate(parts), "in smaller batches")


def permutation(case: Case) -> str | None:
    """Outputs in another order have their values in that order."""
    order = np.random.default_rng(0).permutation(len(case.outputs))
    return _differs(case.values[order], case.measure.measure_here(case.outputs[order]), "in another order")


def together_agrees(case: Case) -> str | None:
    """What it declares as `together` returns the function's own values."""
    if case.info.together is None:
        return None
    columns = case.measure.measure_together([case.measure, case.measure], case.outputs)
    return next(filter(None, (_differs(case.values, column, "by `together`") for column in columns.T)), None)


def differentiable(case: Case) -> str | None:
    """Its differentiable form, if it declares one, returns its values and the gradient of finite differences."""
    return form_fault(case.measure, case.outputs, case.values) if case.info.differentiable else None


def empty_batch(case: Case) -> str | None:
    """A batch of no outputs has no values."""
    case.measure.measure_here(case.outputs[:0])
    return None


def picklable(case: Case) -> str | None:
    """It can be sent to a worker process, and returns the same values there."""
    return worker_fault(case.measure, case.outputs[:4], case.values[:4])


def import_cost(case: Case) -> str | None:
    """Importing its module imports no torch or other heavy library, and takes no longer than a second."""
    return import_fault(getattr(case.function, "__module__", None) or type(case.function).__module__)


def global_random_state(case: Case) -> str | None:
    """It leaves the global random states of Python, numpy and torch alone (watched in every check)."""
    case.measure.measure_here(case.outputs)
    return None


def _differs(expected: np.ndarray, found: np.ndarray, where: str) -> str | None:
    row = differing_row(expected, found)
    return None if row is None else f"row {row} has the value {found[row]:g} {where}; expected {expected[row]:g}"


CONSTRAINT_CHECKS = (
    declared,
    documented,
    direction,
    settings,
    settings_documented,
    sample_outputs,
    input_unchanged,
    values,
    within_range,
    deterministic,
    batch_split,
    permutation,
    together_agrees,
    differentiable,
    empty_batch,
    picklable,
    import_cost,
    global_random_state,
)


def check_constraint(
    constraint: Callable[..., Any] | Measurement,
    outputs: Any = None,
    params: Mapping[str, Any] | None = None,
    *,
    registry: Registry | None = None,
) -> None:
    """Check that a constraint does what every engine and report relies on.

    Args:
        constraint: A function declared with `@measurement`, or a `Measurement`.
        outputs: At least 4 outputs, first dimension B; default 64 decoded prior samples of an installed model.
        params: Settings; those without a default must be here.
        registry: What is installed, for the default outputs; built if not given.

    Raises:
        CheckFailed: At the first of `CONSTRAINT_CHECKS` that fails.
    """
    for check in constraint_checks(constraint, outputs, params, registry=registry):
        check()


def constraint_checks(
    constraint: Callable[..., Any] | Measurement,
    outputs: Any = None,
    params: Mapping[str, Any] | None = None,
    *,
    registry: Registry | None = None,
    name: str = "",
) -> list[BoundCheck]:
    """Return what `check_constraint` runs, one by one; `name` is the component's in ids and errors."""
    if isinstance(constraint, Measurement):
        own_name, function, own = constraint.name, constraint.function, dict(constraint.params)
    else:
        own_name, function, own = getattr(constraint, "__name__", type(constraint).__name__), constraint, {}
    case = Case(function, own | dict(params or {}), outputs, registry)
    return [BoundCheck(check, case, f"constraint {name or own_name}") for check in CONSTRAINT_CHECKS]
