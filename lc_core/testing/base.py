"""What all checks share: how they run, how they fail, and the watch on global random state."""

from __future__ import annotations

import inspect
import random
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from lc_core.errors import LCError
from lc_core.plugins.registry import Registered

__all__ = [
    "BoundCheck",
    "CheckFailed",
    "check_settings",
    "describe_checks",
    "differing_row",
    "run_checks",
    "untold_setting",
]

C = TypeVar("C")
Check = Callable[[C], "str | None"]


class CheckFailed(LCError, AssertionError):
    """A component does not do what its kind has to do.

    Args:
        check: Name of the check, as in `lc_core.testing.CHECKS`.
        component: What was checked.
        found: What was found, and what was expected.

    Attributes:
        check: As given.
        component: As given.
        found: As given.
    """

    def __init__(self, *, check: str, component: str, found: str) -> None:
        super().__init__(f"{component} fails the check {check!r}: {found}")
        self.check, self.component, self.found = check, component, found


@dataclass(frozen=True)
class BoundCheck:
    """One check of one component, to be called. As text it is an id for a test: `no_repeats-batch_split`.

    Args:
        check: The check.
        case: What it looks at; shared by all checks of a component.
        component: Its kind and name, for errors.
    """

    check: Check[Any]
    case: Any
    component: str

    def __call__(self) -> None:
        """Run it.

        Raises:
            CheckFailed: If it finds something.
        """
        run_checks([self.check], self.case, component=self.component)

    def __str__(self) -> str:
        return f"{self.component.partition(' ')[2]}-{self.check.__name__}"


def describe_checks(checks: Sequence[Check[Any]]) -> dict[str, str]:
    """Return the name of each check with the first line of its docstring."""
    return {check.__name__: (inspect.getdoc(check) or "").partition("\n")[0] for check in checks}


def run_checks(checks: Sequence[Check[C]], case: C, *, component: str) -> None:
    """Run checks in order; each returns what it found wrong, or None.

    Args:
        checks: The checks. During each of them the global random states are watched.
        case: What they look at.
        component: Its name in errors.

    Raises:
        CheckFailed: At the first check that finds something, or that the component lets raise.
    """
    for check in checks:
        state = _random_state()
        try:
            found = check(case)
        except CheckFailed:
            raise
        except (Exception, SystemExit) as error:
            found = error.message if isinstance(error, LCError) else f"{type(error).__name__}: {error}"
            raise CheckFailed(check=check.__name__, component=component, found=found) from error
        if found is not None:
            raise CheckFailed(check=check.__name__, component=component, found=found)
        after = _random_state()
        used = [name for name, before in state.items() if before != after[name]]
        if used:
            found = f"the global random state of {', '.join(used)} was used; draw from a generator of your own"
            raise CheckFailed(check="global_random_state", component=component, found=found)


def _random_state() -> dict[str, bytes]:
    """Return the state of each library's global generator; that of torch only once torch is imported."""
    state = {"random": repr(random.getstate()).encode(), "numpy": repr(np.random.get_state(legacy=False)).encode()}
    if "torch" in sys.modules:
        import torch

        state["torch"] = torch.get_rng_state().numpy().tobytes()
    return state


def check_settings(kind: str, target: Callable[..., Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Read a component's settings from its signature, fill in the defaults, and check that they survive JSON.

    Returns:
        The settings with their defaults.

    Raises:
        LCError: If a setting has no type or no value, or does not come back as it was.
    """
    name = getattr(target, "__name__", type(target).__name__)
    component = Registered(kind, name, "this test", "0", target)
    model = component.parameters()
    for setting, about in model.model_fields.items():
        if about.annotation is Any:
            raise LCError(f"setting {setting!r} has no type; annotate it, so that a spec's value can be checked")
    model.model_json_schema()
    required = [setting for setting, about in model.model_fields.items() if about.is_required()]
    missing = [setting for setting in required if setting not in params]
    if missing:
        raise LCError(f"setting {missing[0]!r} has no default; give the check a value for it: params={{...}}")
    settings = component.fill(params)
    text = model.model_construct(**settings).model_dump_json(warnings=False)
    try:
        again = model.model_validate_json(text)
    except ValueError as error:
        raise LCError(f"settings {text} do not pass their own check: {error}") from error
    for setting, value in settings.items():
        back = getattr(again, setting)
        if back != value:
            raise LCError(f"setting {setting!r} is {value!r}, but {back!r} after a spec is written and read")
    return settings


def untold_setting(target: Callable[..., Any], names: Iterable[str]) -> str | None:
    """Return which setting a docstring says nothing of, or None: its name should be there, or each of its words."""
    text = inspect.getdoc(target) or ""
    for name in names:
        words = [part for part in name.split("_") if part]
        if name not in text and not all(re.search(rf"\b{re.escape(one)}", text, re.IGNORECASE) for one in words):
            return f"its docstring does not say what the setting {name!r} is"
    return None


def differing_row(first: np.ndarray, second: np.ndarray, *, exact: bool = False) -> int | None:
    """Return the first row in which two arrays `(B, ...)` differ, or None.

    Args:
        first: One.
        second: The other.
        exact: Every bit counts; otherwise rounding does not, since a network rounds differently at another batch size.
    """
    if first.shape != second.shape:
        return 0
    floats = first.dtype.kind == "f"
    if exact or not floats:
        same = (first == second) | ((first != first) & (second != second))
    else:
        same = np.isclose(first, second, rtol=1e-4, atol=1e-5, equal_nan=True)
    rows = np.flatnonzero(~same.reshape(len(first), -1).all(axis=1))
    return int(rows[0]) if len(rows) else None
