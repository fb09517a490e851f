"""MIDI files as other programs write them: what is played decides, and what is left out is said."""

from __future__ import annotations

import struct
from pathlib import Path

import mido
import pytest
from click.testing import CliRunner

from lc_core.cli import main
from lc_core.errors import LCError
from tests.melody.midi_bytes import (
    BEAT,
    FIRST,
    QUARTERS,
    SCALE,
    SECOND,
    Change,
    header,
    meta,
    number,
    off,
    on,
    track,
    tune,
)

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
    late = "1 note behind the end of a track is left out: not heard"
    rest = b"\x00\x90\x30\x50\x60\x30\x00"
    for data, told in ((whole[:-4], ""), (whole + rest, late), (whole + b"\x00\xff", "")):
        assert read(b"MTrk" + struct.pack(">L", len(data)) + data) == (QUARTERS, told)


def test_running_status_across_texts_and_system_messages(read) -> None:
    """The standard forbids it; players accept it, and some programs write it."""
    text, system = b"\x00\xff\x01\x02hi", b"\x00\xf0\x03\x41\x10\xf7"
    quarter = number(BEAT)
    data = b"\x00\x90\x3c\x50" + text + quarter + b"\x3c\x00" + system + b"\x00\x3e\x50" + quarter + b"\x3e\x00"
    assert read(b"MTrk" + struct.pack(">L", len(data)) + data)[0] == QUARTERS[:2]


@pytest.mark.parametrize("kind", [0, 1, 7])
@pytest.mark.parametrize("says", [0, 1, 2])
def test_a_header_that_says_fewer_tracks_or_an_odd_format_hides_none(read, kind: int, says: int) -> None:
    notes, told = read(header(says, kind=kind) + track(FIRST) + track(SECOND))
    assert notes == QUARTERS
    assert ("its header says format 7, which does not exist: it is read as format 1" in told) == (kind == 7)


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
