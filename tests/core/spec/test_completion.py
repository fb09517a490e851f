"""An editor that reads the JSON Schema completes what nobody remembers: settings of the rule that was just named.

`completions` does what a YAML language server does: it follows a path through every part of the schema that applies to
what is written so far, and offers the keys and values that these parts know.
"""

from __future__ import annotations

import pytest

from lc_core.plugins.discover import build_registry
from lc_core.spec.jsonschema import schema_json

jsonschema = pytest.importorskip("jsonschema")
KINDS = {"2020-12": jsonschema.Draft202012Validator, "7": jsonschema.Draft7Validator}


@pytest.fixture(scope="module", params=["2020-12", "7"])
def schema(request):
    return request.param, schema_json(build_registry(), draft=request.param)


def applying(part, value, root, kind):
    """Yield the schemas that apply to a value: those joined to it, and those of rules whose condition it meets."""
    while "$ref" in part:
        _, where, name = part["$ref"].split("/")
        part = root[where][name]
    yield part
    for one in [*part.get("allOf", []), *part.get("anyOf", []), *part.get("oneOf", [])]:
        yield from applying(one, value, root, kind)
    if "if" in part:
        condition = {**part["if"], "$defs": root.get("$defs", {}), "definitions": root.get("definitions", {})}
        branch = "then" if kind(condition).is_valid(value) else "else"
        if branch in part:
            yield from applying(part[branch], value, root, kind)


def completions(schema, document, path):
    """Return the keys and values that the schema offers at a path of an unfinished document."""
    draft, root = schema
    parts, value = [root], document
    for step in (*path, None):
        here = [one for part in parts for one in applying(part, value, root, KINDS[draft])]
        if step is None:
            keys = {key for part in here for key in part.get("properties", {})}
            return keys | {one for part in here for one in part.get("enum", [])}
        name = "items" if isinstance(step, int) else "properties"
        inner = [part[name] for part in here if name in part]
        parts = inner if isinstance(step, int) else [one[step] for one in inner if step in one]
        value = value[step] if isinstance(step, int) or step in value else None
    raise AssertionError("a path ends")


def entry(**keys):
    return {"lc": 1, "model": "melody.folk-2bar", "constraints": [keys]}


def test_settings_of_the_rule_that_was_named_are_offered(schema):
    document = entry(use="melody.in_scale", params={})
    assert completions(schema, document, ["constraints", 0, "params"]) == {"tonic", "mode", "pitch_classes", "bars"}


def test_values_of_a_nested_setting_are_offered(schema):
    document = entry(use="melody.in_scale", params={"mode": ""})
    assert {"major", "dorian", "blues"} <= completions(schema, document, ["constraints", 0, "params", "mode"])


def test_settings_inside_groups_are_offered(schema):
    document = entry(any=[{"use": "melody.span"}, {"not": {"use": "digits.digit", "params": {}}}])
    path = ["constraints", 0, "any", 1, "not", "params"]
    assert completions(schema, document, path) == {"digit"}


def test_settings_of_an_engine_are_its_own(schema):
    document = {"lc": 1, "engine": {"use": "gradient", "params": {}}}
    offered = completions(schema, document, ["engine", "params"])
    assert {"steps", "lr"} <= offered
    assert "hidden" not in offered


def test_names_and_wants_are_offered(schema):
    document = entry()
    assert {"use", "at_least", "between", "require"} <= completions(schema, document, ["constraints", 0])
    assert "melody.in_scale" in completions(schema, document, ["constraints", 0, "use"])
