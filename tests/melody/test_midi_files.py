"""MIDI files as other programs write them: what is played decides, and what is left out is said."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import mido
import pytest
from click.testing import CliRunner

from lc_core.cli import main
from lc_core.errors import LCError
from lc_plugins.melody.midi import Note, read_midi, tokens_to_notes

BEAT = 480
STEP = BEAT // 4
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)
QUARTERS = [(4 * at, 4 * at + 4, pitch) for at, pitch in enumerate(SCALE)]

Change = tuple[int, bytes]
"""A tick and the bytes of one event."""


def on(tick: int, pitch: int, channel: int = 1) -> Change:
    return tick, bytes([0x8F + channel, pitch, 80])


def off(tick: int, pitch: int, channel: int = 1) -> Change:
    return tick, bytes([0x7F + channel, pitch, 0])


def meta(tick: int, kind: int, text: bytes) -> Change:
    return tick, bytes([0xFF, kind, len(text)]) + text


def metre(tick: int, numerator: int, exponent: int) -> Change:
    return meta(tick, 0x58, bytes([numerator, exponent, 24, 8]))


def tune(pitches: Sequence[int] = SCALE, *, start: int = 0, channel: int = 1, length: int = BEAT) -> list[Change]:
    """Return quarter notes that follow each other."""
    found = []
    for at, pitch in enumerate(pitches):
        begin = start + at * BEAT
        found += [on(begin, pitch, channel), off(begin + length, pitch, channel)]
    return found


FIRST, SECOND = tune(SCALE[:4]), tune(SCALE[4:], start=4 * BEAT)


def number(value: int) -> bytes:
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


def track(changes: Sequence[Change], *, end: int = 0) -> bytes:
    """Return a track of events in their order, a stable sort by ticks."""
    data, now = b"", 0
    for tick, event in [*sorted(changes, key=lambda one: one[0]), (end, b"\xff\x2f\x00")]:
        data += number(max(0, tick - now)) + event
        now = max(now, tick)
    return b"MTrk" + struct.pack(">L", len(data)) + data


def header(tracks: int = 1, *, kind: int = 1, division: int = BEAT) -> bytes:
    return b"MThd" + struct.pack(">LHHH", 6, kind, tracks, division)


@pytest.fixture
def read(tmp_path):
    """Write bytes, or tracks of events; return the notes that are read and what was said of them."""

    def run(*tracks: list[Change] | bytes, steps: int = 32, division: int = BEAT) -> tuple[list[Note], str]:
        content = b"".join(one if isinstance(one, bytes) else track(one) for one in tracks)
        if content[:4] not in (b"MThd", b"RIFF"):
            content = header(content.count(b"MTrk"), division=division) + content
        (tmp_path / "a.mid").write_bytes(content)
        said: list[str] = []
        tokens = read_midi(tmp_path / "a.mid", steps=steps, tell=said.append)
        return tokens_to_notes(tokens[0]), "\n".join(said)

    return run


# Notes that are struck again, and that are not released


@pytest.mark.parametrize("swapped", [False, True])
def test_a_note_struck_again_at_the_tick_of_its_release_keeps_its_length(read, swapped: bool) -> None:
    middle = [on(BEAT, 60), off(BEAT, 60)]
    changes = [on(0, 60), *(reversed(middle) if swapped else middle), on(2 * BEAT, 62), off(2 * BEAT, 60)]
    assert read([*changes, off(3 * BEAT, 62)]) == ([(0, 4, 60), (4, 8, 60), (8, 12, 62)], "")


def test_a_note_struck_again_shortly_before_its_release_keeps_its_length(read) -> None:
    changes = [on(0, 60), on(BEAT, 60), off(BEAT + 20, 60), on(2 * BEAT, 60), off(2 * BEAT + 20, 60), off(3 * BEAT, 60)]
    assert read(changes)[0] == [(0, 4, 60), (4, 8, 60), (8, 12, 60)]


def test_a_note_struck_again_with_one_release_for_both_is_two_notes(read) -> None:
    assert read([on(0, 60), on(BEAT, 60), off(2 * BEAT, 60)])[0] == [(0, 4, 60), (4, 8, 60)]


def test_a_release_by_a_note_on_of_no_loudness_and_running_status(read) -> None:
    data = (
        b"\x00\x90\x3c\x50" + number(BEAT) + b"\x3c\x00" + b"\x00\x3e\x50" + number(BEAT) + b"\x3e\x00\x00\xff\x2f\x00"
    )
    assert read(b"MTrk" + struct.pack(">L", len(data)) + data)[0] == [(0, 4, 60), (4, 8, 62)]


def test_notes_without_a_release_run_to_the_next_note_or_to_the_end(read) -> None:
    found, said = read(track([on(0, 60), on(BEAT, 62), on(2 * BEAT, 64)], end=3 * BEAT))
    assert found == [(0, 4, 60), (4, 8, 62), (8, 12, 64)]
    assert said == "3 notes are never released: each runs to the next note, or to the end"


def test_one_note_without_a_release_leaves_the_others_as_they_are(read) -> None:
    found, said = read([*tune(SCALE[:2]), on(2 * BEAT, 64)])
    assert found == [*QUARTERS[:2], (8, 9, 64)] and "1 note is never released: it runs" in said
    later = [on(0, 60), *tune(SCALE[1:3], start=BEAT), *tune(start=3 * BEAT, pitches=SCALE[:2])]
    assert read(later)[0] == [(0, 4, 60), (4, 8, 62), (8, 12, 64), (12, 16, 60), (16, 20, 62)]


def test_a_last_note_without_a_release_ends_with_the_window(read) -> None:
    found, _ = read(track([*tune(SCALE[:7]), on(7 * BEAT, SCALE[7])], end=400 * BEAT))
    assert found == QUARTERS


@pytest.mark.parametrize("controller", [120, 123])
def test_all_notes_off_releases_the_notes(read, controller: int) -> None:
    silence = (2 * BEAT, bytes([0xB0, controller, 0]))
    assert read([on(0, 60), off(BEAT, 60), on(BEAT, 62), silence, on(3 * BEAT, 64), off(4 * BEAT, 64)]) == (
        [(0, 4, 60), (4, 8, 62), (12, 16, 64)],
        "",
    )


def test_a_bass_without_releases_is_still_a_second_voice(read) -> None:
    with pytest.raises(LCError, match="polyphonic"):
        read(tune(), track([on(BEAT // 2, 40, 2), on(4 * BEAT, 43, 2)], end=8 * BEAT))


# Bar lines


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


# Drums


def test_drums_that_count_in_are_left_out_with_their_bar(read) -> None:
    found, said = read(tune([37] * 4, channel=10), tune(start=4 * BEAT))
    assert found == QUARTERS
    assert said.splitlines() == [
        "channel 10, the drums, is left out: 4 notes",
        "a count-in of 1 bar of 4/4, in which only drums play, is left out",
    ]


def test_drums_that_play_along_are_left_out(read) -> None:
    assert read(tune([37] * 8, channel=10), tune()) == (QUARTERS, "channel 10, the drums, is left out: 8 notes")


def test_silence_before_the_first_note_is_kept_where_nothing_counts_in(read) -> None:
    found, said = read(tune(SCALE[:4], start=4 * BEAT))
    assert found[0] == (16, 20, 60) and said == "the silence before its first note, 1 whole bar of 4/4, is kept"


def test_drums_alone_are_no_melody(read) -> None:
    with pytest.raises(LCError, match="has notes on channel 10 alone, which is the channel of drums"):
        read(tune(channel=10))


# What is not used


@pytest.mark.parametrize("change", [
    meta(0, 0x59, b"\xfe\xff"), meta(0, 0x59, b"\x63\x00"), meta(0, 0x59, b""),  # keys
    meta(0, 0x03, b"\xff\xfe\x80caf\xe9"), meta(0, 0x05, "\u30e1".encode("shift-jis")), meta(0, 0x01, b""),  # texts
    meta(0, 0x51, b"\x01"), meta(0, 0x51, b"\x00\x00\x00"), meta(0, 0x54, b"\xff" * 5), meta(0, 0x00, b"\x01"),
    meta(0, 0x7F, b"\x00\x00\x41"), meta(0, 0x60, b"odd"), meta(0, 0xF0, b"odd"), meta(0, 0x21, b""),
    (0, b"\xb0\x07\xff"), (0, b"\xb0\xc8\x10"), (0, b"\xc0\xc8"), (0, b"\xe0\xff\xff"), (0, b"\xd0\x90"),
    (0, b"\xf0\x05\x7e\x7f\x09\x01\xf7"), (0, b"\xf7\x02\xf3\x01"), (0, b"\xf0\x02\x41\x10"), (0, b"\xf8"),
    (0, b"\xf2\x01\x02"), (0, b"\xf5"),
])  # fmt: skip
def test_what_is_not_played_makes_no_file_damaged(read, change: Change) -> None:
    assert read([change, *tune()]) == (QUARTERS, "")


def test_chunks_of_a_vendor_and_bytes_at_the_end_are_passed_over(read) -> None:
    vendor = b"XFIH" + struct.pack(">L", 5) + b"MTrk!"
    long = header()[:7] + b"\x08" + header()[8:] + b"\x01\x02"  # a header with two more bytes
    assert read(header() + vendor + track(tune()) + vendor)[0] == QUARTERS
    assert read(header() + track(tune()) + b"\x00\x1a")[0] == QUARTERS
    assert read(long + track(tune()))[0] == QUARTERS


@pytest.mark.parametrize("before", [b"", b"DISP" + struct.pack("<L", 3) + b"abc\x00"])
def test_a_file_in_a_riff_wrapper_is_read(read, before: bytes) -> None:
    inside = header() + track(tune())
    body = b"RMID" + before + b"data" + struct.pack("<L", len(inside)) + inside
    assert read(b"RIFF" + struct.pack("<L", len(body)) + body)[0] == QUARTERS


def test_a_track_without_its_end_and_events_after_the_end(read) -> None:
    whole = track(tune())[8:]
    without, after = whole[:-4], whole + b"\x00\x90\x30\x50"
    for data in (without, after):
        assert read(b"MTrk" + struct.pack(">L", len(data)) + data)[0] == QUARTERS


def test_running_status_across_texts_and_system_messages(read) -> None:
    """The standard forbids it; players accept it, and some programs write it."""
    text, system = b"\x00\xff\x01\x02hi", b"\x00\xf0\x03\x41\x10\xf7"
    quarter = number(BEAT)
    data = b"\x00\x90\x3c\x50" + text + quarter + b"\x3c\x00" + system + b"\x00\x3e\x50" + quarter + b"\x3e\x00"
    assert read(b"MTrk" + struct.pack(">L", len(data)) + data)[0] == QUARTERS[:2]


@pytest.mark.parametrize("kind", [0, 1, 7])
@pytest.mark.parametrize("says", [0, 1, 2])
def test_a_header_that_says_fewer_tracks_or_an_odd_format_hides_none(read, kind: int, says: int) -> None:
    assert read(header(says, kind=kind) + track(FIRST) + track(SECOND))[0] == QUARTERS


@pytest.mark.parametrize("division", [1, 3, 15_360, 32_767])
def test_few_and_many_ticks_a_quarter(read, division: int) -> None:
    notes = [(start * division // 4, end * division // 4, pitch) for start, end, pitch in QUARTERS]
    assert read([one for a, b, p in notes for one in (on(a, p), off(b, p))], division=division) == (QUARTERS, "")


def test_one_sequence_of_format_two_is_read(read) -> None:
    assert read(header(kind=2) + track(tune()))[0] == QUARTERS


def test_tempo_changes_leave_the_steps_as_they_are(read) -> None:
    tempos = [meta(at * BEAT + 100, 0x51, bytes([at + 1, 0, 0])) for at in range(8)]
    assert read(tempos, tune()) == (QUARTERS, "")


FLUTE = (0, b"\xc0\x49")


@pytest.mark.parametrize(
    ("tracks", "words"),
    [
        ([[*FIRST, *tune(SCALE[4:], start=4 * BEAT, channel=3)]], "on channels 1 and 3"),
        ([FIRST, SECOND], "in 2 tracks"),
        ([[FLUTE, *FIRST, (4 * BEAT, b"\xc0\x28"), *SECOND]], "for 2 instruments"),
        ([FIRST, [(0, b"\xc2\x49"), *tune(SCALE[4:], start=4 * BEAT, channel=3)]],
         "on channels 1 and 3, in 2 tracks, for 2 instruments"),
    ],
)  # fmt: skip
def test_voices_that_follow_each_other_are_one_melody_and_it_is_told(
    read, tracks: list[list[Change]], words: str
) -> None:
    assert read(*tracks) == (QUARTERS, f"its notes are {words}: all are read as one melody")


@pytest.mark.parametrize("channel", [1, 2])
def test_a_melody_that_is_doubled_in_unison_is_read_once(read, channel: int) -> None:
    said = "8 notes double others in unison and are left out"
    assert read(tune(length=BEAT - 60), tune(channel=channel)) == (QUARTERS, said)


def test_one_instrument_in_a_track_of_its_own_is_not_worth_a_word(read) -> None:
    assert read([FLUTE, (0, b"\xc4\x10")], [*tune(), (4 * BEAT, b"\xc0\x49")]) == (QUARTERS, "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([(0, b"\x90\xc8\x50")], "a note on channel 1 has the pitch 200; expected 0 to 127"),
        ([(0, b"\x3c\x50\x00")], "is no event"),
        ([(0, b"\xff\x03\x7fab")], "runs over the end of its track"),
        ([(0, b"\xff\x03\xff\xff\xff\xff\x7f")], "has more than 4 bytes"),
    ],
)
def test_damage_to_what_is_played_is_told(read, changes: list[Change], words: str) -> None:
    with pytest.raises(LCError, match=f"is damaged: .*{words}"):
        read(track(changes))


def test_fewer_tracks_than_the_header_says_are_truncated(read) -> None:
    with pytest.raises(LCError, match="is truncated: of 2 tracks, 1 can be read whole"):
        read(header(2) + track(tune()))


# Short notes, and notes off the grid


def test_a_note_without_length_is_not_heard(read) -> None:
    found, said = read([*tune(), on(2 * BEAT, 66), off(2 * BEAT, 66)])
    assert found == QUARTERS and said == "1 note without any length is left out: not heard"
    with pytest.raises(LCError, match="every note ends at the moment it begins"):
        read(tune(length=0))


def fast(start: int, pitches: Sequence[int], length: int) -> list[Change]:
    """Return notes of some ticks each that follow each other."""
    pairs = enumerate(pitches)
    return [one for at, p in pairs for one in (on(start + at * length, p), off(start + (at + 1) * length, p))]


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


# The command


SPEC = """
lc: 1
model: melody.folk-2bar
constraints:
  - {use: melody.in_scale, params: {tonic: C, mode: major}}
"""


def test_lc_score_says_what_was_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(SPEC)
    file = mido.MidiFile(type=0)
    file.tracks.append(mido.MidiTrack())
    for channel, pitch in ((9, 37), (0, 60)):
        file.tracks[0].append(mido.Message("note_on", note=pitch, channel=channel))
        file.tracks[0].append(mido.Message("note_off", note=pitch, channel=channel, time=4 * BEAT))
    file.save("a.mid")
    Path("b.kar").write_bytes(Path("a.mid").read_bytes())
    result = CliRunner().invoke(main, ["score", "c.yaml", "a.mid", "b.kar"])
    assert result.exit_code == 0, result.output
    assert "note: a.mid: channel 10, the drums, is left out: 1 note\n" in result.stderr
    assert "in_scale    1 share" in result.stdout
    as_json = CliRunner().invoke(main, ["score", "c.yaml", "a.mid", "--json"])
    assert '"channel 10, the drums, is left out: 1 note"' in as_json.stdout
