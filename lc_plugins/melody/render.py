"""Melodies as files: MIDI, piano rolls (PNG) and sound (WAV).

The same melody and settings always give the same bytes.
"""

from __future__ import annotations

import functools
import math
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, ValidationError, validate_call

from lc_core import LCError, Renderer
from lc_plugins.melody.midi import STEPS_PER_BEAT, Note, pitch_name, require, tokens_to_notes, write_midi
from lc_plugins.melody.piano_roll import GONE, NEW, PAPER, Pen, common_range, pitch_range
from lc_plugins.melody.tokens import BAR

__all__ = ["Audio", "Midi", "PianoRoll"]

TOKENS = ("melody.tokens/1",)
Tempo = Annotated[float, Field(ge=20, le=300, description="quarter notes per minute")]


def _checked(init: Callable[..., None]) -> Callable[..., None]:
    """Check settings against their annotations, for whoever builds a renderer in Python."""

    @functools.cache
    def call() -> Callable[..., None]:
        return validate_call(init)  # takes a while, so not before a renderer is built

    @functools.wraps(init)
    def checked(self: Any, **settings: Any) -> None:
        try:
            call()(self, **settings)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            raise LCError(f"{type(self).__name__}: {name} = {first['input']!r}: {first['msg']}") from error

    return checked


class Midi(Renderer):
    """A MIDI file: one track in 4/4 on a grid of sixteenths, notes of exact length."""

    accepts = TOKENS
    suffix = ".mid"
    media_type = "audio/midi"

    @_checked
    def __init__(
        self,
        *,
        tempo: Tempo = 120,
        program: Annotated[int, Field(ge=0, le=127, description="General MIDI instrument from 0; 73 is flute")] = 73,
        velocity: Annotated[int, Field(ge=1, le=127, description="loudness of every note")] = 90,
    ) -> None:
        """Set tempo in quarter notes per minute, General MIDI instrument (0 piano, 40 violin, 73 flute), loudness."""
        self.tempo = tempo
        self.program = program
        self.velocity = velocity

    def write(self, output: Any, path: Path) -> None:
        """Write one melody `(T,)`."""
        write_midi(output, path, tempo=self.tempo, program=self.program, velocity=self.velocity)


MAX_ON_SHEET = 64


class PianoRoll(Renderer):
    """A picture of a melody: time to the right, pitch upwards, a darker edge where a note starts.

    Rows of black keys are shaded; lines mark beats, bars and each C. The pictures of nearly all melodies show the
    pitches G3 to F#6; one that leaves them gets further octaves.
    """

    accepts = TOKENS
    suffix = ".png"
    media_type = "image/png"
    page_script = "page/piano_roll.js"

    @_checked
    def __init__(
        self,
        *,
        scale: Annotated[int, Field(ge=1, le=8, description="1 draws a sixteenth 14 pixels wide, 2 twice that")] = 1,
    ) -> None:
        """Set the size: at 1 a melody of 32 sixteenths is 486 pixels wide."""
        self.scale = scale

    def write(self, output: Any, path: Path) -> None:
        """Write the picture of one melody `(T,)`."""
        image_module = require("PIL.Image", purpose="drawing piano rolls")
        notes = tokens_to_notes(output)
        low, high = pitch_range(notes)
        steps, scale = len(output), self.scale
        step, row = 14 * scale, max(3, 288 // (high - low + 1)) * scale
        left, top, margin = 30 * scale, 18 * scale, 8 * scale
        size = (left + steps * step + margin, top + (high - low + 1) * row + margin)
        image = image_module.new("RGB", size, PAPER)
        pen = Pen(image, font_size=11 * scale)
        pen.roll(notes, steps, (low, high), corner=(left, top), cell=(step, row), line=scale)
        for pitch in range(low + -low % 12, high + 1, 12):
            pen.text((left - 5 * scale, top + (high - pitch + 0.5) * row), pitch_name(pitch), anchor="rm")
        for bar in range(math.ceil(steps / BAR)):
            pen.text((left + bar * BAR * step + 2 * scale, top - 3 * scale), str(bar + 1), anchor="ls")
        if not notes:
            pen.text((left + 5 * step, top + 10 * row), "silence", anchor="lm")
        image.save(path, format="PNG")

    def page_data(self, output: Any) -> dict[str, Any]:
        """Return the notes of one melody `(T,)`, start, end and pitch each, in steps; and the steps of a bar."""
        notes = [[int(one) for one in note] for note in tokens_to_notes(output)]
        return {"steps": len(output), "per_beat": STEPS_PER_BEAT, "bar": BAR, "notes": notes}

    def write_pair(self, before: Any, after: Any, path: Path) -> bool:
        """Write one picture of a melody before and after an edit: notes that went are red, new ones green."""
        return self._pairs(np.asarray(before)[None], np.asarray(after)[None], path, step=10, names=False)

    def write_pairs(self, before: np.ndarray, after: np.ndarray, folder: Path) -> Path | None:
        """Write `pairs.png`: the first 32 melodies before (left) and after (right), all over the same pitches."""
        if not len(before):
            return None
        most = MAX_ON_SHEET // 2
        self._pairs(before[:most], after[:most], folder / "pairs.png", step=8, names=True)
        return folder / "pairs.png"

    def _pairs(self, before: np.ndarray, after: np.ndarray, path: Path, *, step: int, names: bool) -> bool:
        image_module = require("PIL.Image", purpose="drawing piano rolls")
        pairs = [(tokens_to_notes(old), tokens_to_notes(new)) for old, new in zip(before, after, strict=True)]
        pitches = common_range([pitch for pair in pairs for notes in pair for _, _, pitch in notes])
        scale, steps = self.scale, max(before.shape[1], after.shape[1])
        step, row = step * scale, max(3, 144 // (pitches[1] - pitches[0] + 1)) * scale
        head, gap = 18 * scale, 12 * scale
        width, height = steps * step, (pitches[1] - pitches[0] + 1) * row
        size = (gap + 2 * (width + gap), gap + len(pairs) * (head + height + gap))
        image = image_module.new("RGB", size, PAPER)
        pen = Pen(image, font_size=11 * scale)
        for number, (old, new) in enumerate(pairs):
            top = gap + number * (head + height + gap) + head
            for side, (notes, others, colours) in enumerate(((old, new, GONE), (new, old, NEW))):
                left = gap + side * (width + gap)
                title = f"{number:06d}  " * names + ("before", "after")[side] + ("" if notes else "  silence")
                pen.text((left, top - 4 * scale), title, anchor="ls")
                marked = {note: colours for note in notes if note not in others}
                pen.roll(notes, steps, pitches, corner=(left, top), cell=(step, row), line=scale, marked=marked)
        image.save(path, format="PNG")
        return True

    def write_sheet(self, outputs: np.ndarray, folder: Path) -> Path | None:
        """Write `piano_rolls.png`: the first 64 melodies `(N, T)` with their numbers, all over the same pitches."""
        image_module = require("PIL.Image", purpose="drawing piano rolls")
        melodies = [tokens_to_notes(output) for output in outputs[:MAX_ON_SHEET]]
        if not melodies:
            return None
        steps, scale = outputs.shape[1], self.scale
        low, high = common_range([pitch for notes in melodies for _, _, pitch in notes])
        step, row = 6 * scale, max(2, 144 // (high - low + 1)) * scale
        head, gap = 16 * scale, 12 * scale
        columns = math.ceil(math.sqrt(len(melodies)))
        width, height = steps * step, (high - low + 1) * row
        rows = math.ceil(len(melodies) / columns)
        size = (gap + columns * (width + gap), gap + rows * (head + height + gap))
        image = image_module.new("RGB", size, PAPER)
        pen = Pen(image, font_size=11 * scale)
        for number, notes in enumerate(melodies):
            left = gap + number % columns * (width + gap)
            top = gap + number // columns * (head + height + gap) + head
            pen.text((left, top - 4 * scale), f"{number:06d}" + ("" if notes else "  silence"), anchor="ls")
            pen.roll(notes, steps, (low, high), corner=(left, top), cell=(step, row), line=scale)
        path = folder / "piano_rolls.png"
        image.save(path, format="PNG")
        return path


RATE = 22_050  # samples a second
PEAK = 10 ** (-3 / 20)  # -3 dBFS
ATTACK, RELEASE = 0.008, 0.03  # seconds; both fit into a sixteenth at the fastest tempo, 50 ms
HARMONICS = 6
HIGHEST_FREQUENCY = 0.45 * RATE


class Audio(Renderer):
    """A sound file: 16-bit mono, 22,050 samples a second, peak at -3 dBFS, as long as the melody's steps.

    A plain synthesiser: a few harmonics that fade at different speeds, with a soft start and end to each note.
    """

    accepts = TOKENS
    suffix = ".wav"
    media_type = "audio/wav"

    @_checked
    def __init__(self, *, tempo: Tempo = 120) -> None:
        """Set the tempo in quarter notes per minute."""
        self.tempo = tempo

    def write(self, output: Any, path: Path) -> None:
        """Write the sound of one melody `(T,)`; a melody without notes is silence."""
        samples = _synthesise(tokens_to_notes(output), len(output), 60 / self.tempo / STEPS_PER_BEAT)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())


def _synthesise(notes: Sequence[Note], steps: int, seconds_per_step: float) -> np.ndarray:
    """Return samples in [-1, 1]."""
    samples = np.zeros(round(steps * seconds_per_step * RATE))
    for start, end, pitch in notes:
        first, last = round(start * seconds_per_step * RATE), round(end * seconds_per_step * RATE)
        samples[first:last] = _tone(pitch, last - first)
    loudest = np.abs(samples).max(initial=0.0)
    return samples * (PEAK / loudest) if loudest > 0 else samples


def _tone(pitch: int, length: int) -> np.ndarray:
    """Return `length` samples of one note, from zero to zero.

    sum_k k^-1.5 e^(-(k-1) t / 0.3 s) sin(k w t), under an envelope that falls to 0.4. The few pitches above half the
    sampling rate (125 to 127) sound an octave lower.
    """
    frequency = 440 * 2 ** ((pitch - 69) / 12)
    if frequency > RATE / 2:
        frequency /= 2
    time = np.arange(length) / RATE
    phase = (2 * math.pi * frequency) * time
    wave_before, wave_now, twice_cosine = np.zeros(length), np.sin(phase), 2 * np.cos(phase)
    fade, fading = np.exp(-time / 0.3), np.ones(length)
    tone = wave_now.copy()
    for k in range(2, HARMONICS + 1):
        if k * frequency > HIGHEST_FREQUENCY:
            break
        # sin(kx) = 2 cos(x) sin((k - 1) x) - sin((k - 2) x)
        wave_before, wave_now = wave_now, twice_cosine * wave_now - wave_before
        fading = fading * fade
        tone += k**-1.5 * fading * wave_now
    tone *= 0.4 + 0.6 * fade
    attack, release = round(ATTACK * RATE), round(RELEASE * RATE)
    tone[:attack] *= 0.5 - 0.5 * np.cos(np.pi * np.arange(attack) / attack)
    tone[-release:] *= 0.5 + 0.5 * np.cos(np.pi * np.arange(1, release + 1) / release)
    return tone
