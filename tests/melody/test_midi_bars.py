"""Bar lines of MIDI files: pick-ups, silence at the start, changes of metre."""

from __future__ import annotations

import pytest

from lc_core.errors import LCError
from tests.melody.midi_bytes import BEAT, QUARTERS, SCALE, STEP, Change, meta, metre, off, on, tune


def test_a_pickup_and_two_bars_do_not_fit_into_two_bars(read) -> None:
    pickup = [metre(0, 1, 3), on(0, 67), off(BEAT // 2, 67), metre(BEAT // 2, 4, 2)]
    with pytest.raises(
        LCError, match=r"(?s)lasts 44 sixteenths .*, with the silence before its pick-up.*leave out its"
    ) as e:
        read([*pickup, *tune(SCALE[:7], start=BEAT // 2)])
    assert "expected at most 32" in str(e.value)


@pytest.mark.parametrize(
    ("first", "ticks", "words"),
    [((1, 2), BEAT, "a quarter"), ((1, 3), BEAT // 2, "an eighth"), ((3, 3), 3 * BEAT // 2, "6 sixteenths"),
     ((3, 2), 3 * BEAT, "3 quarters"), ((4, 2), BEAT, "a quarter"), ((6, 3), BEAT, "a quarter")],
)  # fmt: skip
def test_a_pickup_stands_at_the_end_of_a_bar(read, first: tuple[int, int], ticks: int, words: str) -> None:
    pickup = [metre(0, *first), on(0, 67), off(STEP, 67), metre(ticks, 4, 2)]
    found, said = read([*pickup, *tune(SCALE[:4], start=ticks)])
    start = 16 - ticks // STEP
    assert found == [(start, start + 1, 67), *[(begin + 16, end + 16, pitch) for begin, end, pitch in QUARTERS[:4]]]
    assert said == f"it begins with a pick-up of {words}, which stands before a bar line"


def test_a_short_bar_of_silence_is_left_out(read) -> None:
    assert read([metre(0, 1, 2), metre(BEAT, 4, 2), *tune(start=BEAT)])[0] == QUARTERS


@pytest.mark.parametrize(
    "silent",
    [[metre(0, 3, 2), metre(6 * BEAT, 4, 2)], [metre(0, 4, 2), metre(6 * BEAT, 2, 2)], [metre(6 * BEAT, 4, 2)]],
)
def test_bars_of_silence_in_another_metre_are_left_out(read, silent: list[Change]) -> None:
    said = "the silence before its first bar, 6 quarters, is left out"
    assert read([*silent, *tune(start=6 * BEAT)]) == (QUARTERS, said)


@pytest.mark.parametrize(("bars", "words"), [(1, "1 whole bar"), (3, "3 whole bars")])
def test_silent_bars_are_left_out_where_the_melody_does_not_fit_with_them(read, bars: int, words: str) -> None:
    found, said = read([metre(0, 4, 2), *tune(start=4 * bars * BEAT)])
    assert found == QUARTERS
    assert said == f"the silence before its first note, {words} of 4/4, is left out: with it the melody is too long"


def test_a_silent_bar_before_a_pickup_within_a_bar_leaves_the_bar_lines_right(read) -> None:
    found, said = read([metre(0, 4, 2), *tune(SCALE[:5], start=7 * BEAT)])
    assert [start for start, _, _ in found] == [12, 16, 20, 24, 28] and "1 whole bar of 4/4, is left out" in said


def test_a_silent_bar_before_a_short_bar_is_left_out(read) -> None:
    changes = [metre(0, 4, 2), metre(4 * BEAT, 1, 2), metre(5 * BEAT, 4, 2), *tune(SCALE[:5], start=4 * BEAT)]
    found, said = read(changes)
    assert [start for start, _, _ in found] == [12, 16, 20, 24, 28]
    assert said.splitlines() == [
        "the silence before its first bar, 4 quarters, is left out",
        "it begins with a pick-up of a quarter, which stands before a bar line",
    ]


def test_what_is_too_long_without_its_silence_is_told_by_its_own_length(read) -> None:
    with pytest.raises(LCError, match=r"lasts 48 sixteenths \(3 bars of 4/4\); expected at most 32"):
        read(tune((*SCALE, *SCALE[:4]), start=4 * BEAT))
    with pytest.raises(LCError, match=r"(?s)with the silence before its pick-up.*leave out its pick-up, or cut"):
        read(tune((*SCALE, 60), start=7 * BEAT))


def test_a_pickup_after_such_silence_is_one(read) -> None:
    changes = [metre(0, 3, 2), metre(6 * BEAT, 1, 2), metre(7 * BEAT, 4, 2), *tune(SCALE[:5], start=6 * BEAT)]
    found, said = read(changes)
    assert [start for start, _, _ in found] == [12, 16, 20, 24, 28] and "a pick-up of a quarter" in said


@pytest.mark.parametrize("late", [-2, 1])
def test_a_time_signature_that_misses_its_bar_line_by_a_tick_stands_on_it(read, late: int) -> None:
    assert read([metre(1, 4, 2), metre(4 * BEAT + late, 4, 2), *tune()]) == (QUARTERS, "")


def test_a_change_of_metre_in_the_middle_of_a_bar_is_refused(read) -> None:
    with pytest.raises(LCError, match="a bar line for 4/4 stands in the middle of a bar, 5 quarters from the start"):
        read([metre(0, 4, 2), metre(5 * BEAT, 4, 2), *tune()])


@pytest.mark.parametrize("changes", [
    [metre(0, 3, 2), metre(0, 4, 2)],  # the later one of two counts
    [metre(0, 4, 2), metre(8 * BEAT, 3, 2)],  # nothing is played in 3/4
    [metre(0, 2, 2), metre(4 * BEAT, 4, 2)],
    [metre(0, 4, 2), metre(4 * BEAT, 4, 2)],
])  # fmt: skip
def test_bar_lines_four_quarters_apart_are_read(read, changes: list[Change]) -> None:
    assert read([*changes, *tune()]) == (QUARTERS, "")


def test_a_metre_in_a_track_of_its_own_holds_for_all(read) -> None:
    with pytest.raises(LCError, match="is in 3/4; expected 4/4"):
        read([metre(0, 3, 2)], tune())


@pytest.mark.parametrize("swapped", [False, True])
def test_tracks_that_disagree_about_the_metre_are_refused(read, swapped: bool) -> None:
    tracks = [[metre(0, 3, 2)], [metre(0, 4, 2), *tune()]]
    with pytest.raises(LCError, match="is in 3/4; expected 4/4"):
        read(*(reversed(tracks) if swapped else tracks))


@pytest.mark.parametrize(
    ("values", "words"), [(b"\x00\x02\x18\x08", "0/4"), (b"\x04\xc8\x18\x08", "4/65536"), (b"\x04", "without numbers")]
)
def test_a_metre_that_means_nothing_is_passed_over(read, values: bytes, words: str) -> None:
    found, said = read([meta(0, 0x58, values), *tune()])
    assert found == QUARTERS and said == f"a time signature {words} means nothing and is passed over"
