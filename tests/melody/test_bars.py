"""`bars: [1, 2]` of every rule of melodies: it is measured on these bars, as if they were the melody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from lc_core import Constraint, LCError, load_spec, sample
from lc_core.cli import main
from lc_core.constraints.measurement import Measurement, measure_all
from lc_core.plugins.discover import build_registry
from lc_core.sampler.folder import read_config
from lc_core.sampler.rules import Rule, Rules
from lc_plugins.melody import measurements as m
from lc_plugins.melody.bars import cut_bars
from lc_plugins.melody.model import SHIPPED
from tests.melody.rules import PARAMS, lengths_of

H, OFF = 128, 129
REGISTRY = build_registry()
RULES = [one for one in REGISTRY.all("constraint") if one.name.startswith("melody.")]


def melodies(steps: int, count: int = 20) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.where(rng.random((count, steps)) < 0.4, rng.integers(55, 80, (count, steps)), rng.choice([H, H, OFF]))


def rule(name: str, **params: Any) -> Measurement:
    return Measurement(getattr(m, name), PARAMS.get(name, {}) | params, name=f"melody.{name}")


# ---- which bars


def test_bars_are_taken_one_after_another() -> None:
    tokens = np.arange(64)[None]
    assert cut_bars(tokens, [1, 2, 3, 4]).tolist() == tokens.tolist()
    assert cut_bars(tokens, [2])[0].tolist() == list(range(16, 32))
    assert cut_bars(tokens, [1, 4])[0].tolist() == [*range(16), *range(48, 64)]
    assert cut_bars(tokens[:, :40], [3])[0].tolist() == list(range(32, 40))


def test_a_note_that_is_held_on_into_a_bar_begins_there_and_no_other_note_goes_on() -> None:
    tokens = np.array([[60, *[H] * 17, OFF, *[H] * 29, 64, *[H] * 15]])
    assert cut_bars(tokens, [2])[0].tolist() == [60, H, OFF, *[H] * 13]
    assert cut_bars(tokens, [1, 3])[0].tolist() == [60, *[H] * 15, OFF, *[H] * 15]
    assert cut_bars(tokens, [1, 2]).tolist() == tokens[:, :32].tolist()


@pytest.mark.parametrize("component", RULES, ids=lambda one: one.name)
def test_every_rule_takes_bars_and_leaves_them_out_of_its_settings_if_not_given(component: Any) -> None:
    needed = PARAMS.get(component.short, {})
    assert "bars" not in component.fill(needed)
    assert component.fill(needed | {"bars": [1, 2]})["bars"] == [1, 2]


@pytest.mark.parametrize("name", [name for name in m.__all__ if 32 in lengths_of(name)])
def test_a_rule_of_some_bars_is_the_rule_of_a_melody_that_has_only_these(name: str) -> None:
    tokens = melodies(64)
    np.testing.assert_array_equal(rule(name, bars=[2, 3])(tokens), rule(name)(cut_bars(tokens, [2, 3])))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("in_scale", [{"tonic": "C"}, {"tonic": "F#"}]),
        ("key", [{"tonic": "C"}, {"tonic": "A", "mode": "minor"}]),
        ("cadence", [{"degrees": [5, 1]}, {"degrees": [1]}, {"tonic": "G", "degrees": [2, 1]}, {"length": 1}]),
    ],
)
def test_rules_that_are_measured_together_are_as_alone_and_held_apart_by_their_bars(
    name: str, settings: list[dict[str, Any]]
) -> None:
    tokens = melodies(64)
    some = [rule(name, **own, **bars) for own in settings for bars in ({}, {"bars": [1, 2]}, {"bars": [2, 4]})]
    for one, values in zip(some, measure_all(some, tokens), strict=True):
        np.testing.assert_array_equal(values, one(tokens))


# ---- what is refused, and what it is called


@pytest.mark.parametrize("bars", [[], [0], [2, 1], [1, 1], "1", [1.5], [True], 2])
def test_what_names_no_bars_is_refused(bars: Any) -> None:
    component = REGISTRY.get("constraint", "melody.span")
    with pytest.raises(LCError, match="bars in rising order|bars: "):
        component.fill({"bars": bars})


def test_bars_that_do_not_exist_are_refused_with_a_message(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="there is no bar 3: melodies of 32 steps have 2 bars"):
        rule("span", bars=[2, 3])(melodies(32))
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "lc: 1\nmodel: melody.folk-2bar\nconstraints:\n"
        "  - {use: melody.note_density, params: {bars: [3]}, at_least: 0.5}\nsample: {count: 1}\nrender: []\n"
    )
    found = CliRunner().invoke(main, ["sample", str(spec), "--out", str(tmp_path / "run"), "--engine", "rejection"])
    assert found.exit_code == 2
    assert "there is no bar 3: melodies of 32 steps have 2 bars" in found.stderr


def test_rules_of_other_bars_have_names_of_their_own(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "lc: 1\nmodel: melody.folk-2bar\nconstraints:\n"
        "  - {use: melody.note_density, at_least: 0.3}\n"
        "  - {use: melody.note_density, params: {bars: [2]}, at_most: 0.3}\n"
    )
    first, second = load_spec(spec).entries
    assert (first.label, second.label) == ("note_density", "note_density bars [2]")


# ---- samplers


def test_the_shipped_sampler_knows_its_rules_of_whole_melodies_only() -> None:
    rules = Rules.told(read_config(SHIPPED / "sampler"))
    known = {one.name.removeprefix("melody.") for one in rules.rules}
    assert known >= {"in_scale", "chord_fit", "note_density", "arch"}
    for name in known & set(m.__all__):
        assert rules.knows(Constraint(rule(name), at_least=0))
        assert not rules.knows(Constraint(rule(name, bars=[2]), at_least=0))


@pytest.mark.parametrize(
    ("name", "known", "unknown"),
    [
        ("form", {"letters": "AABA"}, {"letters": "ABC"}),
        ("form", {"letters": "AB"}, {"letters": "AB", "length": 1}),
        ("cadence", {"degrees": [5, 1]}, {"degrees": [5, 2, 1]}),
        ("cadence", {"degrees": [1]}, {"degrees": [1], "length": 1}),
        ("returns", {"distance": 8}, {"distance": 32}),
        ("call_and_response", {}, {"length": 1}),
    ],
)
def test_a_sampler_knows_the_settings_of_form_that_its_code_tells(
    name: str, known: dict[str, Any], unknown: dict[str, Any]
) -> None:
    whole = Rule.of(rule(name), fixed=False)
    assert whole.knows(rule(name, **known))
    assert not whole.knows(rule(name, **unknown))


def test_a_sampler_of_longer_melodies_is_told_the_chord_of_every_bar() -> None:
    progression, other = ["C", "F", "G", "C"], ["C", "F", "Am", "C"]
    for steps, size, told in ((32, 24, False), (64, 48, True), (256, 192, True)):
        whole = Rule.of(rule("chord_fit"), fixed=False, shape=(steps,))
        codes = [whole.encode(rule("chord_fit", chords=chords)) for chords in (progression, other)]
        assert whole.size == size
        assert (codes[0] != codes[1]).any() == told, "chords beyond the last bar are not used"
        rng = np.random.default_rng(0)
        assert max(len(whole.code.draw(rng)["chords"]) for _ in range(50)) == steps // 16


def test_rejection_brings_what_is_asked_of_one_bar(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "lc: 1\nmodel: melody.folk-2bar\nconstraints:\n"
        "  - {use: melody.note_density, params: {bars: [1]}, at_least: 0.5}\n"
        "  - {use: melody.note_density, params: {bars: [2]}, at_most: 0.45}\n"
        "engine: rejection\nsample: {count: 3}\n"
    )
    tokens = sample(load_spec(spec)).outputs
    assert ((tokens[:, :16] < H).mean(axis=1) >= 0.5).all()
    assert ((cut_bars(tokens, [2]) < H).mean(axis=1) <= 0.45).all()
