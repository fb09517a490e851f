"""Rules of whole tunes against values worked out by hand, and what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from lc_core import LCError
from lc_core.cli import main
from lc_core.constraints.measurement import Measurement
from lc_plugins.melody import measurements as m
from lc_plugins.melody.measurements.keys import estimated_keys
from tests.melody.rules import SCALE_FILE

H, OFF = 128, 129
A = [60, H, 62, H, 64, H, H, H, 67, H, H, H, OFF, H, H, H]
B = [72, H, H, H, 71, H, 69, H, 67, H, H, H, H, H, H, H]
A_ABOVE = [token + 5 if token < H else token for token in A]  # A's rhythm and contour
A_TURNED = [60, H, 59, H, 57, H, H, H, 55, H, H, H, OFF, H, H, H]  # A's rhythm
A_END = [*A[:8], 65, *A[9:]]  # A but for one note, which sounds for 4 steps


def tune(*bars: list[int]) -> np.ndarray:
    return np.array([[token for bar in bars for token in bar]])


def check(values: np.ndarray, expected: float) -> None:
    assert values.shape == (1,)
    assert values[0] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("bars", "settings", "expected"),
    [
        ((A, A, B, B), {"letters": "AABB"}, 1.0),
        ((A, A, B, B), {"letters": "AB"}, 1.0),
        ((A, A, B, B), {"letters": "ABAB"}, 4 / 16 * 2 / 4),  # A and B are alike for 4 steps
        ((A, A_END, B, B), {"letters": "AABB"}, (12 / 16 + 1) / 2),
        ((A, B, A, B), {"letters": "ABAB"}, 1.0),
        ((A, B, A, B), {"letters": "AA"}, 1.0),
        ((A, A_ABOVE, B, B), {"letters": "AABB", "likeness": "contour"}, 1.0),
        ((A, A_TURNED, B, B), {"letters": "AABB", "likeness": "rhythm"}, 1.0),
        ((A, A_TURNED, B, B), {"letters": "AABB", "likeness": "contour"}, (13 / 16 + 1) / 2),
        ((A, A, A, A), {"letters": "AAAA"}, 1.0),
        ((A, A, A, B), {"letters": "ABC", "length": 1}, 0.0),
        ((A, B, A, A), {"letters": "ABA", "length": 1}, 1.0),  # what comes after is free
    ],
)
def test_form(bars: tuple[list[int], ...], settings: dict[str, Any], expected: float) -> None:
    check(m.form(tune(*bars), **settings), expected)


@pytest.mark.parametrize(
    ("bars", "settings", "expected"),
    [
        ((A, B, A, B), {}, 2 / 3),
        ((A, B, A, B), {"distance": 2}, 1.0),
        ((A, B, A, B), {"distance": 1}, 0.0),
        ((A, A, B, A), {}, 2 / 3),
        ((A, A_ABOVE), {}, 0.0),
        ((A, A_ABOVE), {"likeness": "contour"}, 1.0),
        ((A, A_TURNED), {"likeness": "contour"}, 0.0),
        ((A, A_TURNED), {"likeness": "rhythm"}, 1.0),
        ((A,), {}, np.nan),
        ((A, B), {"distance": 2}, np.nan),
    ],
)
def test_bars_that_return(bars: tuple[list[int], ...], settings: dict[str, Any], expected: float) -> None:
    check(m.returns(tune(*bars), **settings), expected)


@pytest.mark.parametrize(
    ("bars", "settings", "expected"),
    [
        ((A, A_ABOVE), {}, 1.0),
        ((A, A), {}, 0.0),  # the same end
        ((A, B), {}, 0.0),
        ((A, [64, H, H, H, 64, H, H, H, *[H] * 8]), {}, 2 / 4),
        ((A, A_ABOVE, A, A), {"length": 1}, 0.5),
        ((A, A_ABOVE, B), {"length": 1}, 1.0),  # the third has no partner
        ((A, [H] * 16), {}, 0.0),
        (([H] * 16, [H] * 16), {}, np.nan),
    ],
)
def test_call_and_response(bars: tuple[list[int], ...], settings: dict[str, Any], expected: float) -> None:
    check(m.call_and_response(tune(*bars), **settings), expected)


@pytest.mark.parametrize(
    ("bars", "settings", "expected"),
    [
        ((A, B), {"degrees": [5, 5]}, 1.0),  # G and G
        ((A, B), {}, 0.5),
        ((A, B), {"degrees": [1]}, 0.0),
        ((A, B), {"tonic": "G", "degrees": [1]}, 1.0),
        ((A, B, A, B), {"degrees": [5], "length": 1}, 1.0),
        ((A, B, A_END, B), {"degrees": [4, 5], "length": 1}, 0.75),
        ((A, [H] * 16), {"degrees": [5, 1]}, 1.0),  # a phrase in which nothing sounds does not count
        (([64, *[H] * 15], [H] * 16), {"degrees": [3, 3]}, 1.0),  # a note that is held on sounds in both
        ((A_END, A), {"mode": "dorian", "tonic": "C", "degrees": [4, 5]}, 1.0),
    ],
)
def test_cadence(bars: tuple[list[int], ...], settings: dict[str, Any], expected: float) -> None:
    # After the note-off nothing sounds, so the last pitch that did is the end.
    check(m.cadence(tune(*bars), **settings), expected)


def test_the_estimated_key_has_the_greatest_correlation() -> None:
    scales = {
        "C major": [60, 64, 67, 64, 65, 62, 59, 60],
        "A minor": [69, 72, 76, 72, 71, 68, 69, 69],
        "F# major": [66, 70, 73, 70, 71, 68, 65, 66],
        "": [*range(60, 72)],
    }
    for name, pitches in scales.items():
        tokens = np.array([pitches])
        assert estimated_keys(tokens) == [name]
        tonic, _, mode = name.partition(" ")
        if name:
            assert m.key(tokens, tonic=tonic, mode=mode)[0] > 0 > m.key(tokens, tonic="D", mode=mode)[0]
        else:
            check(m.key(tokens), np.nan)


def test_lc_score_tells_the_estimated_key(tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("lc: 1\nmodel: melody.folk-2bar\nconstraints:\n  - {use: melody.key, params: {tonic: D}}\n")
    found = CliRunner().invoke(main, ["score", str(spec), str(SCALE_FILE)])
    assert found.exit_code == 3
    assert "(C major)" in found.stdout


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("x.x.x...x.......", 1.0), ("x.x.x...", 4 / 6), ("x", 4 / 16), ("...x", 0.0), ("x.x.x...x...x...", 4 / 5)],
)
def test_rhythm(pattern: str, expected: float) -> None:
    check(m.rhythm(tune(A), pattern=pattern), expected)


@pytest.mark.parametrize(
    ("tokens", "expected"), [(A, 0.0), ([H, *A[:15]], 1.0), ([H] * 4 + A[:12], 0.0), ([H] * 6 + A[:10], 1.0)]
)
def test_off_beat_start(tokens: list[int], expected: float) -> None:
    check(m.off_beat_start(np.array([tokens])), expected)


@pytest.mark.parametrize(
    ("voice", "expected"),
    [("soprano", 0.6), ("mezzo_soprano", 0.6), ("alto", 0.4), ("tenor", 0.2), ("baritone", 0.2), ("bass", 0.2)],
)
def test_range_of_voice(voice: Any, expected: float) -> None:
    check(m.range_of_voice(np.array([[60, H, 74, 77, 96, 28]]), voice=voice), expected)


def test_a_tune_of_a_file_has_its_own_rhythm_and_pitches() -> None:
    own = np.array([[token for pitch in (60, 62, 64, 65, 67, 69, 71, 72) for token in (pitch, H, H, H)]])
    check(m.same_rhythm(own, file=SCALE_FILE), 1.0)
    check(m.same_pitches(own, file=SCALE_FILE), 1.0)
    other = np.roll(own, 1, axis=1)  # the first note is lost from nowhere: it only comes later
    check(m.same_rhythm(other, file=SCALE_FILE), 0.0)
    check(m.same_pitches(other, file=SCALE_FILE), 1.0)
    more = own.copy()
    more[0, 2], more[0, 12] = 61, 66  # one note more, another one other
    check(m.same_rhythm(more, file=SCALE_FILE), 8 / 9)
    check(m.same_pitches(more, file=SCALE_FILE), 7 / 9)


# ---- what is refused


@pytest.mark.parametrize(
    ("function", "settings", "message"),
    [
        (m.form, {"letters": "AABB", "length": 1}, "the form AABB has 4 parts of 1 bar, 4 bars in all; melodies of 32"),
        (m.form, {"letters": "ABCDE"}, "the form ABCDE wants 5 parts of whole beats; melodies of 32 steps cannot"),
        (m.cadence, {"degrees": [1], "length": 3}, "the cadence has 1 part of 3 bars"),
        (m.call_and_response, {"length": 2}, "call and response has 2 parts of 2 bars"),
    ],
)
def test_what_is_longer_than_the_melody_is_refused(
    function: Callable[..., Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(LCError, match=message):
        Measurement(function, settings)(tune(A, B))


def test_a_degree_beyond_the_scale_is_refused() -> None:
    with pytest.raises(LCError, match="major_pentatonic has 5 degrees; found degree 7"):
        m.cadence(tune(A, B), mode="major_pentatonic", degrees=[7])


@pytest.mark.parametrize("function", [m.same_rhythm, m.same_pitches])
def test_a_file_that_is_no_melody_or_too_long_is_refused(function: Callable[..., Any], tmp_path: Path) -> None:
    with pytest.raises(LCError, match="cannot read .*none.mid"):
        Measurement(function, {"file": tmp_path / "none.mid"}).needs()
    (tmp_path / "text.mid").write_text("no midi")
    with pytest.raises(LCError, match="text.mid"):
        Measurement(function, {"file": tmp_path / "text.mid"}).needs()
    with pytest.raises(LCError, match="scale.mid"):
        function(tune(A), file=SCALE_FILE)


def test_a_file_counts_by_what_it_holds() -> None:
    needs = Measurement(m.same_rhythm, {"file": SCALE_FILE}).needs()
    assert needs is not None and len(needs.digest) == 64
