"""Writes what is generated from the code: `python -m docs.generate`.

`docs/reference/cli.md` from the commands, `docs/reference/spec.md` and `constraint_specs/spec.schema.json` from the
JSON Schema of specs with the settings of what comes with `lc`, `docs/reference/rules/` from the rules. A test says when
they are out of date.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from docs.rules import rule_pages
from lc_core.cli import main
from lc_core.plugins.discover import DISTRIBUTION, build_registry
from lc_core.plugins.registry import Registry
from lc_core.spec.jsonschema import schema_json

ROOT = Path(__file__).parents[1]
NOTE = "<!-- Written by `python -m docs.generate`; do not edit. -->\n"
Schema = dict[str, Any]
NUMBERS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
LENGTHS = {"minItems": "at least", "maxItems": "at most"}
TYPES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": "null"}


def pages() -> dict[str, str]:
    """Return the text of each generated file, by its path in the repository."""
    registry = own_registry()
    schema = schema_json(registry, draft="7")
    return {
        "docs/reference/cli.md": cli_page(),
        "docs/reference/spec.md": spec_page(schema_json(registry), registry),
        "constraint_specs/spec.schema.json": json.dumps(schema, indent=1, ensure_ascii=False) + "\n",
        **rule_pages(registry, NOTE),
    }


def own_registry() -> Registry:
    """Return the registry of what comes with `lc`, whatever else is installed."""
    registry = build_registry()
    own = tuple(one for one in registry.distributions if one.name == DISTRIBUTION)
    return replace(registry, distributions=own, broken=())


def cli_page() -> str:
    """Return the reference of commands, from what click knows of them."""
    head = f"{NOTE}# Options of every command\n\nWhat `lc COMMAND --help` prints; [cli.md](../cli.md) says more.\n"
    root = click.Context(main, info_name="lc")
    commands = {name: main.get_command(root, name) for name in main.list_commands(root)}
    return head + "".join(text for name, one in commands.items() if one for text in command_texts(one, root, name))


def command_texts(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    """Yield the section of a command, and those of its own sub-commands."""
    context = click.Context(command, info_name=name, parent=parent)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    text = plain(inspect.cleandoc(command.help or ""))
    options = [one for one in command.params if isinstance(one, click.Option)]
    records = [record for one in options if (record := one.get_help_record(context))]
    rows = [f"| `{cell(left)}` | {cell(plain(right))} |" for left, right in records]
    head = ["", "| option | meaning |", "|---|---|"] if rows else []
    yield "\n".join(["", f"## {context.command_path}", "", f"`{usage}`", "", text, *head, *rows]) + "\n"
    for inner, sub in getattr(command, "commands", {}).items():
        yield from command_texts(sub, context, inner)


def spec_page(schema: Schema, registry: Registry) -> str:
    """Return the reference of specs, from their JSON Schema."""
    properties = schema["properties"]
    own = {key: properties[key] for key in properties if key not in ("model", "constraints", "engine", "render")}
    entry = {key: one for key, one in properties["constraints"]["items"]["properties"].items() if key != "params"}
    lines = [
        f"{NOTE}# Keys and settings",
        "",
        "What `lc schema` says, without what plugins of yours add; [spec.md](../spec.md) explains it. `model`, `engine`"
        " and each of `render` is `NAME` or `{use: NAME, params: {...}}`, and `constraints` a list of entries."
        " Units and default wants of measurements are in the"
        " [table of rules](../rules.md#rules).",
        "",
        "## Keys of a spec",
        "",
        *table(own, schema),
        *(line for key in ("sample", "fit") for line in ("", f"## {key}", "", *table(properties[key], schema))),
        "",
        "## An entry of constraints",
        "",
        *table({key: {**one, "default": one.get("default", "")} for key, one in entry.items()}, schema),
    ]
    places = {
        "model": ("Models", properties["model"]["anyOf"][1]),
        "constraint": ("Measurements", properties["constraints"]["items"]),
        "engine": ("Engines", properties["engine"]["anyOf"][1]),
        "renderer": ("Renderers", properties["render"]["items"]["anyOf"][1]),
    }
    for kind, (title, part) in places.items():
        lines += ["", f"## {title}"]
        for one, rule in zip(registry.all(kind), part["allOf"], strict=False):  # entries have one more rule, of wants
            settings = rule["then"]["properties"]["params"]
            lines += ["", f"### {one.name}", "", settings.get("description", ""), ""]
            lines += table(settings, schema) if settings.get("properties") else ["No settings."]
    return "\n".join(lines) + "\n"


def table(settings: Schema, schema: Schema) -> list[str]:
    """Return a table of the keys of a mapping's schema, or of a mapping of schemas."""
    parts = settings.get("properties", settings)
    needed = settings.get("required", [])
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, part in parts.items():
        default = "must be given" if key in needed else shown(part.get("default", ""))
        cells = (kind_of(part, schema), default, part.get("description", ""))
        rows.append(" | ".join([f"| `{key}`", *map(cell, cells)]) + " |")
    return rows


def kind_of(part: Schema, schema: Schema) -> str:
    """Return in words what a schema takes."""
    if "$ref" in part:
        name = part["$ref"].rpartition("/")[2]
        return "an entry" if name == "entry" else kind_of(schema["$defs"][name], schema)
    if "const" in part:
        return f"`{part['const']}`"
    if "enum" in part:
        return ", ".join(f"`{one}`" for one in part["enum"]) if len(part["enum"]) < 20 else "a name"
    several = part.get("anyOf") or part.get("oneOf")
    if several:
        return " or ".join(dict.fromkeys(kind_of(one, schema) for one in several))
    if part.get("type") == "array":
        if "prefixItems" in part:
            return "`[` " + ", ".join(kind_of(one, schema) for one in part["prefixItems"]) + " `]`"
        bounds = limits(part, LENGTHS).removeprefix(", ")
        return f"list{f' ({bounds})' if bounds else ''} of: {kind_of(part.get('items', {}), schema)}"
    if part.get("type") == "object":
        return "mapping"
    return TYPES.get(part.get("type", ""), "any value") + limits(part, NUMBERS)


def limits(part: Schema, words: dict[str, str]) -> str:
    """Return a schema's bounds in words."""
    return "".join(f", {word} {part[key]}" for key, word in words.items() if abs(part.get(key, 1e300)) < 2**53)


def shown(default: Any) -> str:
    """Return a default as a spec says it."""
    return "" if default in ("", None) else f"`{json.dumps(default)}`"


def plain(text: str) -> str:
    """Return a text in which Markdown finds no marks of its own."""
    return text.replace("<", "&lt;").replace("*", r"\*")


def cell(text: str) -> str:
    """Return a text that is safe in a cell of a table."""
    return " ".join(text.replace("|", r"\|").split())


if __name__ == "__main__":
    for path, text in pages().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
        click.echo(path)
