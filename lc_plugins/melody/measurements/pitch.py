"""How high and how low a melody goes, and how it moves from note to note."""

from __future__ import annotations

from typing import Literal

import numpy as np

from lc_core import measurement
from lc_plugins.melody.bars import BARS
from lc_plugins.melody.measurements.shares import share, undefined_where
from lc_plugins.melody.measurements.theory import SettingError
from lc_plugins.melody.tokens import HOLD, as_tokens, moves

__all__ = ["arch", "contour", "highest", "lowest", "max_leap", "range_of_voice", "span", "stepwise_share"]


@measurement(accepts="melody.tokens/1", part=BARS, unit="MIDI number", range=(0, 127), undefined="no notes")
def lowest(tokens: np.ndarray) -> np.ndarray:
    """Return the pitch of the lowest note, `(B,)`.

    Formula: the least MIDI number among the onsets. Range 0 to 127 (60 is middle C). No default want.
    Degenerate: NaN without notes.

    Example:
        >>> lowest(np.array([[64, 128, 60, 67]]))
        array([60.])
    """
    low = as_tokens(tokens).min(axis=1)  # any pitch is below the tokens that are no pitch
    return undefined_where(low >= HOLD, low)


@measurement(accepts="melody.tokens/1", part=BARS, unit="MIDI number", range=(0, 127), undefined="no notes")
def highest(tokens: np.ndarray) -> np.ndarray:
    """Return the pitch of the highest note, `(B,)`.

    Formula: the greatest MIDI number among the onsets. Range 0 to 127 (60 is middle C). No default want.
    Degenerate: NaN without notes.

    Example:
        >>> highest(np.array([[64, 128, 60, 67]]))
        array([67.])
    """
    high = _highest(as_tokens(tokens))
    return undefined_where(high < 0, high)


@measurement(accepts="melody.tokens/1", part=BARS, unit="semitones", range=(0, 127), undefined="no notes")
def span(tokens: np.ndarray) -> np.ndarray:
    """Return the distance from the lowest note to the highest, `(B,)`.

    Formula: highest onset - lowest onset. Semitones, 0 to 127. No default want.
    Degenerate: 0 with one note, NaN without notes. Known elsewhere as pitch range (MusPy).

    Example:
        >>> span(np.array([[64, 128, 60, 67]]))
        array([7.])
    """
    tokens = as_tokens(tokens)
    high = _highest(tokens)
    return undefined_where(high < 0, high - tokens.min(axis=1))


@measurement(accepts="melody.tokens/1", part=BARS, unit="semitones", range=(0, np.inf), undefined="no notes")
def contour(tokens: np.ndarray) -> np.ndarray:
    """Return how far the pitch travels in all, `(B,)`.

    Formula: the sum of |p[i+1] - p[i]| over successive onsets p[0], p[1], ... (rests between them make no
    difference). Semitones, 0 to 127 (T - 1). No default want.
    Degenerate: 0 with one note, NaN without notes.

    Example:
        >>> contour(np.array([[60, 64, 128, 62]]))
        array([6.])
    """
    tokens = as_tokens(tokens)
    return undefined_where(_no_notes(tokens), np.abs(moves(tokens)[0]).sum(axis=1))


@measurement(accepts="melody.tokens/1", part=BARS, unit="share", range=(0, 1), undefined="no notes", at_least=0.5)
def arch(tokens: np.ndarray) -> np.ndarray:
    """Return how well the pitch rises to one peak and falls back, `(B,)`.

    Formula: 2 min(peak - first, peak - last) / contour, with the highest, the first and the last onset's pitch and the
    sum of |pitch steps|. It is the part of all movement that is spent on a climb to the peak and an equal
    descent from it. Share, 0 to 1: 1 where the pitch only rises, then only falls, and ends where it began; small
    where it wavers, or where one side of the arch is missing. Default at_least 0.5 (7 % of the windows of the training
    corpus).
    Degenerate: 0 with one note, or if all notes have the same pitch; NaN without notes.
    Source: our own; it puts a number on the arch among the contour types of D. Huron, "The melodic arch in Western
    folksongs", Computing in Musicology 10, 1996.

    Example:
        >>> arch(np.array([[60, 64, 67, 60], [60, 67, 62, 67], [60, 62, 64, 65]]))
        array([1., 0., 0.])
    """
    tokens = as_tokens(tokens)
    travelled = np.abs(moves(tokens)[0]).sum(axis=1)
    starts = tokens < HOLD
    rows = np.arange(len(tokens))
    first = tokens[rows, starts.argmax(axis=1)]
    last = tokens[rows, tokens.shape[1] - 1 - starts[:, ::-1].argmax(axis=1)]
    peak = _highest(tokens)
    sides = 2 * np.minimum(peak - first, peak - last)
    return undefined_where(peak < 0, sides / np.maximum(travelled, 1))


@measurement(accepts="melody.tokens/1", part=BARS, unit="semitones", range=(0, 127), undefined="no notes", at_most=12)
def max_leap(tokens: np.ndarray) -> np.ndarray:
    """Return the widest interval between successive onsets, `(B,)`.

    Formula: the maximum of |p[i+1] - p[i]|; rests between two notes make no difference. Semitones, 0 to 127.
    Default at_most 12 (an octave, the widest leap that strict counterpoint lets a voice take).
    Degenerate: 0 with one note, NaN without notes.

    Example:
        >>> max_leap(np.array([[60, 64, 128, 62]]))
        array([4.])
    """
    tokens = as_tokens(tokens)
    return undefined_where(_no_notes(tokens), np.abs(moves(tokens)[0]).max(axis=1))


@measurement(
    accepts="melody.tokens/1", part=BARS, unit="share", range=(0, 1), undefined="fewer than two notes", at_least=0.5
)
def stepwise_share(tokens: np.ndarray) -> np.ndarray:
    """Return the share of intervals that are steps, `(B,)`.

    Formula: intervals between successive onsets of 1 or 2 semitones, up or down, / all intervals between successive
    onsets (a repeated pitch is an interval, of 0 semitones). Share, 0 to 1. Default at_least 0.5 (the
    median of the training corpus).
    Degenerate: NaN with fewer than two notes.

    Example:
        >>> stepwise_share(np.array([[60, 62, 128, 61, 67, 67]]))
        array([0.5])
    """
    interval, exists = moves(tokens)
    size = np.abs(interval)
    steps = ((size == 1) | (size == 2)).sum(axis=1)
    return share(steps, exists.sum(axis=1))


VOICES = {
    "soprano": (60, 81),
    "mezzo_soprano": (57, 77),
    "alto": (53, 74),
    "tenor": (47, 67),
    "baritone": (43, 64),
    "bass": (40, 60),
}
"""Lowest and highest note of each voice, as MIDI numbers."""

Voice = Literal["soprano", "mezzo_soprano", "alto", "tenor", "baritone", "bass"]


@measurement(accepts="melody.tokens/1", part=BARS, unit="share", range=(0, 1), undefined="no notes", at_least=1.0)
def range_of_voice(tokens: np.ndarray, *, voice: Voice = "soprano") -> np.ndarray:
    """Return the share of notes that a voice can sing, `(B,)`.

    Formula: onsets within the range of the voice / onsets. The ranges are C4 to A5 for soprano, A3 to F5 for
    mezzo_soprano, F3 to D5 for alto, B2 to G4 for tenor, G2 to E4 for baritone and E2 to C4 for bass. Share, 0 to 1.
    Default at_least 1.0.
    Degenerate: NaN without notes.
    Source: D. M. Randel (ed.), The New Harvard Dictionary of Music, 1986.

    Args:
        tokens: Melodies `(B, T)`.
        voice: `soprano`, `mezzo_soprano`, `alto`, `tenor`, `baritone` or `bass`.

    Raises:
        LCError: If the voice is none of these.

    Example:
        >>> range_of_voice(np.array([[60, 128, 82, 128]]))
        array([0.5])
    """
    if voice not in VOICES:
        raise SettingError(f"expected a voice among {', '.join(VOICES)}; found {voice!r}")
    low, high = VOICES[voice]
    tokens = as_tokens(tokens)
    return share(((tokens >= low) & (tokens <= high)).sum(axis=1), (tokens < HOLD).sum(axis=1))


def _highest(tokens: np.ndarray) -> np.ndarray:
    """Return the highest onset's pitch, or -1 without notes, `(B,)`."""
    high: np.ndarray = np.where(tokens < HOLD, tokens, -1).max(axis=1)
    return high


def _no_notes(tokens: np.ndarray) -> np.ndarray:
    none: np.ndarray = tokens.min(axis=1) >= HOLD
    return none
