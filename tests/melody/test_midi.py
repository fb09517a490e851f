"""Tokens, notes and MIDI files say the same."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lc_core.errors import LCError
from lc_plugins.melody.midi import canonical, notes_to_tokens, read_midi, tokens_to_notes, write_midi

HOLD, OFF = 128, 129
TUNE = np.array([62, HOLD, 66, HOLD, 69, HOLD, OFF, HOLD] + [69, 69, 74, HOLD, HOLD, HOLD, OFF, HOLD] * 3)
melodies = arrays(np.int64, 32, elements=st.one_of(st.integers(0, 129), st.sampled_from([HOLD, OFF])))


def sound(tokens: np.ndarray) -> list[tuple[int, bool]]:
    """Say what a listener hears on each step: the pitch (-1 for silence) and whether it is struck there."""
    heard, pitch = [], -1
    for token in tokens.tolist():
        if token != HOLD:
            pitch = token if token < HOLD else -1
        heard.append((pitch, token < HOLD))
    return heard


def save(path: Path, *tracks: list[tuple[str, int, int]], ticks_per_beat: int = 480, **options: int) -> Path:
    """Write a MIDI file of (kind, pitch, delta) messages."""
    file = mido.MidiFile(ticks_per_beat=ticks_per_beat, type=options.get("type", 1))
    for number, messages in enumerate(tracks):
        track = mido.MidiTrack()
        for kind, pitch, delta in messages:
            track.append(mido.Message(kind, note=pitch, time=delta, channel=number))
        file.tracks.append(track)
    file.save(str(path))
    return path


def save_in_metre(path: Path, numerator: int, denominator: int) -> Path:
    file = mido.MidiFile()
    file.tracks.append(
        mido.MidiTrack(
            [
                mido.MetaMessage("time_signature", numerator=numerator, denominator=denominator),
                mido.Message("note_on", note=60),
                mido.Message("note_off", note=60, time=480),
            ]
        )
    )
    file.save(str(path))
    return path


@given(melodies)
def test_canonical_keeps_the_sound_and_is_stable(tokens: np.ndarray) -> None:
    once = canonical(tokens[None])
    assert sound(once[0]) == sound(tokens)
    assert (canonical(once) == once).all()


@given(melodies, melodies)
def test_canonical_rows_are_equal_exactly_when_they_sound_the_same(first: np.ndarray, second: np.ndarray) -> None:
    for other in (second, notes_to_tokens(tokens_to_notes(first))):
        rows = canonical(np.stack([first, other]))
        assert (rows[0] == rows[1]).all() == (sound(first) == sound(other))


def test_canonical_writes_leading_silence_and_rests_as_holds_after_one_note_off() -> None:
    tokens = np.array([[OFF, HOLD, OFF, 60, OFF, OFF, HOLD, OFF]])
    before = tokens.copy()
    assert canonical(tokens).tolist() == [[HOLD, HOLD, HOLD, 60, OFF, HOLD, HOLD, HOLD]]
    assert (tokens == before).all()


@given(melodies)
def test_notes_and_tokens_convert_into_each_other(tokens: np.ndarray) -> None:
    assert (notes_to_tokens(tokens_to_notes(tokens)) == canonical(tokens[None])[0]).all()


@given(tokens=melodies)
def test_every_melody_survives_writing_and_reading(
    tokens: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("midi") / "a.mid"
    write_midi(tokens, path)
    read = read_midi(path)
    assert read.dtype == np.int64
    assert (read == canonical(tokens[None])).all()


def test_a_longer_melody_is_read_with_its_own_number_of_steps(tmp_path: Path) -> None:
    tokens = np.concatenate([TUNE, TUNE])
    write_midi(tokens, tmp_path / "a.mid")
    assert (read_midi(tmp_path / "a.mid", steps=64) == canonical(tokens[None])).all()


@pytest.mark.parametrize("notes", [[(0, 0, 60)], [(0, 4, 60), (3, 5, 62)], [(0, 33, 60)], [(0, 4, 128)], [(-1, 4, 60)]])
def test_notes_that_do_not_fit_are_refused(notes: list[tuple[int, int, int]]) -> None:
    with pytest.raises(LCError, match="does not fit"):
        notes_to_tokens(notes)


@pytest.mark.parametrize("tokens", [np.array([60, 130]), np.array([-1, 60]), np.array([60.0]), np.array([[60]])])
def test_what_is_not_tokens_is_refused(tokens: np.ndarray) -> None:
    with pytest.raises(LCError, match="melody tokens"):
        tokens_to_notes(tokens)


@pytest.mark.parametrize("ticks_per_beat", [24, 96, 220, 480, 960])
def test_the_grid_follows_the_files_own_ticks(tmp_path: Path, ticks_per_beat: int) -> None:
    beat = ticks_per_beat
    messages = [("note_on", 60, 0), ("note_off", 60, beat), ("note_on", 64, beat // 2), ("note_off", 64, beat // 2)]
    tokens = read_midi(save(tmp_path / "a.mid", messages, ticks_per_beat=ticks_per_beat))
    assert tokens_to_notes(tokens[0]) == [(0, 4, 60), (6, 8, 64)]


def test_a_played_melody_is_moved_to_the_nearest_sixteenths(tmp_path: Path) -> None:
    early_late_and_legato = [
        ("note_on", 60, 13),
        ("note_on", 62, 214),  # 227 of 240 ticks, while 60 still sounds
        ("note_off", 60, 20),
        ("note_off", 62, 10),  # shorter than half a sixteenth
        ("note_on", 62, 223),
        ("note_off", 62, 100),
    ]
    tokens = read_midi(save(tmp_path / "a.mid", early_late_and_legato))
    assert tokens_to_notes(tokens[0]) == [(0, 2, 60), (2, 3, 62), (4, 5, 62)]


def test_a_note_struck_again_or_never_released_ends_there(tmp_path: Path) -> None:
    messages = [("note_on", 60, 0), ("note_on", 60, 480), ("note_on", 64, 480), ("note_off", 60, 0)]
    file = mido.MidiFile(str(save(tmp_path / "a.mid", messages)))
    file.tracks[0].insert(-1, mido.Message("note_off", note=1, time=240))
    file.save(str(tmp_path / "a.mid"))
    assert tokens_to_notes(read_midi(tmp_path / "a.mid")[0]) == [(0, 4, 60), (4, 8, 60), (8, 10, 64)]


def test_tracks_of_one_voice_are_read_together(tmp_path: Path) -> None:
    first = [("note_on", 60, 0), ("note_off", 60, 480)]
    second = [("note_on", 64, 480), ("note_off", 64, 480)]
    tokens = read_midi(save(tmp_path / "a.mid", [], first, second))
    assert tokens_to_notes(tokens[0]) == [(0, 4, 60), (4, 8, 64)]


@pytest.mark.parametrize("metre", [(4, 4), (2, 2), (2, 4), (8, 8), (4, 8)])
def test_metres_that_fill_four_four_are_read(tmp_path: Path, metre: tuple[int, int]) -> None:
    assert read_midi(save_in_metre(tmp_path / "a.mid", *metre))[0, 0] == 60


@pytest.mark.parametrize("metre", [(3, 4), (6, 8), (12, 8), (5, 4), (9, 8), (3, 2)])
def test_other_metres_are_refused(tmp_path: Path, metre: tuple[int, int]) -> None:
    with pytest.raises(LCError, match=f"is in {metre[0]}/{metre[1]}; expected 4/4"):
        read_midi(save_in_metre(tmp_path / "a.mid", *metre))


CHORD = [("note_on", 60, 0), ("note_on", 64, 0), ("note_off", 60, 480), ("note_off", 64, 0)]
OVERLAP = [("note_on", 60, 480), ("note_on", 64, 360), ("note_off", 60, 120), ("note_off", 64, 480)]
FAST = [("note_on", 60, 0), ("note_on", 64, 50), ("note_off", 60, 20), ("note_off", 64, 480)]


def test_polyphony_is_told_with_its_pitches_and_place(tmp_path: Path) -> None:
    with pytest.raises(LCError, match=r"polyphonic: C4 \(60\) and E4 \(64\) sound together at bar 1, sixteenth 1 "):
        read_midi(save(tmp_path / "a.mid", CHORD))
    with pytest.raises(LCError, match=r"(?s)sound together at bar 1, sixteenth 8 .*one voice"):
        read_midi(save(tmp_path / "a.mid", OVERLAP))


def test_polyphony_over_channels_is_told_by_channel(tmp_path: Path) -> None:
    melody, bass = [("note_on", 72, 0), ("note_off", 72, 480)], [("note_on", 40, 0), ("note_off", 40, 960)]
    with pytest.raises(LCError, match="notes: 1 on channel 1, 1 on channel 2"):
        read_midi(save(tmp_path / "a.mid", melody, bass))


def test_notes_faster_than_sixteenths_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="faster than sixteenths: C4 and E4 both fall on bar 1, sixteenth 1"):
        read_midi(save(tmp_path / "a.mid", FAST))


def test_a_melody_longer_than_the_window_is_refused(tmp_path: Path) -> None:
    write_midi(np.concatenate([TUNE, TUNE]), tmp_path / "a.mid")
    with pytest.raises(LCError, match=r"lasts 62 sixteenths \(3.9 bars of 4/4\); expected at most 32 \(2 bars"):
        read_midi(tmp_path / "a.mid")


def test_files_without_notes_are_refused_unless_they_last(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="has no notes"):
        read_midi(save(tmp_path / "a.mid", []))
    write_midi(np.full(32, HOLD), tmp_path / "b.mid")
    assert (read_midi(tmp_path / "b.mid") == HOLD).all()


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(LCError, match=r"cannot read .*none\.mid: No such file"):
        read_midi(tmp_path / "none.mid")


@pytest.mark.parametrize(("content", "found"), [(b"", "is empty"), (b"RIFF1234WAVE", "begins with b'RIFF'")])
def test_what_is_not_a_midi_file_is_told(tmp_path: Path, content: bytes, found: str) -> None:
    (tmp_path / "a.mid").write_bytes(content)
    with pytest.raises(LCError, match=f"is not a MIDI file: it {found}"):
        read_midi(tmp_path / "a.mid")


def test_a_file_cut_anywhere_is_an_error_and_never_half_a_melody(tmp_path: Path) -> None:
    write_midi(TUNE, tmp_path / "a.mid")
    content = (tmp_path / "a.mid").read_bytes()
    for length in range(len(content)):
        (tmp_path / "b.mid").write_bytes(content[:length])
        with pytest.raises(LCError, match=r"truncated|not a MIDI file"):
            read_midi(tmp_path / "b.mid")


@given(position=st.integers(0, 200), byte=st.integers(0, 255))
def test_a_damaged_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, position: int, byte: int) -> None:
    path = tmp_path_factory.mktemp("midi") / "a.mid"
    write_midi(TUNE, path)
    content = bytearray(path.read_bytes())
    content[position % len(content)] = byte
    path.write_bytes(content)
    try:
        assert read_midi(path).shape == (1, 32)
    except LCError:
        pass


def test_independent_sequences_and_film_time_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="format 2"):
        read_midi(save(tmp_path / "a.mid", CHORD, CHORD, type=2))
    with pytest.raises(LCError, match="film frames"):
        read_midi(save(tmp_path / "a.mid", CHORD, ticks_per_beat=-6360))
