"""Every mistake in a spec is told with its place, a suggestion where there is one, and all at once."""

from __future__ import annotations

import os

import pytest

from lc_core.errors import LCError
from lc_core.spec import SpecError, load_spec

START = "lc: 1\nmodel: toy.model\n"


def entry(text):
    return f"{START}constraints:\n  - {text}\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        # keys
        (START + "constrains: []\n", "3:1: unknown key 'constrains' (did you mean constraints?)"),
        (START + "free: {}\n", "3:1: unknown key 'free'"),
        (START + "sample: {cuont: 3}\n", "3:10: unknown key 'cuont' (did you mean count?)"),
        (START + "fit: {sead: 3}\n", "3:7: unknown key 'sead' (did you mean seed?)"),
        (START + "engine: {use: gradient, parms: {}}\n", "3:25: unknown key 'parms' (did you mean params?)"),
        (START + "engine: {params: {stepz: 3}}\n", "3:19: unknown key 'stepz' (did you mean steps?)"),
        (START + "render: [{use: text, params: {widht: 3}}]\n", "3:31: unknown key 'widht' (did you mean width?)"),
        ("lc: 1\nmodel: {use: toy.model, params: {sizes: 1}}\n", "2:34: unknown key 'sizes' (did you mean size?)"),
        ("lc: 1\nmodel: {ues: toy.model}\n", "2:9: unknown key 'ues' (did you mean use?)"),
        (entry("{use: toy.mean, at_lest: 1}"), "4:21: unknown key 'at_lest' (did you mean at_least?)"),
        (entry("{use: toy.mean, params: {scal: 1}}"), "4:30: unknown key 'scal' (did you mean scale?)"),
        (entry("{ues: toy.mean}"), "4:6: unknown key 'ues' (did you mean use?)"),
        (entry("any: [{use: toy.mean, at_moost: 1}]"), "4:27: unknown key 'at_moost' (did you mean at_most?)"),
        (entry("{any: [{use: toy.mean}], wieght: 1}"), "4:30: unknown key 'wieght' (did you mean weight?)"),
        ("lc: 1\nconstraints: []\n", "1:1: missing key 'model'"),
        ("model: toy.model\n", "1:1: missing key 'lc', the version of the format: write lc: 1"),
        ("lc: 2\nmodel: toy.model\n", "1:5: version of the format should be 1; found 2"),
        ("lc: true\nmodel: toy.model\n", "1:5: version of the format should be 1; found True"),
        (entry("{use: toy.total, at_least: 1}"), "4:11: missing key 'power' in the params of toy.total"),
        # types
        (START + "realism: high\n", '3:10: should be a number; found "high"'),
        (START + "realism: true\n", "3:10: should be a number; found true"),
        (START + "name: 3\n", "3:7: should be text; found 3"),
        (START + "name: a/b\n", "3:7: should match pattern"),
        (START + "constraints: {use: toy.mean}\n", "3:14: should be a list"),
        (START + "constraints:\n", "3:13: should be a list; found nothing"),
        (START + "sample: [1]\n", "3:9: should be a mapping; found [1]"),
        (START + "sample: {count: 1.5}\n", "3:17: should be a whole number; found 1.5"),
        (START + "sample: {count: '16'}\n", '3:17: should be a whole number; found "16"'),
        (START + "sample: {unique: yes}\n", '3:18: should be true or false; found "yes"'),
        (START + "engine: {params: [1]}\n", "3:18: should be a mapping"),
        (START + "engine: {params: {steps: fast}}\n", '3:26: should be a whole number; found "fast"'),
        (START + "render: text\n", '3:9: should be a list; found "text"'),
        (START + "render: [3]\n", "3:10: should be a mapping; found 3"),
        (START + "model: [x]\n".replace("model", "engine"), "3:9: should be a mapping"),
        (entry("toy.mean"), '4:5: should be a mapping; found "toy.mean"'),
        (entry("{use: 3}"), "4:11: should be text; found 3"),
        (entry("{use: toy.mean, at_least: x}"), '4:31: should be a number; found "x"'),
        (entry("{use: toy.mean, at_least: 0,3}"), "4:33: a number takes a decimal point: write 0.3; found 0,3"),
        (
            entry("use: toy.mean\n    at_least: 0,3"),
            '5:15: should be a number; found "0,3" (a number takes a decimal point: 0.3)',
        ),
        (entry("{use: toy.mean, at_least: [1, 2]}"), "4:31: should be a number; found [1, 2]"),
        (entry("{use: toy.mean, at_least: null}"), "4:31: should be a number; found nothing"),
        (entry("{use: toy.mean, between: 3}"), "4:30: should be a list; found 3"),
        (entry("{use: toy.mean, between: [0, x]}"), '4:34: should be a number; found "x"'),
        (entry("{use: toy.mean, require: 1}"), "4:30: should be true or false; found 1"),
        (entry("{use: toy.mean, params: {mode: mayor}}"), "did you mean major?"),
        (entry("{use: toy.mean, params: {notes: C}}"), '4:37: should be a list; found "C"'),
        (entry("{use: toy.mean, params: {notes: [C, 3]}}"), "4:41: should be text; found 3"),
        (entry("{use: toy.mean, params: {tonic: 1.5}}"), "4:37: should be text or should be a whole number; found 1.5"),
        (entry("{not: [{use: toy.mean}]}"), "4:11: should be a mapping"),
        # ranges
        (START + "realism: -1\n", "3:10: should be greater than or equal to 0; found -1"),
        (START + "realism: .nan\n", "3:10: should be a finite number; found NaN"),
        (START + "realism: 1e999\n", "3:10: should be a finite number; found Infinity"),
        (START + "sample: {count: -3}\n", "3:17: should be greater than or equal to 1; found -3"),
        (START + "sample: {count: 0}\n", "3:17: should be greater than or equal to 1; found 0"),
        (START + "sample: {seed: -1}\n", "3:16: should be greater than or equal to 0; found -1"),
        (START + "sample: {seed: 9223372036854775808}\n", "3:16: should be less than"),
        (START + "sample: {budget: 0}\n", "3:18: should be greater than or equal to 1; found 0"),
        (START + "fit: {seed: -1}\n", "3:13: should be greater than or equal to 0; found -1"),
        (START + "engine: {params: {steps: 0}}\n", "3:26: should be greater than or equal to 1; found 0"),
        (START + "engine: {params: {lr: .inf}}\n", "3:23: should be a finite number"),
        (entry("{use: toy.mean, weight: .nan}"), "4:29: should be a finite number; found NaN"),
        (entry("{use: toy.mean, weight: -1}"), "4:29: should be greater than or equal to 0; found -1"),
        (entry("{use: toy.mean, at_least: .nan}"), "4:31: should be a finite number; found NaN"),
        (entry("{use: toy.mean, target: 0.5, tolerance: -1}"), "4:45: should be greater than or equal to 0; found -1"),
        (entry("{any: []}"), "4:11: should have at least 1 entry"),
        (entry("{use: toy.mean, label: ''}"), "4:28: should not be empty"),
        # wants
        (entry("{use: toy.mean, at_least: 0.1, at_most: 0.9}"), "found at_least and at_most"),
        (entry("{use: toy.mean, target: 0.1}"), "4:21: target and tolerance belong together"),
        (entry("{use: toy.mean, tolerance: 0.1}"), "found none"),
        (entry("{use: toy.mean, between: [0.9, 0.1]}"), "4:21: between needs [low, high] with low <= high"),
        (entry("{use: toy.mean, between: [1]}"), "4:30: too few values"),
        (entry("{use: toy.total, params: {power: 1}}"), "4:5: toy.total has no default want"),
        # groups
        (
            entry("{any: [{use: toy.mean, weight: 2}]}"),
            "4:28: weight belongs on an entry of the constraints list itself",
        ),
        (entry("{not: {use: toy.mean, require: false}}"), "4:27: require belongs on an entry of the constraints list"),
        (entry("{use: toy.mean, any: []}"), "4:21: an entry holds one of use, any, all and not; found use and any"),
        (entry("{any: [{use: toy.mean}], at_least: 1}"), "4:30: at_least belongs on the constraints inside"),
        (entry("{use: toy.mean, label: a}") + "  - {use: toy.mean, label: a}\n", "5:28: duplicate label 'a'"),
        (entry("{use: toy.mean, label: z}"), "4:28: label 'z' is reserved"),
        (entry("{use: toy.mean, label: realism}"), "4:28: label 'realism' is reserved"),
        # plugins
        ("lc: 1\nmodel: toy.modell\n", "2:8: unknown model 'toy.modell' (did you mean toy.model?)"),
        (entry("{use: toy.maen}"), "4:11: unknown constraint 'toy.maen' (did you mean toy.mean?)"),
        (
            entry("{use: realism, require: true}"),
            "4:11: realism is no constraint: nothing measures it on an output; give it a weight at the top",
        ),
        (entry("not: {all: [{use: toy.maen}]}"), "4:23: unknown constraint 'toy.maen' (did you mean toy.mean?)"),
        (START + "engine: gradeint\n", "3:9: unknown engine 'gradeint' (did you mean gradient?)"),
        (START + "render: [texts]\n", "3:10: unknown renderer 'texts' for toy/1 (did you mean text?)"),
        (START + "render: [toy.texts]\n", "3:10: unknown renderer 'toy.texts' (did you mean toy.text or"),
        (START + "render: [pictures.text]\n", "3:10: pictures.text draws image/1, but the model makes toy/1"),
        (START + "render: [text, prose]\n", "3:16: toy.text and toy.prose both write .txt files"),
        (START + "render: [text, toy.text]\n", "3:16: toy.text is listed twice"),
        (entry("{use: toy.brightness}"), "4:11: toy.brightness measures image/1, but the model makes toy/1"),
        (entry("{use: toy.mean, between: [0,3, 0,7]}"), "4:30: should have at most 2 entries; found [0, 3, 0, 7]"),
        # what cannot be
        (
            entry("{use: toy.mean, at_least: 1.5}"),
            "4:21: at_least 1.5 cannot be reached: toy.mean lies between 0 and 1",
        ),
        (entry("{any: [{use: toy.mean, at_most: -1}]}"), "4:28: at_most -1.0 cannot be reached"),
        (
            entry("{use: toy.mean, at_least: 0.9}") + "  - {use: toy.mean, at_most: 0.1}\n",
            "5:21: mean at_most 0.1 cannot be met together with mean at_least 0.9",
        ),
        (
            entry("{all: [{use: toy.mean, at_least: 0.9}]}") + "  - {all: [{all: [{use: toy.mean, at_most: 0.1}]}]}\n",
            "5:35: mean at_most 0.1 cannot be met together with mean at_least 0.9",
        ),
        (
            entry("{use: toy.mean, at_least: 0.5}") + "  - {not: {use: toy.mean, at_least: 0.4}}\n",
            "5:27: not mean at_least 0.4 cannot be met together with mean at_least 0.5",
        ),
        (
            entry("{not: {any: [{use: toy.mean, at_least: 0}, {use: toy.mean, at_least: 0.9}]}}"),
            "4:34: not mean at_least 0.0 cannot be met since toy.mean never lies outside",
        ),
        (  # in one alternative of several
            entry("{any: [{use: toy.mean}, {all: [{use: toy.mean}, {use: toy.mean, at_most: 0.1}]}]}"),
            "4:69: mean at_most 0.1 cannot be met together with mean at_least 0.5",
        ),
        (
            entry("{any: [{all: [{use: toy.mean}, {not: {use: toy.mean}}]}, {use: toy.mean, at_most: 0.1}]}"),
            "4:42: not mean at_least 0.5 cannot be met together with mean at_least 0.5",
        ),
        (  # in every alternative, beside what is asked next to the group
            entry("{use: toy.mean, at_least: 0.9}")
            + "  - {any: [{use: toy.mean, at_most: 0.1}, {not: {use: toy.mean}}]}\n",
            "5:28: mean at_most 0.1 cannot be met together with mean at_least 0.9",
        ),
        (
            entry("{use: toy.mean}") + "  - {not: {all: [{use: toy.mean}, {use: toy.mean, at_least: 0.2}]}}\n",
            "not mean at_least 0.2 cannot be met together with mean at_least 0.5",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(errors_of, text, told):
    assert [one for one in errors_of(text) if told in one], errors_of(text)


def test_what_conflicts_with_a_bound_that_cannot_be_reached_is_not_told_as_well(errors_of):
    more = "".join(f"  - {{{one}}}\n" for one in ("use: toy.mean, at_most: 0.5", "not: {use: toy.mean, at_most: 0.2}"))
    (found,) = errors_of(entry("{use: toy.mean, at_least: 2}") + more)
    assert "at_least 2.0 cannot be reached" in found


@pytest.mark.parametrize(
    "text",
    [
        entry("{use: toy.mean, at_least: 0.9}") + "  - {use: toy.mean, at_most: 0.1, require: false}\n",
        entry("{use: toy.mean, at_least: 0.9}") + "  - {use: toy.mean, params: {scale: 2}, at_most: 0.1}\n",
        entry("{use: toy.mean, at_least: 0.9}") + "  - {any: [{use: toy.mean, at_most: 0.1}, {use: toy.mean}]}\n",
        entry("{use: toy.mean, at_least: 0.5}") + "  - {use: toy.mean, at_most: 0.5}\n",
        entry("{use: toy.mean, at_least: 0.5}") + "  - {not: {use: toy.mean, at_least: 0.6}}\n",
        entry("{use: toy.mean, at_least: 0.5}")
        + "  - {not: {all: [{use: toy.mean}, {use: toy.mean, at_least: 0.9}]}}\n",
    ],
)
def test_conditions_that_are_not_provably_impossible_pass(load_text, text):
    assert len(load_text(text).entries) == 2


def test_everything_is_told_at_once_in_the_order_of_the_file(errors_of):
    errors = errors_of(
        """\
        lc: 1
        model: toy.modell
        realism: -1
        constraints:
          - {use: toy.maen}
          - {use: toy.mean, params: {scal: 1}, weight: .nan}
          - {use: toy.mean, at_least: 7}
        engine: {use: gradient, params: {steps: 0, lrr: 1}}
        sample: {cuont: 3}
        render: [toy.texts]
        """
    )
    assert [one.split(":")[0] for one in errors] == ["2", "3", "5", "6", "6", "7", "8", "8", "9", "10"]
    assert len(set(errors)) == len(errors)


def test_several_mistakes_in_one_setting_are_told_apart(errors_of):
    assert errors_of(entry("{use: toy.mean, params: {notes: [1, x, 1]}}")) == [
        "4:38: should be text; found 1",
        "4:44: should be text; found 1",
    ]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("constraints.4.at_least=1", "constraints has entries 0 to 0; found '4'"),
        ("constraints.x.at_least=1", "constraints has entries 0 to 0; found 'x'"),
        ("constraints.-1.at_least=1", "constraints has entries 0 to 0; found '-1'"),
        ("constraints.0.at_lest=0.5", "unknown key 'at_lest' (did you mean at_least?)"),
        ("constraints.0.use.x=1", "constraints.0.use is 'toy.mean', which has no 'x'"),
        ("smaple.count=3", "unknown key 'smaple' (did you mean sample?)"),
        ("sample.count=many", 'should be a whole number; found "many"'),
        ("sample.count=", "should be a whole number; found nothing"),
        ("sample.count", "expected KEY=VALUE"),
        ("=3", "expected KEY=VALUE"),
        ("sample..count=3", "expected KEY=VALUE"),
        ("sample=[1", "not YAML"),
        ("sample.count=!!python/name:os.system 3", "tag !!python/name:os.system is not allowed"),
        ("engine=gradeint", "unknown engine 'gradeint' (did you mean gradient?)"),
    ],
)
def test_a_mistake_in_an_override_names_the_override(errors_of, setting, told):
    (error,) = errors_of(entry("{use: toy.mean}"), overrides=[setting])
    assert error.startswith(f"--set {setting}: ")
    assert told in error


def test_a_mistake_in_an_option_names_the_option(errors_of):
    assert errors_of(START, count=-1) == ["--count -1: should be greater than or equal to 1; found -1"]
    assert errors_of(START, seed=-1) == ["--seed -1: should be greater than or equal to 0; found -1"]
    assert errors_of(START, budget=0) == ["--budget 0: should be greater than or equal to 1; found 0"]
    (error,) = errors_of(START, engine="actr")
    assert error.startswith("--engine actr: unknown engine 'actr'")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", ":1:1: error: the file is empty"),
        (b"# only a comment\n", "the file is empty"),
        (b"---\n...\n", "the file is empty"),
        (b"- a\n", ":1:1: error: expected a mapping with keys such as model and constraints; found a list"),
        (b"just text", "expected a mapping"),
        (b"a: b: c", "not YAML"),
        (b"lc: 1\nname: \xff\xfe", ":2:7: error: not UTF-8 text"),
        (b"lc: 1 #" + b"x" * 1_000_001, "larger than 1,000,000 bytes"),
        (b"\x89PNG\r\n\x1a\n\x00", "not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_spec_is_told(tmp_path, toy_registry, content, told):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError) as caught:
        load_spec(path, registry=toy_registry)
    assert caught.value.message.startswith(str(path))
    assert told in caught.value.message
    assert caught.value.exit_code == 2


def test_a_byte_order_mark_is_no_mistake(tmp_path, toy_registry):
    path = tmp_path / "spec.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + START.encode())
    assert load_spec(path, registry=toy_registry).name == "spec"


def test_missing_files_and_folders_are_told(tmp_path, toy_registry):
    with pytest.raises(LCError, match="no such file or shipped spec"):
        load_spec(tmp_path / "none.yaml", registry=toy_registry)
    with pytest.raises(LCError, match="is a folder; expected a spec file"):
        load_spec(tmp_path, registry=toy_registry)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_an_unreadable_file_is_told(write_spec, toy_registry):
    path = write_spec(START)
    path.chmod(0)
    with pytest.raises(SpecError, match="cannot be read: Permission denied"):
        load_spec(path, registry=toy_registry)


def test_mistakes_in_an_extended_file_are_placed_there(write_spec, toy_registry):
    write_spec("lc: 1\nmodel: toy.model\nsample: {cuont: 3}\n", name="base.yaml")
    path = write_spec("lc: 1\nextends: base.yaml\nrealism: -1\n", name="child.yaml")
    with pytest.raises(SpecError) as caught:
        load_spec(path, registry=toy_registry)
    base, child = sorted(caught.value.message.splitlines())
    assert "base.yaml:3:10: error: unknown key 'cuont'" in base
    assert "child.yaml:3:10: error: should be greater than" in child


@pytest.mark.parametrize(
    ("extends", "told"),
    [
        ("child.yaml", ":2:10: error: extends goes in a circle: child.yaml -> child.yaml"),
        ("other.yaml", "extends goes in a circle: child.yaml -> other.yaml -> child.yaml"),
        ("nowhere.yaml", ":2:10: error: nowhere.yaml: no such file or shipped spec"),
        ("[a, b]", ":2:10: error: extends should be a path or a shipped name"),
    ],
)
def test_what_cannot_be_extended_is_told(write_spec, toy_registry, extends, told):
    write_spec("lc: 1\nextends: child.yaml\n", name="other.yaml")
    path = write_spec(f"lc: 1\nextends: {extends}\nmodel: toy.model\n", name="child.yaml")
    with pytest.raises(SpecError) as caught:
        load_spec(path, registry=toy_registry)
    assert told in caught.value.message


def test_a_plugin_that_cannot_be_loaded_is_told_at_its_place(install_plugin, write_spec):
    install_plugin(
        "lc-late",
        """
        from lc_core.plugins.hookspecs import hookimpl

        @hookimpl
        def lc_register_constraints(register):
            register("late.rule", "no_such_module:rule")
        """,
    )
    path = write_spec("lc: 1\nmodel: melody.folk-2bar\nconstraints: [{use: late.rule}]\n")
    with pytest.raises(SpecError) as caught:
        load_spec(path)
    assert ":3:21: error: constraint late.rule of lc-late cannot be loaded" in caught.value.message
