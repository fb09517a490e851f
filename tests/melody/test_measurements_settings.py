"""Settings of measurements: good ones pass as they are, the others are refused before anything is measured."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast, get_type_hints

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from lc_core.errors import LCError
from lc_plugins.melody import measurements as m

SCALE = np.array([[60, 62, 64, 65, 67, 69, 71, 72]])


@pytest.mark.parametrize(
    ("function", "setting", "found"),
    [
        (m.in_scale, {"tonic": "H"}, "'H'"),
        (m.in_scale, {"tonic": "c"}, "'c'"),
        (m.in_scale, {"tonic": "C##"}, "'C##'"),
        (m.in_scale, {"tonic": 12}, "12"),
        (m.in_scale, {"tonic": -1}, "-1"),
        (m.in_scale, {"tonic": True}, "True"),
        (m.in_scale, {"tonic": None}, "None"),
        (m.in_scale, {"tonic": 1.5}, "1.5"),
        (m.in_scale, {"mode": "majr"}, "majr"),
        (m.in_scale, {"pitch_classes": []}, "at least one pitch class"),
        (m.in_scale, {"pitch_classes": [0, 12]}, "12"),
        (m.in_scale, {"pitch_classes": ["C"]}, "'C'"),
        (m.in_scale, {"pitch_classes": "CEG"}, "'CEG'"),
        (m.starts_on, {"pitch_class": ""}, "''"),
        (m.ends_on, {"pitch_class": "do"}, "'do'"),
        (m.chord_fit, {"chords": []}, "at least one chord"),
        (m.chord_fit, {"chords": "Dm7"}, "'Dm7'"),
        (m.chord_fit, {"chords": ["Dm7", "Hm"]}, "'Hm'"),
        (m.chord_fit, {"chords": ["Gmajor"]}, "'Gmajor'"),
        (m.chord_fit, {"chords": ["C/E"]}, "leave out the bass note"),
        (m.chord_fit, {"chords": [7]}, "7"),
        (m.form, {"letters": "aabb"}, "'aabb'"),
        (m.form, {"letters": "A"}, "2 to 16 capital letters"),
        (m.cadence, {"degrees": []}, "1 to 16 degrees"),
        (m.cadence, {"degrees": [0]}, r"\[0\]"),
        (m.cadence, {"degrees": "I"}, "'I'"),
        (m.key, {"tonic": "H"}, "'H'"),
        (m.key, {"mode": "dorian"}, "dorian"),
        (m.rhythm, {"pattern": "1000"}, "'1000'"),
        (m.rhythm, {"pattern": "...."}, "x where a note begins"),
        (m.range_of_voice, {"voice": "flute"}, "flute"),
    ],
)
def test_a_setting_without_sense_is_refused_by_the_call_and_by_the_type(
    function: Callable[..., Any], setting: dict[str, Any], found: str
) -> None:
    with pytest.raises(LCError, match=found):
        function(SCALE, **setting)
    ((name, value),) = setting.items()
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(get_type_hints(function, include_extras=True)[name]).validate_python(value)
    assert refused.value.error_count() == 1
    assert re.search(found, str(refused.value))


def test_an_error_names_the_choices() -> None:
    with pytest.raises(LCError, match="major, minor, .*blues"):
        m.in_scale(SCALE, mode=cast(Any, "bluesy"))
    with pytest.raises(LCError, match=r"letter A to G.*0 \(C\) to 11 \(B\)"):
        m.in_scale(SCALE, tonic="X")
    with pytest.raises(LCError, match="maj7, m7, dim"):
        m.chord_fit(SCALE, chords=["Cx"])


def test_a_good_setting_passes_validation_as_it_was_written_and_has_a_json_schema() -> None:
    settings: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (m.in_scale, {"tonic": "Bb", "mode": "dorian", "pitch_classes": [0, 11]}),
        (m.starts_on, {"pitch_class": 11}),
        (m.chord_fit, {"chords": ["Dm7", "G7"]}),
        (m.form, {"letters": "AABA", "length": 4, "likeness": "rhythm"}),
        (m.cadence, {"degrees": [5, 1]}),
        (m.rhythm, {"pattern": "x..x..x."}),
    ]
    for function, good in settings:
        hints = get_type_hints(function, include_extras=True)
        for name, value in good.items():
            kind = TypeAdapter(hints[name])
            assert kind.validate_python(value) == value
            assert kind.json_schema()
