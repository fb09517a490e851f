"""What a melody has in common with a given tune: its rhythm, its pitches."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np

from lc_core import LCError, Needs, measurement
from lc_plugins.melody.bars import BARS
from lc_plugins.melody.measurements.parts import onset_overlap
from lc_plugins.melody.midi import read_midi
from lc_plugins.melody.tokens import BAR, HOLD, as_tokens, onsets

__all__ = ["TuneNeeds", "same_pitches", "same_rhythm"]

LONGEST = 64  # bars: no model makes longer melodies


class TuneNeeds(Needs):
    """The MIDI file of a given tune.

    Args:
        file: The file.

    Raises:
        LCError: If it cannot be read as a melody.
    """

    def __init__(self, *, file: Path) -> None:
        tune = _tune(file, LONGEST * BAR)
        self.digest = hashlib.sha256(tune.tobytes()).hexdigest()


@measurement(accepts="melody.tokens/1", part=BARS, unit="share", range=(0, 1), needs=TuneNeeds, at_least=0.9)
def same_rhythm(tokens: np.ndarray, *, file: Path) -> np.ndarray:
    """Return how well a melody has the rhythm of a given tune, `(B,)`.

    Formula: the steps at which a note begins in both / those at which one begins in either. Share, 0 to 1 (notes begin
    at the same steps). Default at_least 0.9.
    Degenerate: 0 without notes.

    Args:
        tokens: Melodies `(B, T)`.
        file: A MIDI file with the tune, no longer than the melodies: beside the spec, or any other path.

    Raises:
        LCError: If the file cannot be read as such a melody.
    """
    starts = onsets(tokens)
    found: np.ndarray = np.nan_to_num(onset_overlap(starts, _tune(file, starts.shape[1]) < HOLD))
    return found


@measurement(accepts="melody.tokens/1", part=BARS, unit="share", range=(0, 1), needs=TuneNeeds, at_least=0.9)
def same_pitches(tokens: np.ndarray, *, file: Path) -> np.ndarray:
    """Return how well a melody has the pitches of a given tune in their order, whatever its rhythm, `(B,)`.

    Formula: the length of the longest sequence of pitches that stands in both, with others between them or not / the
    notes of the one that has more. Share, 0 to 1 (the same pitches in the same order). Default at_least 0.9.
    Degenerate: 0 without notes.

    Args:
        tokens: Melodies `(B, T)`.
        file: A MIDI file with the tune, no longer than the melodies: beside the spec, or any other path.

    Raises:
        LCError: If the file cannot be read as such a melody.
    """
    tokens = as_tokens(tokens)
    batch, steps = tokens.shape
    tune = _tune(file, steps)
    pitches = tune[tune < HOLD]
    longest = np.zeros((batch, steps + 1), dtype=np.int64)  # of the tune so far and the first steps of the melody
    for pitch in pitches:
        longest[:, 1:] = np.maximum(longest[:, 1:], longest[:, :-1] + (tokens == pitch))
        longest = np.maximum.accumulate(longest, axis=1)
    most = np.maximum((tokens < HOLD).sum(axis=1), len(pitches))
    found: np.ndarray = longest[:, -1] / most
    return found


def _tune(file: Path, steps: int) -> np.ndarray:
    """Return the tokens `(steps,)` of a file, which is read again if it was changed since."""
    try:
        told = file.stat()
    except OSError as error:
        raise LCError(f"cannot read {file}: {error.strerror}") from error
    tune = _read(file, told.st_mtime_ns, told.st_size, steps)
    if not (tune < HOLD).any():
        raise LCError(f"{file} has no note")
    return tune


@lru_cache(maxsize=16)
def _read(file: Path, _changed: int, _size: int, steps: int) -> np.ndarray:
    found: np.ndarray = read_midi(file, steps=steps)[0]
    return found
