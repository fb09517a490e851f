"""Notes of MIDI files that are short, or off the grid: grace notes, trills, triplets, swing."""

from __future__ import annotations

import pytest

from lc_core.errors import LCError
from tests.melody.midi_bytes import BEAT, QUARTERS, SCALE, STEP, fast, off, on, tune


def test_a_note_without_length_is_not_heard(read) -> None:
    found, said = read([*tune(), on(2 * BEAT, 66), off(2 * BEAT, 66)])
    assert found == QUARTERS and said == "1 note without any length is left out: not heard"
    with pytest.raises(LCError, match="every note ends at the moment it begins"):
        read(tune(length=0))


@pytest.mark.parametrize("late", [None, 0, 10])
@pytest.mark.parametrize(("graces", "length"), [(1, 10), (1, 40), (1, 55), (2, 30), (2, 40), (3, 30)])
def test_grace_notes_are_left_out_and_the_others_stay(read, late: int | None, graces: int, length: int) -> None:
    """Before the beat, or on it: they take their time from the note before, or from their own."""
    start = 2 * BEAT + (-graces * length if late is None else late)
    main = start + graces * length
    changes = [*tune(SCALE[:1]), on(BEAT, 62), off(start, 62), *fast(start, range(80, 80 + graces), length)]
    found, said = read([*changes, on(main, 64), off(3 * BEAT, 64), *tune(SCALE[3:], start=3 * BEAT)])
    assert found == QUARTERS
    which = "1 grace note is" if graces == 1 else f"{graces} grace notes are"
    assert said == f"{which} left out: shorter than half a sixteenth, right before another note"


def test_a_grace_note_on_a_first_beat_after_a_rest_leaves_the_rest(read) -> None:
    found, _ = read([on(0, 60), off(BEAT, 60), *fast(2 * BEAT - 20, [66], 20), on(2 * BEAT, 67), off(3 * BEAT, 67)])
    assert found == [(0, 4, 60), (8, 12, 67)]


@pytest.mark.parametrize(("length", "pitches"), [(30, [60, 62] * 4), (60, [60, 62, 64, 65]), (80, SCALE[:6])])
def test_trills_runs_and_triplets_of_sixteenths_are_no_grace_notes(read, length: int, pitches: list[int]) -> None:
    changes = [*fast(0, pitches, length), *tune(SCALE[:2], start=length * len(pitches))]
    with pytest.raises(LCError, match=r"(?s)is faster than sixteenths: .* both fall on bar 1, .*remove trills"):
        read(changes)


def test_short_notes_a_sixteenth_apart_are_notes(read) -> None:
    changes = [one for at in range(4) for one in (on(at * STEP, 60 + at), off(at * STEP + 20, 60 + at))]
    assert read(changes) == ([(at, at + 1, 60 + at) for at in range(4)], "")


def test_triplets_are_moved_and_it_is_told_how_far(read) -> None:
    triplet = BEAT // 3
    changes = [one for at in range(6) for one in (on(at * triplet, 60 + at), off((at + 1) * triplet, 60 + at))]
    found, said = read(changes)
    assert [start for start, _, _ in found] == [0, 1, 3, 4, 5, 7]
    assert said.startswith("4 of 6 notes are off the grid of sixteenths, by up to a third of a sixteenth (as triplets")


@pytest.mark.parametrize(("swing", "words"), [(320, "a third"), (288, "two fifths"), (300, "half"), (260, "a fifth")])
def test_swing_is_moved_and_it_is_told_how_far(read, swing: int, words: str) -> None:
    changes = [
        one for at in (0, BEAT) for one in (on(at, 60), off(at + swing, 60), on(at + swing, 62), off(at + BEAT, 62))
    ]
    found, said = read(changes)
    assert f"2 of 4 notes are off the grid of sixteenths, by up to {words} of a sixteenth" in said
    dotted = swing >= 300
    assert [start for start, _, _ in found] == ([0, 3, 4, 7] if dotted else [0, 2, 4, 6])
    assert f"are read as {'a dotted eighth and a sixteenth' if dotted else 'even eighths'}" in said
    assert ("quantise the file to eighths first" in said) is dotted


def test_notes_that_are_a_little_early_or_late_are_not_worth_a_word(read) -> None:
    assert read([on(5, 60), off(BEAT + 9, 60), on(BEAT - 8, 62), off(2 * BEAT, 62)]) == (QUARTERS[:2], "")
