"""The studio's view of melodies says the same of chords and pitches as the rules and the pictures."""

from __future__ import annotations

import re
from pathlib import Path

import lc_plugins.melody.piano_roll as pictures
from lc_plugins.melody.measurements.theory import CHORDS

SCRIPT = (Path(pictures.__file__).parent / "page" / "piano_roll.js").read_text(encoding="utf-8")


def test_the_view_knows_the_chords_that_the_rule_knows() -> None:
    table = SCRIPT.partition("const CHORDS = {")[2].partition("};")[0]
    found = re.findall(r'^ *(?:"(\w*)"|(\w+)): \[([\d, ]+)\],$', table, re.MULTILINE)
    told = {quoted or plain: tuple(map(int, steps.split(","))) for quoted, plain, steps in found}
    assert told == CHORDS


def test_the_view_shows_the_pitches_that_pictures_show() -> None:
    told = {name: int(value) for name, value in re.findall(r"^const (LOWEST|HIGHEST) = (\d+);", SCRIPT, re.MULTILINE)}
    assert told == {"LOWEST": pictures.LOWEST, "HIGHEST": pictures.HIGHEST}
