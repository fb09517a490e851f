"""How YAML is read: YAML 1.2 values, places, limits."""

from __future__ import annotations

import math
import tracemalloc

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lc_core.spec.load import MAX_ALIASES, MAX_DEPTH, parse
from lc_core.spec.problems import Problems, SpecError


def read(text):
    problems = Problems()
    node = parse(text, source="file.yaml", problems=problems)
    problems.check()
    return node


def error_of(text):
    with pytest.raises(SpecError) as caught:
        read(text)
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("-1.", -1.0),
        ("012", 12),
        ("0o14", 12),
        ("0xff", 255),
        ("+3", 3),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("on", "on"),
        ("no", "no"),
        ("yes", "yes"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("2001-01-01", "2001-01-01"),
        ("'1'", "1"),
        ('"true"', "true"),
        ("C", "C"),
        ("<<", "<<"),
        ("=", "="),
    ],
)
def test_plain_values_are_those_of_yaml_1_2(text, value):
    found = read(f"key: {text}").plain()["key"]
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_a_number():
    assert math.isnan(read("key: .nan").plain()["key"])


def test_keys_that_other_versions_read_as_booleans_are_text():
    assert read("{on: 1, no: 2, y: 3}").plain() == {"on": 1, "no": 2, "y": 3}


def test_every_value_knows_its_place():
    root = read("a: 1\nb:\n  - {c: x}\n")
    place = root.content["b"].content[0].content["c"].where
    assert str(place) == "file.yaml:3:9"
    assert str(root.content["b"].content[0].keys["c"]) == "file.yaml:3:6"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "a: [1, 2",
            "while parsing a flow sequence that starts in line 1",
        ),
        ("a: 1\n b: 2", "file.yaml:2:3: error: not YAML"),
        ("a: 'x", "error: not YAML"),
        ("\tb: 1", "file.yaml:1:1: error: a tab stands where only spaces are allowed"),
        ("ab\x07c: 1", "file.yaml:1:3: error: not YAML"),
        ("a: 1\n---\nb: 1", "file.yaml:2:1: error: expected one document"),
        ("a: !!python/object/apply:os.system [ls]", "file.yaml:1:4: error: tag !!python/object/apply:os.system is not"),
        ("a: !custom 1", "tag !custom is not allowed"),
        ("a: !!str 1", "tag !!str is not allowed"),
        ("a: 1\nb: 2\na: 3", "file.yaml:3:1: error: duplicate key 'a'; first in line 1"),
        ("{a: {b: 1, b: 2}}", "file.yaml:1:12: error: duplicate key 'b'"),
        ("1: a", "a key must be text; found 1"),
        ("[a]: b", "a key must be text; found ['a']"),
        ("? {a: 1}\n: 2", "a key must be text"),
        ("a: &x {b: 1}\nc: {<<: *x}", "file.yaml:2:5: error: merge keys (<<) are not allowed"),
        ("a: *nowhere", "unknown alias *nowhere"),
        ("a: &x [*x]", "alias *x contains itself"),
        ("a: " + "9" * 5000, "a number of 5000 digits is too long"),
        ("[" * 60 + "]" * 60, f"nested more than {MAX_DEPTH} deep"),
        ("[" * 50_000, f"nested more than {MAX_DEPTH} deep"),
        ("a: " * 1 + "&x 1\nb: [" + "*x, " * (MAX_ALIASES + 1) + "]", f"more than {MAX_ALIASES} aliases"),
        ("x: [" + "1, " * 120_000 + "]", "more than 100000 values"),
    ],
)
def test_what_is_not_allowed_is_told_with_its_place(text, told):
    assert told in error_of(text)


def test_several_mistakes_are_told_at_once_and_in_order():
    message = error_of("a: !x 1\nb: 1\nb: 2\n3: 4\n")
    assert [line.split(":")[1] for line in message.splitlines()] == ["1", "3", "4"]


def test_aliases_repeat_values():
    assert read("a: &x [1, 2]\nb: *x").plain() == {"a": [1, 2], "b": [1, 2]}


def test_aliases_cannot_make_a_small_file_large():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 11)]
    tracemalloc.start()
    assert "more than 100000 values" in error_of("\n".join(lines))
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def test_aliases_cannot_nest_deeper_than_the_limit():
    lines = ["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 80))]
    assert "nested more than" in error_of("\n".join(lines))


@given(st.text())
def test_any_text_is_read_or_refused(text):
    try:
        node = parse(text, source="file.yaml", problems=Problems())
    except SpecError as error:
        assert error.message.startswith("file.yaml:")
    else:
        assert node is None or node.where.line >= 1


@given(st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=8)))
def test_what_is_written_by_a_resolved_spec_is_read_back(values):
    from lc_core.spec.values import _Dumper

    values.pop("<<", None)
    text = yaml.dump({"values": values}, Dumper=_Dumper, allow_unicode=True)
    assert read(text).plain() == {"values": values}
