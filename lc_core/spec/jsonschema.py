"""The JSON Schema of specs, with the settings of every installed component, for editors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lc_core.constraints.want import WANT_KEYS
from lc_core.errors import LCError
from lc_core.plugins.registry import Registered, Registry
from lc_core.plugins.typical import typical_lines
from lc_core.spec.schema import Fit, Keep, Leaf, Sample, Shape, Top

__all__ = ["schema_json"]

Schema = dict[str, Any]
SHOWN = 4
"""So many lines of typical values are in a description; a rule with many settings has more."""
DIALECTS = {"2020-12": "https://json-schema.org/draft/2020-12/schema", "7": "http://json-schema.org/draft-07/schema#"}


def schema_json(registry: Registry, *, draft: str = "2020-12") -> Schema:
    """Return the JSON Schema of specs.

    Args:
        registry: Whose components, with their settings, a spec may name.
        draft: `"2020-12"` or `"7"`.
    """
    parts: Schema = {}
    shape = Shape.model_json_schema()["properties"]
    model = _component(registry, "model", parts)
    engine = _component(registry, "engine", parts)
    renderer = _component(registry, "renderer", parts, short_names=True)
    parts["entry"] = _entry(registry, parts, top=False)
    top = _entry(registry, parts, top=True)
    schema = {
        "$schema": DIALECTS[draft],
        "title": "Spec of latent-constraints",
        "type": "object",
        "properties": {
            "lc": {"const": 1, "description": "Version of the format."},
            "name": _without_null(shape["name"]),
            "extends": {"type": "string", "description": "A spec to build on: a path, or a shipped name."},
            "model": model,
            "realism": shape["realism"],
            "base": _without_null(shape["base"]),
            "constraints": {"type": "array", "items": top},
            "keep": _keep(registry),
            "engine": engine,
            "sample": _inlined(Sample.model_json_schema()),
            "fit": _inlined(Fit.model_json_schema()),
            "render": {"type": "array", "items": renderer},
            "resolved": shape["resolved"],
        },
        "required": ["lc"],
        "anyOf": [{"required": ["model"]}, {"required": ["extends"]}],
        "additionalProperties": False,
        "$defs": parts,
    }
    return schema if draft == "2020-12" else _as_draft_7(schema)


def _component(registry: Registry, kind: str, parts: Schema, *, short_names: bool = False) -> Schema:
    """Return the schema of a name or a `{use, params}` mapping."""
    components = registry.all(kind)
    names = _names(components, short=short_names)
    return {
        "anyOf": [
            {"enum": names},
            {
                "type": "object",
                "properties": {"use": {"enum": names}, "params": {"type": "object"}},
                "additionalProperties": False,
                "allOf": [_settings(one, parts, short=short_names) for one in components],
            },
        ]
    }


def _entry(registry: Registry, parts: Schema, *, top: bool) -> Schema:
    """Return the schema of a constraint or group."""
    inner = {"$ref": "#/$defs/entry"}
    constraints = registry.all("constraint")
    leaf = Leaf.model_json_schema()["properties"]
    several = {"type": "array", "items": inner, "minItems": 1}
    properties = {
        "use": {"enum": _names(constraints), "description": "The measurement."},
        "params": {"type": "object"},
        **{key: _without_null(leaf[key]) for key in WANT_KEYS},
        "free": _without_null(leaf["free"]),
        "guide": leaf["guide"],
        "any": {**several, "description": "Entries of which at least one has to hold."},
        "all": {**several, "description": "Entries that have to hold together."},
        "not": {**inner, "description": "An entry that must not hold."},
        "label": _without_null(leaf["label"]),
        **(Top.model_json_schema()["properties"] if top else {}),
    }
    settings = [_settings(one, parts) for one in constraints]
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "oneOf": [{"required": [key]} for key in ("use", "any", "all", "not")],
        "allOf": [*settings, _one_want()],
    }


def _keep(registry: Registry) -> Schema:
    """Return the schema of what is kept: `all`, or a list of names, labels, or mappings with `use`."""
    entry = _inlined(Keep.model_json_schema())
    entry["properties"]["use"] = {"type": "string", "description": "A measurement, the label of an entry, or all."}
    names = {"anyOf": [{"enum": _names(registry.all("constraint"))}, {"type": "string"}]}
    return {
        "description": Shape.model_json_schema()["properties"]["keep"]["description"],
        "anyOf": [{"type": "string"}, {"type": "array", "items": {"anyOf": [names, entry]}}],
    }


def _one_want() -> Schema:
    forms: list[list[str]] = [["at_least"], ["at_most"], ["between"], ["target", "tolerance"]]
    absent = {"not": {"anyOf": [{"required": [key]} for key in WANT_KEYS]}}
    return {"oneOf": [*({"required": form} for form in forms), absent]}


def _settings(component: Registered, parts: Schema, *, short: bool = False) -> Schema:
    """Return a rule: if `use` names this component, `params` are its settings."""
    names = _names([component], short=short)
    try:
        key = f"{component.kind}.{component.qualified}".replace(":", ".")
        settings = component.parameters().model_json_schema(ref_template=f"#/$defs/{key}.{{model}}")
        text, about = _text(component), component.setting_texts()
    except LCError as error:
        settings, text, key, about = {"type": "object"}, error.message, "", {}
    for name, part in settings.get("properties", {}).items():
        if name in about:
            part.setdefault("description", about[name])
    for name, part in settings.pop("$defs", {}).items():
        parts[f"{key}.{name}"] = part
    settings.pop("title", None)
    needed = ["params"] if settings.get("required") else []
    then = {"properties": {"params": {**settings, "description": text}}, "required": needed}
    return {"if": {"properties": {"use": {"enum": names}}, "required": ["use"]}, "then": then}


def _text(component: Registered) -> str:
    """Return what editors show of a component: its summary and, of a measurement, its typical values."""
    typical = typical_lines(component)
    more = f" And {len(typical) - SHOWN} more: lc plugins {component.name}." if len(typical) > SHOWN else ""
    return " ".join([component.summary, *(f"{line[:1].upper()}{line[1:]}." for line in typical[:SHOWN])]) + more


def _names(components: Sequence[Registered], *, short: bool = False) -> list[str]:
    names = [one.name for one in components] + [one.qualified for one in components]
    return list(dict.fromkeys(([one.short for one in components] if short else []) + names))


def _inlined(schema: Schema, inner: Schema | None = None) -> Schema:
    """Return the schema of a mapping with those of the mappings in it in their places."""
    inner = inner or schema.get("$defs", {})
    properties = {key: _without_null(_resolved(value, inner)) for key, value in schema["properties"].items()}
    return {key: one for key, one in schema.items() if key not in ("title", "$defs")} | {"properties": properties}


def _resolved(schema: Schema, inner: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    return _inlined(inner[name], inner) | {key: one for key, one in schema.items() if key != "$ref"}


def _without_null(schema: Schema) -> Schema:
    """Leave out a default that says only that the key may be absent."""
    return {key: value for key, value in schema.items() if (key, value) != ("default", None)}


def _as_draft_7(value: Any) -> Any:
    """Rewrite the keywords that draft 7 names differently."""
    if isinstance(value, list):
        return [_as_draft_7(one) for one in value]
    if isinstance(value, str):
        return value.replace("#/$defs/", "#/definitions/")
    if not isinstance(value, dict):
        return value
    names = {"$defs": "definitions", "prefixItems": "items"}
    return {names.get(key, key): _as_draft_7(inner) for key, inner in value.items()}
