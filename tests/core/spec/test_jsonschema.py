"""The JSON Schema agrees with the loader on what is right and on what is wrong in shape."""

from __future__ import annotations

import pytest
import yaml

from lc_core.plugins.discover import build_registry
from lc_core.spec.jsonschema import schema_json

jsonschema = pytest.importorskip("jsonschema")

START = {"lc": 1, "model": "toy.model"}


def constraints(text):
    return {**START, "constraints": yaml.safe_load(text)}


RIGHT = [
    START,
    {"lc": 1, "extends": "melody/c_major"},
    {**START, "model": {"use": "lc-toy:toy.model", "params": {"size": 2}}},
    {**START, "engine": "rejection", "sample": {"count": 3, "seed": 1, "budget": 9, "unique": True}},
    {**START, "engine": {"params": {"steps": 3}}, "fit": {"seed": 2}, "realism": 0.5, "name": "a"},
    {**START, "render": ["text", {"use": "toy.numbers", "params": {"width": 3}}]},
    {**START, "keep": "all"},
    {
        **START,
        "keep": ["toy.mean", {"use": "toy.mean", "tolerance": 0.5}, {"use": "toy.total", "params": {"power": 1}}],
    },
    constraints("[]"),
    constraints("[{use: toy.mean}]"),
    constraints("[{use: toy.mean, params: {scale: 1, notes: [A]}, between: [0, 1], weight: 2, label: a}]"),
    constraints("[{use: toy.total, params: {power: 2}, target: 1, tolerance: 0.5, require: false}]"),
    constraints("[{any: [{use: toy.mean}, {not: {all: [{use: toy.mean, at_most: 0.9}]}}], weight: 1}]"),
]
WRONG = [
    {"model": "toy.model"},
    {"lc": 1},
    {**START, "lc": 2},
    {**START, "model": "toy.modell"},
    {**START, "constrains": []},
    {**START, "engine": {"use": "gradient", "params": {"steps": 0}}},
    {**START, "engine": {"use": "gradient", "params": {"stepz": 1}}},
    {**START, "sample": {"count": 0}},
    {**START, "sample": {"cuont": 1}},
    {**START, "realism": -1},
    {**START, "render": ["nothing"]},
    {**START, "render": [{"use": "text", "params": {"width": "wide"}}]},
    {**START, "keep": {"use": "toy.mean"}},
    {**START, "keep": [{"use": "toy.mean", "tolerance": -1}]},
    {**START, "keep": [{"use": "toy.mean", "tolerence": 1}]},
    constraints("[{use: toy.maen}]"),
    constraints("[{use: toy.mean, params: {mode: mayor}}]"),
    constraints("[{use: toy.mean, params: {scal: 1}}]"),
    constraints("[{use: toy.total, at_least: 1}]"),
    constraints("[{use: toy.mean, at_least: 1, at_most: 1}]"),
    constraints("[{use: toy.mean, target: 1}]"),
    constraints("[{use: toy.mean, between: [1]}]"),
    constraints("[{use: toy.mean, weight: -1}]"),
    constraints("[{any: [{use: toy.mean, weight: 1}]}]"),
    constraints("[{any: []}]"),
    constraints("[{use: toy.mean, any: [{use: toy.mean}]}]"),
    constraints("[{}]"),
]


def validator(registry, draft):
    schema = schema_json(registry, draft=draft)
    kind = {"2020-12": jsonschema.Draft202012Validator, "7": jsonschema.Draft7Validator}[draft]
    kind.check_schema(schema)
    return kind(schema)


@pytest.mark.parametrize("draft", ["2020-12", "7"])
def test_what_the_loader_reads_is_valid(toy_registry, load_text, draft):
    schema = validator(toy_registry, draft)
    for spec in RIGHT:
        assert list(schema.iter_errors(spec)) == []
        if "extends" not in spec:
            load_text(yaml.safe_dump(spec))


@pytest.mark.parametrize("draft", ["2020-12", "7"])
def test_what_the_loader_refuses_is_invalid(toy_registry, errors_of, draft):
    schema = validator(toy_registry, draft)
    for spec in WRONG:
        assert not schema.is_valid(spec), spec
        assert errors_of(yaml.safe_dump(spec)), spec


def test_resolved_specs_are_valid(toy_registry, load_text):
    schema = validator(toy_registry, "2020-12")
    for spec in RIGHT:
        if "extends" not in spec:
            resolved = load_text(yaml.safe_dump(spec)).to_yaml(block=3)
            assert list(schema.iter_errors(yaml.safe_load(resolved))) == []


def test_settings_are_described_by_the_docstring_of_their_component(install_plugin):
    install_plugin(
        "lc-told",
        '''
        from lc_core import hookimpl, measurement

        @measurement(accepts="*", unit="", range=(0, 1))
        def rule(outputs, *, size: int = 1, name: str = "it", untold: int = 0):
            """Return a number.

            Args:
                outputs: Whatever it is.
                size: How large it is,
                    in pixels.
                name: What it is called: anything.

            Raises:
                untold: Never.
            """

        @hookimpl
        def lc_register_constraints(register):
            register("told.rule", rule)
        ''',
    )
    registry = build_registry()
    assert registry.get("constraint", "told.rule").setting_texts() == {
        "outputs": "Whatever it is.", "size": "How large it is, in pixels.", "name": "What it is called: anything.",
    }  # fmt: skip
    rules = schema_json(registry)["properties"]["constraints"]["items"]["allOf"]
    (rule,) = [one for one in rules if "told.rule" in str(one.get("if"))]
    settings = rule["then"]["properties"]["params"]["properties"]
    assert settings["size"]["description"] == "How large it is, in pixels."
    assert "description" not in settings["untold"]


@pytest.mark.parametrize("draft", ["2020-12", "7"])
def test_the_schema_of_what_is_installed_is_a_schema(draft):
    schema = validator(build_registry(), draft).schema
    text = str(schema)
    assert "melody.in_scale" in text
    assert "tonic" in text
    assert ("$defs" in text) == (draft != "7")
