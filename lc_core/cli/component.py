"""What `lc plugins NAME` prints: all that is known of one component."""

from __future__ import annotations

import inspect
import json
from typing import Any

import click

from lc_core.common.spelling import nearest
from lc_core.errors import LCError
from lc_core.plugins.registry import KINDS, Registered, Registry
from lc_core.plugins.typical import read_typical, typical_lines, unmet_note

__all__ = ["component_data", "show_component"]


def show_component(registry: Registry, name: str, *, as_json: bool) -> None:
    """Print what is known of every component of a name: a model and its recipe, for example, share one.

    Args:
        registry: What is installed.
        name: `domain.name`, or `distribution:domain.name`.
        as_json: Print JSON, a list.

    Raises:
        LCError: If there is none of that name, or two distributions have one.
    """
    kinds = [kind for kind in KINDS if any(name in (one.name, one.qualified) for one in registry.all(kind))]
    found = [registry.get(kind, name) for kind in kinds] or [registry.get(_likely_kind(registry, name), name)]
    if as_json:
        rows = [{**component_data(one), **_typical_data(one)} for one in found]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    click.echo("\n\n".join("\n".join(_lines(one)) for one in found))


def _likely_kind(registry: Registry, name: str) -> str:
    """Return the kind to look for an unknown name in: one that has a name like it, or else constraints."""
    close = nearest(name, [one.name for kind in KINDS for one in registry.all(kind)])
    kinds = [kind for kind in KINDS if any(one.name in close[:1] for one in registry.all(kind))]
    return kinds[0] if kinds else "constraint"


def _typical_data(one: Registered) -> dict[str, object]:
    try:
        rows = read_typical(one)
    except LCError as error:
        return {"typical_error": error.message}
    return {"typical": [{**row.model_dump(), "text": row.text()} for row in rows]} if rows else {}


def _lines(one: Registered) -> list[str]:
    data = component_data(one)
    lines = [f"{one.kind} {one.name}, of {one.distribution} {one.version}"]
    if "error" in data:
        return [*lines, f"broken: {data['error']}"]
    text = inspect.getdoc(one.load()) or "(it has no docstring)"
    lines += ["", text, "", f"settings: {', '.join(data['params']) or 'none'}"]
    if "part" in data:
        lines.append(f"{data['part']['name']}: {data['part']['about']}")
    if "unit" in data:
        low, high = data["range"]
        lines.append(f"unit: {data['unit']}")
        lines.append(f"range: {'any' if low is None else f'{low:g}'} to {'any' if high is None else f'{high:g}'}")
        default = data["default"]
        lines.append(f"default: {', '.join(f'{key} {value}' for key, value in default.items()) if default else 'none'}")
    return lines + typical_lines(one)


def component_data(one: Registered) -> dict[str, Any]:
    """Return one component as plain data; imports it."""
    about = {key: value for key, value in one.about.items() if key != "typical"}
    found: dict[str, Any] = {"kind": one.kind, "name": one.name, "api": one.api, **about}
    try:
        target, found["summary"] = one.load(), one.summary
        found["params"] = one.setting_names()
    except LCError as error:
        return {**found, "error": error.message}
    info = getattr(target, "__lc_measurement__", None)
    if one.kind == "constraint" and info is not None:
        found |= {"accepts": list(info.accepts), "unit": info.unit}
        found |= {"range": [_bound(each) for each in info.range]}
        found |= {"default": info.want.as_dict() if info.want else None}
        found |= {"part": {"name": info.part.name, "about": info.part.about}} if info.part else {}
        found |= {"note": unmet_note(one)}
    return found


def _bound(value: float) -> float | None:
    return value if abs(value) != float("inf") else None  # JSON has no infinity
