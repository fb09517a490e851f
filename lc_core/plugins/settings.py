"""A component's settings, read from its typed signature as a pydantic model."""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
import types
import typing
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from lc_core.errors import LCError
from lc_core.plugins.messages import any_of, message_of, relevant

__all__ = ["checked", "fill", "parameters_of", "values_of"]

CONFIG = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, protected_namespaces=())
DATA_FIRST = {"constraint": 1, "reader": 1, "dataset": 1, "recipe": 1, "judge": 2, "view": 1, "space": 1}
"""Parameters that come before the settings: outputs, a path or a folder; outputs and the settings to judge."""
GIVEN_BY_LC = {"dataset": ("progress",), "reader": ("tell",), "recipe": ("progress",)}
"""Parameters that the caller fills in: they are no settings."""


class Component(Protocol):
    """What settings are read from: a registered component."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def distribution(self) -> str: ...

    def load(self) -> Any:
        """Import and return it."""

    def parameters(self) -> type[BaseModel]:
        """Return the model of its settings."""


def parameters_of(component: Component) -> type[BaseModel]:
    """Build the model for a component's settings; see `Registered.parameters`."""
    with _naming(component):
        target = component.load()
        skip = 0 if inspect.isclass(target) else DATA_FIRST.get(component.kind, 0)
        fields = _fields(target, skip=skip, leave_out=GIVEN_BY_LC.get(component.kind, ()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a setting called `copy` or `schema` is no concern of pydantic's
            return create_model(component.name, __config__=CONFIG, **fields)


@contextmanager
def _naming(component: Component) -> Iterator[None]:
    """Say of which component the settings cannot be read."""
    who = f"{component.kind} {component.name} of {component.distribution}"
    try:
        yield
    except LCError as error:
        if who in error.message:
            raise
        raise LCError(f"{who}: {error.message}", hint=error.hint) from error
    except (Exception, SystemExit) as error:
        raise LCError(
            f"the settings of {who} cannot be read from its signature: {type(error).__name__}: {error}",
            hint="annotate each setting with a plain type, such as int, float, str, Literal[...] or tuple[str, ...]",
        ) from error


def _fields(target: Any, *, skip: int, leave_out: Collection[str]) -> dict[str, Any]:
    found = list(inspect.signature(target).parameters.values())[skip:]
    found = [one for one in found if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    found = [one for one in found if one.name not in leave_out]
    for one in found:
        if one.kind is one.POSITIONAL_ONLY:
            raise LCError(f"setting {one.name!r} is positional-only; a spec gives settings by keyword")
        if one.annotation is one.empty:
            raise LCError(
                f"setting {one.name!r} has no type",
                hint="annotate it, as in `above: float = 0.5`, so that a spec's value can be checked",
            )
    hints = _hints(target, {one.name: one.annotation for one in found})
    factories = _factories(target)
    fields: dict[str, Any] = {}
    for one in found:
        hint = hints[one.name]
        if one.name in factories:
            fields[one.name] = (hint, Field(default_factory=factories[one.name]))
        elif one.default is one.empty:
            fields[one.name] = (hint, ...)
        else:
            # A default of None is a value that the setting may have, whatever its annotation says.
            fields[one.name] = (hint | None if one.default is None else hint, one.default)
    if (part := _part(target)) is not None:
        if part.name in fields:
            raise LCError(f"setting {part.name!r} is one of the function and one of its part")
        fields[part.name] = (part.kind | None, None)
    return fields


def _part(target: Any) -> Any:
    """Return the part of outputs that a measurement can be asked for (`lc_core.Part`), or None."""
    return getattr(getattr(target, "__lc_measurement__", None), "part", None)


def _hints(target: Any, annotations: dict[str, Any]) -> dict[str, Any]:
    """Resolve the annotations of the settings only: those of data and result may need names imported for typing."""
    function = target
    if inspect.isclass(target):
        function = target.__init__
    elif not inspect.isroutine(target):
        function = type(target).__call__
    function = inspect.unwrap(function)
    names = getattr(function, "__globals__", None) or vars(sys.modules[target.__module__])
    holder = types.SimpleNamespace(__annotations__=annotations)
    return typing.get_type_hints(holder, globalns=names, include_extras=True)


def _factories(target: Any) -> dict[str, Callable[[], Any]]:
    if not (inspect.isclass(target) and dataclasses.is_dataclass(target)):
        return {}
    return {
        one.name: one.default_factory
        for one in dataclasses.fields(target)
        if one.init and one.default_factory is not dataclasses.MISSING
    }


def checked(component: Component, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with defaults added, as the component takes them.

    Raises:
        ValidationError: If the settings are wrong.
        LCError: If the plugin's own check of a setting fails.
        TypeError: If a setting is not text, a number, a boolean, a list or a mapping.
    """
    model = component.parameters()
    text = json.dumps(dict(params), default=_path)
    try:
        # Strict JSON mode takes a list for a tuple but neither text for a number nor a number for a boolean.
        settings = model.model_validate_json(text)
    except (LCError, ValidationError):
        raise
    except (Exception, SystemExit) as error:
        raise LCError(
            f"{component.kind} {component.name} of {component.distribution} cannot check its settings: "
            f"{type(error).__name__}: {error}"
        ) from error
    found = {name: getattr(settings, name) for name in model.model_fields}
    part = _part(component.load())
    if part is not None and found[part.name] is None:  # whole outputs, as before there was such a setting
        del found[part.name]
    return found


def _path(value: Any) -> str:
    """Return a path as JSON has it, such as one that was checked before."""
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def values_of(component: Component, name: str) -> list[Any] | None:
    """Return all values that a setting may have, or None if they are not known, or it has no such setting.

    They are known of a boolean, a Literal, an enumeration, a whole number with both bounds, and of a type with
    `Field(examples=[...])`.
    """
    properties = component.parameters().model_json_schema()["properties"]
    schema = properties.get(name, {})
    for one in (schema, *schema.get("anyOf", ())):
        if "enum" in one or "examples" in one:
            return list(one.get("enum", one.get("examples")))
        if one.get("type") == "boolean":
            return [False, True]
        if one.get("type") == "integer" and {"minimum", "maximum"} <= set(one):
            return list(range(one["minimum"], one["maximum"] + 1))
    return None


def fill(component: Component, params: Mapping[str, Any]) -> dict[str, Any]:
    """Check settings and add defaults; see `Registered.fill`."""
    try:
        return checked(component, params)
    except ValidationError as error:
        known = list(component.parameters().model_fields)
        messages: dict[str, list[str]] = {}  # several of one value, where it may have one of several types
        for one in relevant(error):
            place = _real(params, one["loc"]) or str(one["loc"][-1])
            messages.setdefault(place, []).append(message_of(one, known))
        found = [f"{place}: {any_of(some)}" for place, some in messages.items()]
    except TypeError as error:
        found = [str(error)]
    raise LCError(f"settings of {component.kind} {component.name}: {'; '.join(found)}")


def _real(value: Any, loc: Sequence[Any]) -> str:
    """Return the place of an error in settings: without the names that pydantic gives to the members of a union."""
    path = []
    for part in loc:
        if isinstance(value, Mapping) and part in value or isinstance(value, list | tuple) and isinstance(part, int):
            inside = isinstance(value, Mapping) or part < len(value)
            value = value[part] if inside else None
            path.append(str(part))
    return ".".join(path)
