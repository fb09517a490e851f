"""Melody tokens as notes, and MIDI files as melody tokens.

Tokens are `melody.tokens/1`: int64, one for each sixteenth; 0 to 127 the onset of that MIDI pitch, 128 hold,
129 note-off. A hold before any onset or after a note-off is silence. T is the number of sixteenths.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from lc_core import LCError
from lc_plugins.melody.midi_bars import first_bar_line
from lc_plugins.melody.midi_events import read_song
from lc_plugins.melody.midi_graces import without_graces
from lc_plugins.melody.midi_grid import Grid, Note, pitch_name
from lc_plugins.melody.midi_notes import played_notes
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


def require(module: str, *, purpose: str) -> Any:
    """Import an optional module, or say which extra brings it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise LCError(
            f"{purpose} needs the module {module}, which cannot be imported ({error})",
            hint='install it with: pip install "latent-constraints[melody]"',
        ) from error


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


def read_midi(path: str | Path, *, steps: int = 32, tell: Callable[[str], None] = lambda _: None) -> np.ndarray:
    """Read a monophonic MIDI file as one melody, quantised to sixteenths by the file's own ticks per beat.

    Starts and ends move to the nearest sixteenth, and no note gets shorter than one. Notes that overlap by at most
    half a sixteenth are taken as played legato. Bar lines are where the file's time signatures put them; a pick-up
    stands at the end of a bar. Left out are drums (channel 10), bars in which drums alone count in, grace notes, and
    notes without any length; whole silent bars before the first note too, if the melody is too long with them. A note
    that is never released runs to the next one. Notes of several channels and tracks that do not sound together are
    one melody, and notes that are doubled in unison are one note. Key, tempo, instrument, loudness, controllers and
    pitch bends are passed over, whatever they hold. A file without notes is a silent melody if its track has a length,
    as `write_midi` writes it, and an error otherwise.

    Args:
        path: The file.
        steps: T, the length of the window in sixteenths; a shorter melody is followed by silence.
        tell: Called with each line about what was left out or moved.

    Returns:
        Canonical tokens `(1, steps)` int64.

    Raises:
        LCError: If the file is missing, not a MIDI file, truncated, empty, polyphonic, faster than sixteenths, longer
            than the window, or in a metre whose bars do not fill 4/4; or if what is played in it is damaged.
    """
    if steps < 1:
        raise LCError(f"steps must be 1 or more; found {steps}")
    path = Path(path)
    song = read_song(path)
    voice = played_notes(song, path, tell=tell)
    if not voice.notes and not voice.length:
        raise LCError(f"{path} has no notes", hint="export the track with the melody; check that it is not muted")
    ticks = Fraction(song.ticks_per_beat, STEPS_PER_BEAT)
    voice = replace(voice, notes=without_graces(voice.notes, Grid(ticks), tell=tell))
    grid = Grid(ticks, first_bar_line(song, voice.notes, path, tell=tell))
    grid = grid.after_silence(voice, steps, tell=tell)
    notes = grid.quantised(voice.notes, steps, path, tell=tell)
    _check_length(notes, steps, path)
    return notes_to_tokens(notes, steps=steps)[None]


def _check_length(notes: Sequence[Note], steps: int, path: Path) -> None:
    last = max((end for _, end, _ in notes), default=0)
    if last <= steps:
        return
    pickup = notes[0][0] >= BAR // 2
    with_it = ", with the silence before its pick-up" if pickup else ""
    raise LCError(
        f"{path} lasts {last} sixteenths ({_bars(last)}{with_it}); expected at most {steps} ({_bars(steps)})",
        hint=f"{'leave out its pick-up, or ' if pickup else ''}cut it into files of {_bars(steps)}",
    )


def _bars(steps: int) -> str:
    bars = Fraction(steps, BAR)
    number = str(bars.numerator) if bars.denominator == 1 else f"{float(bars):.1f}"
    return f"{number} {'bar' if bars == 1 else 'bars'} of 4/4"
