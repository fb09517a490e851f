"""From a file to a `Spec`: what it holds, and that it can be written and read again."""

from __future__ import annotations

import pytest

from lc_core.constraints.constraint import Constraint, Group, walk
from lc_core.errors import LCError
from lc_core.spec import FitSettings, Spec, find_spec, load_spec, shipped_names

FULL = """
    lc: 1
    name: full
    model: {use: toy.model, params: {size: 7}}
    realism: 0.5
    constraints:
      - {use: toy.mean, params: {notes: [A, B], mode: minor}, weight: 2}
      - any:
          - {use: toy.mean, at_least: 0.75}
          - all: [{use: toy.total, params: {power: 2}, between: [12, 24]}, {use: toy.mean, at_most: 1, label: top}]
        label: either
        weight: 0.5
      - not: {use: toy.total, params: {power: 1, offset: 1e-3}, at_least: 3}
      - {use: toy.total, params: {power: 1}, target: 40, tolerance: 5, require: false}
    engine: {use: gradient, params: {steps: 9}}
    sample: {count: 64, seed: 7, unique: true}
    fit: {seed: 3}
    render: [numbers, {use: toy.text, params: {width: 20}}]
"""


def test_a_spec_holds_what_the_file_says(load_text):
    spec = load_text(FULL)
    assert (spec.name, spec.realism, spec.output_type) == ("full", 0.5, "toy/1")
    assert (spec.model.plugin.name, dict(spec.model.params)) == ("toy.model", {"size": 7})
    assert spec.model.build() == 7
    assert spec.engine.build().settings == (9, 0.1)
    assert (spec.sample.count, spec.sample.seed, spec.sample.budget, spec.sample.unique) == (64, 7, None, True)
    assert spec.fit.seed == 3
    assert [(one.plugin.name, dict(one.params)) for one in spec.renderers] == [
        ("toy.numbers", {"width": 80}),
        ("toy.text", {"width": 20}),
    ]
    first, either, negation, preference = spec.entries
    assert isinstance(first, Constraint)
    assert str(first.want) == "at_least 0.5"
    assert first.measurement.params == {"scale": 1.0, "mode": "minor", "notes": ("A", "B"), "tonic": "C"}
    assert (first.weight, first.measurement.source) == (2.0, "lc-toy")
    assert isinstance(either, Group)
    assert (either.kind, either.label, either.weight) == ("any", "either", 0.5)
    assert negation.kind == "not"
    assert not preference.require


def labels(spec):
    return [one.label for one in walk(spec.entries)]


def test_labels_are_unique_and_follow_the_names_and_what_differs_in_settings(load_text):
    totals = ["total power 2", "total power 1 offset 0.001", "total power 1"]
    found = labels(load_text(FULL))
    assert found == ["mean minor A B", "either", "mean major", "all", totals[0], "top", "not", *totals[1:]]


def test_labels_of_equal_settings_tell_what_is_wanted_or_are_numbered(load_text):
    head = "    lc: 1\n    model: toy.model\n    constraints:\n"
    one, other, taken = "{use: toy.mean}", "{use: toy.mean, at_most: 0.9}", "{use: toy.total, params: {power: 1}"
    text = f"{head}      - {one}\n      - any: [{other}, not: {other}]\n      - {taken}, at_least: 0, label: mean}}\n"
    assert labels(load_text(text)) == [
        "mean at_least 0.5", "any", "mean at_most 0.9", "not", "mean at_most 0.9-2", "mean",
    ]  # fmt: skip
    paths = "".join(f"      - {{use: toy.mean, params: {{tonic: /a/{name}}}}}\n" for name in ("x/one", "y/two"))
    assert labels(load_text(head + paths)) == ["mean one", "mean two"]


def test_defaults_are_those_of_the_schema(load_text):
    spec = load_text("lc: 1\nmodel: toy.model\n")
    assert (spec.name, spec.realism, spec.entries, spec.renderers) == ("spec", 0.0, (), ())
    assert spec.engine.plugin.name == "auto"
    assert (spec.sample.count, spec.sample.seed, spec.sample.budget, spec.sample.unique) == (16, 0, None, False)
    assert spec.fit.seed == 0


def test_a_resolved_spec_loads_to_an_equal_one(load_text, write_spec, toy_registry):
    spec = load_text(FULL)
    text = spec.to_yaml(block=256, note="on")
    again = load_spec(write_spec(text, name="elsewhere/other.yaml"), registry=toy_registry)
    assert again == spec
    assert again.resolved == {"block": 256, "note": "on"}
    assert again.to_yaml(**again.resolved) == text
    assert load_spec(write_spec(spec.to_yaml()), registry=toy_registry) == spec
    assert "tonic: C" in text
    assert "count: 64" in text


@pytest.mark.parametrize("text", ["1e3", "on", "1:30", "null", "~", "012", "a: b", "", "ü", "0o7", "=", "- x", "#"])
def test_text_settings_survive_being_written(load_text, write_spec, toy_registry, text):
    quoted = text.replace("'", "''")
    spec = load_text(
        f"lc: 1\nmodel: toy.model\nconstraints:\n  - {{use: toy.mean, params: {{tonic: '{quoted}'}}}}\n",
    )
    assert load_spec(write_spec(spec.to_yaml()), registry=toy_registry) == spec
    assert spec.entries[0].measurement.params["tonic"] == text


def test_the_name_of_a_file_becomes_the_name_of_the_run(write_spec, toy_registry):
    path = write_spec("lc: 1\nmodel: toy.model\n", name="my first spec (v2).yaml")
    assert load_spec(path, registry=toy_registry).name == "my-first-spec-v2-"


def test_qualified_names_may_be_used(load_text):
    spec = load_text("lc: 1\nmodel: lc-toy:toy.model\nconstraints: [{use: 'lc-toy:toy.mean'}]\n")
    assert spec.model.use == "toy.model"
    assert spec.entries[0].measurement.name == "toy.mean"


def test_a_bare_renderer_is_the_one_that_fits_the_outputs(load_text):
    spec = load_text("lc: 1\nmodel: toy.camera\nrender: [text]\n")
    assert spec.renderers[0].plugin.name == "pictures.text"
    assert load_text("lc: 1\nmodel: toy.model\nrender: [text]\n").renderers[0].plugin.name == "toy.text"


def test_a_spec_extends_another(write_spec, toy_registry):
    write_spec(FULL, name="base/full.yaml")
    path = write_spec(
        """
        lc: 1
        extends: base/full.yaml
        realism: 0
        constraints: []
        engine: {params: {lr: 0.5}}
        sample: {seed: 9}
        render: [text]
        """,
        name="child.yaml",
    )
    spec = load_spec(path, registry=toy_registry)
    assert (spec.name, spec.realism, spec.entries) == ("child", 0.0, ())
    assert spec.engine.params == {"steps": 9, "lr": 0.5}
    assert (spec.sample.count, spec.sample.seed) == (64, 9)
    assert [one.plugin.name for one in spec.renderers] == ["toy.text"]
    assert load_spec(write_spec(spec.to_yaml()), registry=toy_registry) == spec


def test_another_engine_does_not_inherit_parameters(write_spec, toy_registry):
    write_spec(FULL, name="full.yaml")
    path = write_spec("lc: 1\nextends: full.yaml\nengine: rejection\n", name="child.yaml")
    spec = load_spec(path, registry=toy_registry)
    assert (spec.engine.plugin.name, dict(spec.engine.params)) == ("rejection", {})


def test_the_command_line_overrides(load_text):
    spec = load_text(
        FULL,
        overrides=[
            "constraints.0.at_least=0.25",
            "constraints.0.params.mode=major",
            "model.params.size=3",
            "constraints.1.any.0.at_least=1e-1",
            "name=other",
            "engine.params.steps=5",
            "render=[text]",
            "sample.unique=false",
        ],
        count=5,
        seed=11,
    )
    assert spec.entries[0].want.at_least == 0.25
    assert spec.entries[0].measurement.params["mode"] == "major"
    assert spec.entries[1].entries[0].want.at_least == 0.1
    assert spec.model.params == {"size": 3}
    assert spec.engine.params == {"steps": 5, "lr": 0.1}
    assert (spec.name, spec.sample.count, spec.sample.seed, spec.sample.budget) == ("other", 5, 11, None)
    assert not spec.sample.unique
    assert load_text(FULL, budget=3).sample.budget == 3


def test_another_engine_drops_the_parameters_of_the_first(load_text):
    assert load_text(FULL, engine="rejection").engine.params == {}
    spec = load_text(FULL, engine="gradient", overrides=["engine.params.lr=1"])
    assert spec.engine.params == {"steps": 40, "lr": 1.0}


def test_an_override_makes_what_is_not_there(load_text):
    spec = load_text("lc: 1\nmodel: toy.model\n", overrides=["fit.seed=4", "engine.params.steps=2", "realism=2"])
    assert (spec.fit.seed, spec.engine.params["steps"], spec.realism) == (4, 2, 2.0)


def test_shipped_specs_are_found_by_name():
    for name in shipped_names():
        assert find_spec(name).suffix == ".yaml"
    with pytest.raises(LCError, match="no such file or shipped spec"):
        find_spec("../secret")


def test_a_spec_is_a_value(load_text):
    spec = load_text(FULL)
    assert spec == load_text(FULL)
    assert spec != load_text(FULL, seed=8)
    assert isinstance(spec, Spec)


def test_fit_takes_every_field_of_the_settings_and_writes_them_back(load_text, write_spec, toy_registry):
    given = {
        "seed": 3, "prior_samples": 4096, "push_samples": 512, "steps": 100, "batch": 64, "lr": 0.01, "hidden": 32,
        "rounds": 5, "patience": 2, "round_samples": 64, "round_steps": 10, "stop_at": 0.9,
    }  # fmt: skip
    text = "lc: 1\nmodel: toy.model\nfit:\n" + "".join(f"  {key}: {value}\n" for key, value in given.items())
    spec = load_text(text + "  refine: {window: 5, visits: 4}\n")
    assert spec.fit.as_dict() == given | {"refine": {"window": 5, "visits": 4}}
    assert load_spec(write_spec(spec.to_yaml(), name="again/spec.yaml"), registry=toy_registry).fit == spec.fit
    plain = load_text("lc: 1\nmodel: toy.model\n").fit
    assert vars(plain) == {field: value for field, value in vars(FitSettings()).items()}
