"""`lc plugins`: what is installed, and what is broken."""

from __future__ import annotations

import json
from typing import Any

import click

from lc_core.errors import LCError
from lc_core.plugins.registry import KINDS, Distribution, Registered, Registry

__all__ = ["command"]


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List installed distributions, the components of each, and plugins that are broken."""
    from lc_core.plugins.manager import build_registry

    described = describe(build_registry())
    if as_json:
        click.echo(json.dumps(described, indent=2, ensure_ascii=False))
        return
    for one in described["distributions"]:
        versions = ", ".join(map(str, one["api"]))
        click.echo(f"{one['name']} {one['version']}, plugin API {versions} ({one['seconds'] * 1000:.0f} ms)")
        _show_components(one["components"])
    for fault in described["broken"]:
        click.echo(f"broken: {fault['distribution']} ({fault['entry_point'] or fault['path']}): {fault['error']}")


def describe(registry: Registry) -> dict[str, Any]:
    """Return what is installed as plain data; imports every component."""
    return {
        "distributions": [_distribution(one) for one in registry.distributions],
        "broken": [{key: text for key, text in one._asdict().items() if text} for one in registry.broken],
    }


def _distribution(one: Distribution) -> dict[str, Any]:
    components = sorted(one.components, key=lambda each: (KINDS.index(each.kind), each.name))
    return {
        "name": one.name,
        "version": one.version,
        "api": sorted({each.api for each in components}),
        "seconds": round(one.seconds, 6),
        "components": [_component(each) for each in components],
    }


def _component(one: Registered) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": one.kind, "name": one.name, "api": one.api, **one.about}
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
    return found


def _bound(value: float) -> float | None:
    return value if abs(value) != float("inf") else None  # JSON has no infinity


def _show_components(components: list[dict[str, Any]]) -> None:
    width = max((len(one["name"]) for one in components), default=0)
    for kind in KINDS:
        rows = [one for one in components if one["kind"] == kind]
        if rows:
            click.echo(f"  {kind}s")
        for row in rows:
            text = f"broken: {row['error']}" if "error" in row else row["summary"] or "(it has no docstring)"
            click.echo(f"    {row['name']:<{width}}  {text}".rstrip())
