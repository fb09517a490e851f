"""Melody tokens as notes, and MIDI files as melody tokens.

Tokens are `melody.tokens/1`: int64, one for each sixteenth; 0 to 127 the onset of that MIDI pitch, 128 hold,
129 note-off. A hold before any onset or after a note-off is silence. T is the number of sixteenths.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lc_core.errors import LCError
from lc_plugins.melody.tokens import BAR, HOLD, NOTE_OFF, SILENT, as_tokens, sounding

__all__ = [
    "STEPS_PER_BEAT",
    "Note",
    "canonical",
    "notes_to_tokens",
    "pitch_name",
    "read_midi",
    "require",
    "tokens_to_notes",
    "write_midi",
]

STEPS_PER_BEAT = 4
TICKS_PER_STEP = 120  # 480 ticks per beat, what most sequencers use
MICROSECONDS_PER_MINUTE = 60_000_000

Note = tuple[int, int, int]
"""Start step, end step (exclusive), MIDI pitch."""


def require(module: str, *, purpose: str) -> Any:
    """Import an optional module, or say which extra brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise LCError(
            f"{purpose} needs the module {module}, which cannot be imported ({error})",
            hint='install it with: pip install "latent-constraints[melody]"',
        ) from error


def pitch_name(pitch: int) -> str:
    """Return a pitch's name, middle C (60) being C4."""
    return f"{('C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B')[pitch % 12]}{pitch // 12 - 1}"


def canonical(tokens: np.ndarray) -> np.ndarray:
    """Write tokens `(B, T)` in one way: rows that sound the same become equal.

    A note-off stays only where it ends a note; every other step without an onset is a hold. Hence silence at the
    start is holds, and a rest is one note-off followed by holds.

    Returns:
        New tokens `(B, T)` int64.
    """
    tokens = as_tokens(tokens)
    before = np.pad(sounding(tokens)[:, :-1], ((0, 0), (1, 0)), constant_values=SILENT)
    return np.where((tokens == NOTE_OFF) & (before == SILENT), HOLD, tokens)


def tokens_to_notes(tokens: np.ndarray) -> list[Note]:
    """Return the notes of one melody `(T,)` in time order; an empty list if it is silent."""
    tokens = as_tokens(np.asarray(tokens)[None])[0]
    events = [*np.flatnonzero(tokens != HOLD).tolist(), len(tokens)]
    return [
        (start, end, int(tokens[start]))
        for start, end in zip(events[:-1], events[1:], strict=True)
        if tokens[start] < HOLD
    ]


def notes_to_tokens(notes: Sequence[Note], *, steps: int = 32) -> np.ndarray:
    """Return the canonical tokens `(steps,)` of notes in time order.

    Raises:
        LCError: If a note is empty, overlaps the one before, or lies outside the window or the pitches 0 to 127.
    """
    tokens = np.full(steps, HOLD, dtype=np.int64)
    free = 0  # the first step after the last note
    for start, end, pitch in notes:
        if not free <= start < end <= steps or not 0 <= pitch < HOLD:
            raise LCError(
                f"note (start {start}, end {end}, pitch {pitch}) does not fit: expected"
                f" {free} <= start < end <= {steps} and a pitch from 0 to 127"
            )
        tokens[start] = pitch
        if end < steps:
            tokens[end] = NOTE_OFF  # the next note's onset overwrites it
        free = end
    return tokens


def write_midi(tokens: np.ndarray, path: Path, *, tempo: float = 120, program: int = 73, velocity: int = 90) -> None:
    """Write one melody `(T,)` as a MIDI file with one track, 480 ticks per beat, 4/4.

    The end of the track stands at step T, so that silence at the end keeps its length.

    Args:
        tokens: The melody.
        path: Where to write.
        tempo: Quarter notes per minute, above 3.6 (the format's limit).
        program: General MIDI instrument counted from 0; 73 is the flute.
        velocity: Loudness of every note, 1 to 127.
    """
    mido = require("mido", purpose="writing MIDI files")
    tokens = np.asarray(tokens)
    track = mido.MidiTrack()
    track.append(mido.MetaMessage("set_tempo", tempo=round(MICROSECONDS_PER_MINUTE / tempo)))
    track.append(mido.MetaMessage("time_signature", numerator=4, denominator=4))
    track.append(mido.Message("program_change", program=program))
    now = 0
    for start, end, pitch in tokens_to_notes(tokens):
        track.append(mido.Message("note_on", note=pitch, velocity=velocity, time=(start - now) * TICKS_PER_STEP))
        track.append(mido.Message("note_off", note=pitch, velocity=0, time=(end - start) * TICKS_PER_STEP))
        now = end
    track.append(mido.MetaMessage("end_of_track", time=(len(tokens) - now) * TICKS_PER_STEP))
    file = mido.MidiFile(type=0, ticks_per_beat=TICKS_PER_STEP * STEPS_PER_BEAT)
    file.tracks.append(track)
    file.save(str(path))


class _Played(NamedTuple):
    """A note as played: ticks and pitch; channels count from 1."""

    start: int
    end: int
    pitch: int
    channel: int


def read_midi(path: str | Path, *, steps: int = 32) -> np.ndarray:
    """Read a monophonic MIDI file as one melody, quantised to sixteenths by the file's own ticks per beat.

    Starts and ends move to the nearest sixteenth, and no note gets shorter than one. Notes that overlap by at most
    half a sixteenth are taken as played legato. Tempo, instrument, loudness and pitch bends are passed over. A file
    without notes is a silent melody if its track has a length, as `write_midi` writes it, and an error otherwise.

    Args:
        path: The file.
        steps: T, the length of the window in sixteenths; a shorter melody is followed by silence.

    Returns:
        Canonical tokens `(1, steps)` int64.

    Raises:
        LCError: If the file is missing, not a MIDI file, damaged, empty, polyphonic, faster than sixteenths, longer
            than the window, or in a metre whose bars do not fill 4/4.
    """
    if steps < 1:
        raise LCError(f"steps must be 1 or more; found {steps}")
    path = Path(path)
    file = _parse(path)
    _check_metre(file, path)
    played = [note for track in file.tracks for note in _played(track)]
    length = max((sum(message.time for message in track) for track in file.tracks), default=0)
    if not played and not length:
        raise LCError(f"{path} has no notes", hint="export the track with the melody; check that it is not muted")
    notes = _quantise(sorted(played), file.ticks_per_beat, path)
    last = max((end for _, end, _ in notes), default=0)
    if last > steps:
        raise LCError(
            f"{path} lasts {last} sixteenths ({_bars(last)}); expected at most {steps} ({_bars(steps)})",
            hint=f"cut it into files of {_bars(steps)}, or remove the silence before its first note",
        )
    return notes_to_tokens(notes, steps=steps)[None]


def _parse(path: Path) -> Any:
    """Return the `mido.MidiFile` of a path."""
    mido = require("mido", purpose="reading MIDI files")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LCError(f"cannot read {path}: {error.strerror or error}") from error
    if content[:4] != b"MThd":
        found = f"begins with {content[:4]!r}" if content else "is empty"
        raise LCError(f"{path} is not a MIDI file: it {found}, expected b'MThd'", hint="export it as .mid")
    try:
        file = mido.MidiFile(file=io.BytesIO(content))
    except EOFError as error:
        raise LCError(f"{path} is truncated: it ends inside a track", hint="copy or export it again") from error
    except Exception as error:  # a damaged file can raise anything inside the parser
        raise LCError(f"{path} is damaged: {error}", hint="export it again") from error
    if file.type == 2:
        raise LCError(f"{path} holds independent sequences (format 2); expected format 0 or 1", hint="export it again")
    if file.ticks_per_beat <= 0:
        raise LCError(f"{path} counts time in film frames, not in beats", hint="export it with ticks per beat (PPQ)")
    return file


def _check_metre(file: Any, path: Path) -> None:
    for message in (message for track in file.tracks for message in track if message.type == "time_signature"):
        bar = Fraction(message.numerator * BAR, message.denominator)
        if not bar or BAR % bar:
            raise LCError(
                f"{path} is in {message.numerator}/{message.denominator}; expected 4/4, 2/2, 2/4 or another metre whose"
                " bars fill 4/4",
                hint="only melodies in such metres can be measured by this model's rules",
            )


def _played(track: Any) -> list[_Played]:
    """Return the notes of one track. A note that is struck again or never released ends there."""
    notes: list[_Played] = []
    sounding: dict[tuple[int, int], int] = {}
    now = 0

    def release(key: tuple[int, int]) -> None:
        if key in sounding:
            notes.append(_Played(sounding.pop(key), now, key[1], key[0]))

    for message in track:
        now += message.time
        if message.type in ("note_on", "note_off"):
            key = (message.channel + 1, message.note)
            release(key)
            if message.type == "note_on" and message.velocity > 0:
                sounding[key] = now
    for key in list(sounding):
        release(key)
    return notes


def _quantise(played: Sequence[_Played], ticks_per_beat: int, path: Path) -> list[Note]:
    """Return sorted notes on the grid of sixteenths, each ending where the next begins at the latest."""

    def step_of(tick: int) -> int:
        return (2 * STEPS_PER_BEAT * tick + ticks_per_beat) // (2 * ticks_per_beat)  # half a step rounds up

    notes: list[Note] = []
    for index, note in enumerate(played):
        start = step_of(note.start)
        end = max(step_of(note.end), start + 1)
        if index + 1 < len(played):
            following = played[index + 1]
            overlap = note.end - following.start
            if following.start == note.start or overlap * 2 * STEPS_PER_BEAT > ticks_per_beat:
                raise _polyphonic(note, following, step_of(following.start), played, path)
            if step_of(following.start) == start:
                raise LCError(
                    f"{path} is faster than sixteenths: {pitch_name(note.pitch)} and {pitch_name(following.pitch)} both"
                    f" fall on {_place(start)}",
                    hint="remove grace notes, or write it in doubled note values",
                )
            end = min(end, step_of(following.start))
        notes.append((start, end, note.pitch))
    return notes


def _polyphonic(first: _Played, second: _Played, step: int, played: Sequence[_Played], path: Path) -> LCError:
    channels: dict[int, int] = defaultdict(int)
    for note in played:
        channels[note.channel] += 1
    where = ", ".join(f"{count} on channel {channel}" for channel, count in sorted(channels.items()))
    return LCError(
        f"{path} is polyphonic: {pitch_name(first.pitch)} ({first.pitch}) and {pitch_name(second.pitch)}"
        f" ({second.pitch}) sound together at {_place(step)} (notes: {where})",
        hint="keep one voice: export the melody alone, without chords, bass or drums",
    )


def _place(step: int) -> str:
    return f"bar {step // BAR + 1}, sixteenth {step % BAR + 1}"


def _bars(steps: int) -> str:
    bars = Fraction(steps, BAR)
    number = str(bars.numerator) if bars.denominator == 1 else f"{float(bars):.1f}"
    return f"{number} {'bar' if bars == 1 else 'bars'} of 4/4"
