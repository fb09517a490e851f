"""Measurements against values worked out by hand, and where a melody has none."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lc_core.constraints.measurement import Measurement
from lc_plugins.melody import measurements as m
from tests.melody.rules import PARAMS

H, OFF = 128, 129
ALL = [getattr(m, name) for name in m.__all__]
OF_SILENCE_TOO = {
    "note_density", "rest_share", "repeated_bar", "form", "returns", "rhythm", "same_rhythm", "same_pitches",
}  # fmt: skip
NO_VALUE_WITHOUT_NOTES = set(m.__all__) - OF_SILENCE_TOO


def settings(function: Callable[..., Any]) -> dict[str, Any]:
    return PARAMS.get(function.__name__, {})


def melody(*tokens: int, steps: int = 32) -> np.ndarray:
    """Return a batch of one melody, held to its end."""
    return np.array([[*tokens, *[H] * (steps - len(tokens))]])


def rhythm(*onsets: int, steps: int = 16) -> np.ndarray:
    tokens = np.full((1, steps), H)
    tokens[0, list(onsets)] = 60
    return tokens


def check(value: np.ndarray, expected: float) -> None:
    assert value.shape == (1,)
    assert value[0] == pytest.approx(expected, nan_ok=True)


SCALE = melody(60, 62, 64, 65, 67, 69, 71, 72)  # C major, up
LEAPS = melody(60, 67, H, OFF, 64, 64, 66)  # +7, a rest, -3, 0, +2


@pytest.mark.parametrize(
    ("function", "tokens", "expected"),
    [
        (m.lowest, LEAPS, 60),
        (m.highest, LEAPS, 67),
        (m.span, LEAPS, 7),
        (m.contour, LEAPS, 12),
        (m.max_leap, LEAPS, 7),
        (m.stepwise_share, LEAPS, 0.25),
        (m.stepwise_share, SCALE, 1.0),
        (m.contour, SCALE, 12),
        (m.note_density, LEAPS, 5 / 32),
        (m.note_density, melody(*[60] * 32), 1.0),
        (m.rest_share, LEAPS, 1 / 32),
        (m.rest_share, melody(H, H, 60, OFF, H, 62, steps=8), 0.5),
        (m.rest_share, melody(60, OFF), 31 / 32),
    ],
)
def test_pitch_and_density(function: Callable[..., np.ndarray], tokens: np.ndarray, expected: float) -> None:
    check(function(tokens), expected)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (melody(60, 64, 67, 64, 60), 1.0),
        (melody(60, 64, 64, OFF, 67, 67, 60), 1.0),  # repeated notes and rests do not matter
        (SCALE, 0.0),  # a climb without a descent
        (melody(72, 67, 60), 0.0),
        (melody(67, 60, 67), 0.0),  # a valley
        (melody(60, 67, 64), 2 * 3 / 10),  # the descent is 3 of the climb's 7
        (melody(60, 64, 62, 67, 60), 2 * 7 / (4 + 2 + 5 + 7)),  # it wavers on the way up
        (melody(60, 60, 60), 0.0),
        (melody(60), 0.0),
    ],
)
def test_arch(tokens: np.ndarray, expected: float) -> None:
    check(m.arch(tokens), expected)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({}, 1.0),
        ({"tonic": "G"}, 7 / 8),  # F is not in it
        ({"tonic": 7}, 7 / 8),
        ({"tonic": "F#"}, 2 / 8),  # B and F only, as E#
        ({"tonic": "Gb"}, 2 / 8),
        ({"tonic": "A", "mode": "minor"}, 1.0),
        ({"tonic": "A", "mode": "harmonic_minor"}, 7 / 8),
        ({"tonic": "A", "mode": "melodic_minor"}, 6 / 8),
        ({"tonic": "D", "mode": "dorian"}, 1.0),
        ({"tonic": "E", "mode": "phrygian"}, 1.0),
        ({"tonic": "F", "mode": "lydian"}, 1.0),
        ({"tonic": "G", "mode": "mixolydian"}, 1.0),
        ({"tonic": "A", "mode": "aeolian"}, 1.0),
        ({"tonic": "B", "mode": "locrian"}, 1.0),
        ({"tonic": "C", "mode": "ionian"}, 1.0),
        ({"mode": "major_pentatonic"}, 6 / 8),
        ({"tonic": "A", "mode": "minor_pentatonic"}, 6 / 8),
        ({"mode": "blues"}, 4 / 8),
        ({"tonic": "Bb", "mode": "chromatic"}, 1.0),
        ({"tonic": "F#", "pitch_classes": [0, 4]}, 3 / 8),  # absolute: the tonic is not used
    ],
)
def test_in_scale_on_a_scale_of_c_major(setting: dict[str, Any], expected: float) -> None:
    check(m.in_scale(SCALE, **setting), expected)


def test_starts_on_and_ends_on_look_at_the_first_and_last_onset_whatever_rests_surround_them() -> None:
    tokens = melody(H, OFF, 67, H, 60, 66, OFF)
    check(m.starts_on(tokens, pitch_class="G"), 1.0)
    check(m.starts_on(tokens), 0.0)
    check(m.ends_on(tokens, pitch_class="Gb"), 1.0)
    check(m.ends_on(tokens, pitch_class=6), 1.0)
    check(m.ends_on(tokens), 0.0)


@pytest.mark.parametrize(
    ("onsets", "expected"),
    [
        pytest.param((0, 4, 6, 10, 12), 2, id="shiko"),
        pytest.param((0, 3, 6, 10, 12), 4, id="son"),
        pytest.param((0, 3, 7, 10, 12), 5, id="rumba"),
        pytest.param((0, 3, 6, 10, 14), 5, id="gahu"),
        pytest.param((0, 3, 6, 10, 11), 6, id="soukous"),
        pytest.param((0, 3, 6, 10, 13), 6, id="bossa nova"),
        pytest.param((0, 4, 8, 12), 0, id="four beats"),
        pytest.param(tuple(range(16)), 0, id="every step"),
        pytest.param(tuple(range(1, 16, 2)), 15, id="the weakest steps"),
    ],
)
def test_rhythm_complexity_of_the_clave_rhythms(onsets: tuple[int, ...], expected: float) -> None:
    check(m.rhythm_complexity(rhythm(*onsets)), expected)


def test_rhythm_complexity_takes_the_strongest_steps_of_all_bars_together() -> None:
    check(m.rhythm_complexity(rhythm(0, 8, steps=32)), 1)  # both downbeats would have 10, these have 9
    check(m.rhythm_complexity(rhythm(0, 16, steps=32)), 0)
    check(m.rhythm_complexity(rhythm(1, steps=8)), 4)  # half a bar


@pytest.mark.parametrize(
    ("onsets", "expected"),
    [
        ((0, 4, 8, 12), 0),
        (tuple(range(16)), 0),
        ((3,), 4 - 1),  # held over the half bar
        ((0, 3, 6, 10, 12), (3 - 1) + (4 - 2)),  # the son: 3 over 4, 6 over 8; 10 and 12 pass nothing stronger
        ((2, 5), (3 - 2) + (4 - 1)),
        ((15,), 0),  # what comes after the end is not known
    ],
)
def test_syncopation(onsets: tuple[int, ...], expected: float) -> None:
    check(m.syncopation(rhythm(*onsets)), expected)


def test_syncopation_over_a_bar_line_counts_the_downbeat() -> None:
    check(m.syncopation(rhythm(0, 14, 20, steps=32)), 5 - 2 + (4 - 3))


def test_syncopation_takes_a_rest_like_a_held_note() -> None:
    tokens = rhythm(0, 3, 5)
    tokens[0, 4] = OFF
    check(m.syncopation(tokens), (3 - 1) + (4 - 1))


BAR = [60, H, 62, OFF] * 4


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        ([BAR, BAR], 1.0),
        ([BAR, [60, H, 62, H] * 4], 0.0),  # longer notes
        ([BAR, [60, 60, 62, OFF] * 4], 0.0),  # struck again
        ([BAR, [60, H, 62, OFF] * 3 + [60, H, 62, OFF]], 1.0),
        ([[60] + [H] * 15, [H] * 16], 0.0),  # held over, not struck
        ([[60] + [H] * 15, [H] * 16, [H] * 16], 0.5),
        ([[H] * 16, [OFF] + [H] * 15], 1.0),  # silence, written in two ways
        ([[H, 60] + [OFF] * 14, [OFF, 60, OFF] + [H] * 13], 1.0),
        ([BAR, BAR, BAR[::-1], BAR[::-1], BAR[::-1]], 0.75),
    ],
)
def test_repeated_bar_compares_what_sounds(bars: list[list[int]], expected: float) -> None:
    check(m.repeated_bar(np.array([sum(bars, [])])), expected)


def test_repeated_bar_ignores_a_last_bar_that_is_short_and_has_no_value_for_one_bar() -> None:
    check(m.repeated_bar(np.array([BAR + BAR + [70] * 5])), 1.0)
    check(m.repeated_bar(np.array([BAR + BAR[:15]])), np.nan)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (melody(60, 72, 48), 0.0),
        (melody(60, 62), 1.0),
        (melody(60, 60, 60, 62), 0.8112781244591328),
        (melody(*range(60, 72)), np.log2(12)),
        (melody(60), 0.0),
    ],
)
def test_pitch_class_entropy(tokens: np.ndarray, expected: float) -> None:
    check(m.pitch_class_entropy(tokens), expected)


@pytest.mark.parametrize(
    ("chords", "expected"),
    [
        (["Dm7", "G7"], 6 / 7),
        (["Dm7"], 4 / 7),
        (["Dm7", "G7", "C"], 6 / 7),  # the third has no bar
        (["C"], 2 / 7),
        (["Bdim", "G"], 5 / 7),
    ],
)
def test_chord_fit_over_d_minor_and_g_seven(chords: list[str], expected: float) -> None:
    # Beats of bar 1: D (struck), D (held), F, A; of bar 2: G, silence, B, E. The C off the beat does not count.
    first = [62, H, H, H, H, H, 60, H, 65, H, H, H, 69, H, H, H]
    second = [67, H, H, H, OFF, H, H, H, 71, H, H, H, 64, H, H, H]
    check(m.chord_fit(np.array([first + second]), chords=chords), expected)


@pytest.mark.parametrize(
    ("chord", "pitch_classes"),
    [
        ("C", [0, 4, 7]),
        ("Cmaj", [0, 4, 7]),
        ("Am", [9, 0, 4]),
        ("G7", [7, 11, 2, 5]),
        ("Fmaj7", [5, 9, 0, 4]),
        ("Bbm7", [10, 1, 5, 8]),
        ("Bdim", [11, 2, 5]),
        ("C#dim7", [1, 4, 7, 10]),
        ("F#m7b5", [6, 9, 0, 4]),
        ("Ebaug", [3, 7, 11]),
        ("Dsus2", [2, 4, 9]),
        ("Dsus4", [2, 7, 9]),
        ("A6", [9, 1, 4, 6]),
        ("Em6", [4, 7, 11, 1]),
        ("G9", [7, 11, 2, 5, 9]),
    ],
)
def test_every_kind_of_chord_has_its_notes(chord: str, pitch_classes: list[int]) -> None:
    each = np.arange(60, 72)[:, None]
    assert np.flatnonzero(m.chord_fit(each, chords=[chord])).tolist() == sorted(pitch_classes)


def test_chord_fit_has_no_value_where_nothing_sounds_on_a_beat() -> None:
    check(m.chord_fit(melody(H, 60, OFF), chords=["C"]), np.nan)


@pytest.mark.parametrize("silence", [melody(), melody(OFF, H, OFF)])
@pytest.mark.parametrize("function", ALL, ids=m.__all__)
def test_without_notes_a_value_is_missing_only_where_that_is_declared(
    function: Callable[..., Any], silence: np.ndarray
) -> None:
    value = Measurement(function, settings(function))(silence)
    assert np.isnan(value).tolist() == [function.__name__ in NO_VALUE_WITHOUT_NOTES]


def test_silence_has_density_0_and_is_all_rest_and_repeats_itself() -> None:
    check(m.note_density(melody()), 0.0)
    check(m.rest_share(melody()), 1.0)
    check(m.repeated_bar(melody()), 1.0)


def test_one_note_moves_nowhere_and_has_no_share_of_steps() -> None:
    for function in (m.span, m.contour, m.max_leap, m.arch, m.pitch_class_entropy):
        check(function(melody(60)), 0.0)
    check(m.stepwise_share(melody(60)), np.nan)


@pytest.mark.parametrize("function", ALL, ids=m.__all__)
def test_no_melodies_give_no_values(function: Callable[..., Any]) -> None:
    assert Measurement(function, settings(function))(np.zeros((0, 32), dtype=np.int64)).shape == (0,)


@pytest.mark.parametrize("function", ALL, ids=m.__all__)
def test_the_documentation_tells_formula_and_default_want(function: Any) -> None:
    text = inspect.getdoc(function)
    want = Measurement(function).info.want
    assert text is not None and "Formula: " in text
    told = "No default want" if want is None else f"Default {want}"
    assert told in " ".join(text.split())


def test_importing_the_measurements_brings_no_heavy_package() -> None:
    code = "import sys, lc_plugins.melody.measurements; print(*{name.split('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "matplotlib", "music21", "pretty_midi", "scipy", "mido"} & set(loaded)
