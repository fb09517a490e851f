"""`lc schema`: the JSON Schema of specs."""

from __future__ import annotations

import json

import click

from lc_core.plugins.discover import build_registry
from lc_core.spec.jsonschema import schema_json

__all__ = ["command"]


@click.command("schema")
@click.option(
    "--draft",
    type=click.Choice(["2020-12", "7"]),
    default="2020-12",
    show_default=True,
    help="Version of JSON Schema; most editors' YAML support reads 7.",
)
def command(draft: str) -> None:
    """Print the JSON Schema of specs, with the settings of every installed plugin."""
    click.echo(json.dumps(schema_json(build_registry(), draft=draft), indent=2, ensure_ascii=False))
