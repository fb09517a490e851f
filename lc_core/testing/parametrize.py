"""One test for each check: `parametrize_with_checks`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lc_core.constraints.declare import MeasurementInfo
from lc_core.constraints.measurement import Measurement
from lc_core.engines.base import Engine
from lc_core.errors import LCError
from lc_core.plugins.registry import Registered, Registry
from lc_core.plugins.renderer import Renderer
from lc_core.testing.base import BoundCheck
from lc_core.testing.constraint import constraint_checks
from lc_core.testing.engine import engine_checks
from lc_core.testing.model import model_checks
from lc_core.testing.renderer import renderer_checks

if TYPE_CHECKING:
    import pytest

__all__ = ["checks_of", "parametrize_with_checks"]


def parametrize_with_checks(
    components: Iterable[Any],
    *,
    outputs: Any = None,
    params: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
) -> pytest.MarkDecorator:
    """Run a test once for each check of each component, with ids such as `no_repeats-batch_split`.

    Args:
        components: Functions declared with `@measurement`, `Measurement`s, engines and renderers or their classes,
            functions that load models, and models; of one kind or of several.
        outputs: Outputs for constraints and renderers, first dimension B; default prior samples of an installed model.
        params: Settings of constraints and of functions that load models, where there are some without a default.
        registry: What is installed, for the default outputs; built if not given.

    Example:
        >>> from lc_core import measurement
        >>> @measurement(accepts="numbers/1", unit="share", range=(0, 1), at_least=0.5)
        ... def positive(numbers):
        ...     "Share of numbers above 0."
        ...     return (numbers > 0).mean(axis=1)
        >>> @parametrize_with_checks([positive], outputs=[[1.0], [-1.0], [2.0], [0.0]])
        ... def test_it_keeps_what_a_constraint_promises(check):
        ...     check()
    """
    import pytest

    found = [check for one in components for check in checks_of(one, outputs=outputs, params=params, registry=registry)]
    return pytest.mark.parametrize("check", found, ids=str)


def checks_of(
    component: Any,
    *,
    outputs: Any = None,
    params: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
) -> list[BoundCheck]:
    """Return the checks of one component, each to be called; arguments as of `parametrize_with_checks`.

    A component of a registry, `Registered`, is built with its default settings and `params`.

    Raises:
        LCError: If it is of no kind that there are checks for.
    """
    kind, name, target = _kind_of(component, params or {}), "", component
    if isinstance(component, Registered):
        name, target = component.name, component.load()
        if kind in ("engine", "renderer"):
            target = target(**component.fill(params))
    if kind == "constraint":
        return constraint_checks(target, outputs, params, registry=registry, name=name)
    if kind == "engine":
        return engine_checks(target, name=name)
    if kind == "renderer":
        return renderer_checks(target, outputs, registry=registry, name=name)
    if kind == "model":
        return model_checks(target, params, name=name)
    what = f"{kind} {name}" if kind else getattr(component, "__name__", type(component).__name__)
    raise LCError(
        f"there are no checks for {what}",
        hint="give a function declared with @measurement, an engine, a renderer, a model, or a function that loads one",
    )


def _kind_of(component: Any, params: Mapping[str, Any]) -> str:
    if isinstance(component, Registered):
        return component.kind
    if isinstance(component, Measurement) or isinstance(
        getattr(component, "__lc_measurement__", None), MeasurementInfo
    ):
        return "constraint"
    kind = component if inspect.isclass(component) else type(component)
    if issubclass(kind, Engine):
        return "engine"
    if issubclass(kind, Renderer):
        return "renderer"
    return "model" if hasattr(component, "decode") or _loads(component, params) else ""


def _loads(component: Any, params: Mapping[str, Any]) -> bool:
    """Return whether a function may load a model; one that has to be given outputs is a rule that is not declared."""
    if not inspect.isroutine(component):
        return False
    first = next(iter(inspect.signature(component).parameters.values()), None)
    return first is None or first.kind is first.KEYWORD_ONLY or first.default is not first.empty or first.name in params
