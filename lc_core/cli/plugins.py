"""`lc plugins`: what is installed, and what is broken."""

from __future__ import annotations

import json
from typing import Any

import click

from lc_core.cli.component import component_data, show_component
from lc_core.plugins.discover import build_registry
from lc_core.plugins.registry import KINDS, Distribution, Registry

__all__ = ["command"]


@click.command("plugins")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str | None, as_json: bool) -> None:
    """List installed distributions, the components of each, and plugins that are broken.

    With NAME, describe that component alone: its settings and, of a measurement, typical values.
    """
    registry = build_registry()
    if name is not None:
        show_component(registry, name, as_json=as_json)
        return
    described = describe(registry)
    if as_json:
        click.echo(json.dumps(described, indent=2, ensure_ascii=False))
        return
    for one in described["distributions"]:
        versions = ", ".join(map(str, one["api"]))
        click.echo(f"{one['name']} {one['version']}, plugin API {versions} ({one['seconds'] * 1000:.0f} ms)")
        _show_components(one["components"])
    for fault in described["broken"]:
        click.echo(f"broken: {fault['distribution']} ({fault.get('entry_point') or fault['path']}): {fault['error']}")


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
        "components": [component_data(each) for each in components],
    }


def _show_components(components: list[dict[str, Any]]) -> None:
    width = max((len(one["name"]) for one in components), default=0)
    for kind in KINDS:
        rows = [one for one in components if one["kind"] == kind]
        if rows:
            click.echo(f"  {kind}s")
        for row in rows:
            text = f"broken: {row['error']}" if "error" in row else row["summary"] or "(it has no docstring)"
            if note := row.get("note"):
                text = f"{text} ({note})"
            click.echo(f"    {row['name']:<{width}}  {text}".rstrip())
