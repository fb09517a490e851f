"""What tokens of a melody sound like: onsets, the pitch that sounds at each step, the moves from note to note.

Tokens `melody.tokens/1` are integers `(B, T)`, one row for each melody and one column for each sixteenth: 0 to 127
is the onset of that MIDI pitch, 128 holds what sounds, 129 ends it. A hold before any onset or after a note-off is
silence. The functions work on a whole batch at once, for any B (also 0) and any T from 1.
"""

from __future__ import annotations

import numpy as np

from lc_core import LCError

__all__ = ["BAR", "HOLD", "NOTE_OFF", "SILENT", "as_tokens", "moves", "onsets", "previous_pitch", "sounding"]

HOLD, NOTE_OFF = 128, 129
SILENT = -1
BAR = 16  # steps


def as_tokens(tokens: np.ndarray) -> np.ndarray:
    """Return a batch of tokens `(B, T)` as an int64 array, if it is one.

    Raises:
        LCError: If the shape is not `(B, T)` with T of 1 or more, or a value is no integer from 0 to 129.
    """
    tokens = np.asarray(tokens)
    if tokens.ndim != 2 or tokens.shape[1] == 0:
        raise LCError(f"melody tokens have shape (B, T) with T of 1 or more; found shape {tokens.shape}")
    if tokens.dtype.kind not in "iu":
        raise LCError(f"melody tokens are integers from 0 to {NOTE_OFF}; found {tokens.dtype}")
    if tokens.size:
        low, high = int(tokens.min()), int(tokens.max())
        if low < 0 or high > NOTE_OFF:
            raise LCError(f"melody tokens are integers from 0 to {NOTE_OFF}; found {low if low < 0 else high}")
    return tokens.astype(np.int64, copy=False)


def onsets(tokens: np.ndarray) -> np.ndarray:
    """Return at which steps a note begins, `(B, T)` bool."""
    starts: np.ndarray = as_tokens(tokens) < HOLD
    return starts


def sounding(tokens: np.ndarray) -> np.ndarray:
    """Return the MIDI pitch that sounds at each step, or `SILENT`, `(B, T)` int32.

    Example:
        >>> sounding(np.array([[128, 60, 128, 129, 128, 62]]))
        array([[-1, 60, 60, -1, -1, 62]], dtype=int32)
    """
    tokens = as_tokens(tokens)
    last = _latest(tokens, tokens != HOLD) & 255
    return np.where(last < HOLD, last, SILENT)


def previous_pitch(tokens: np.ndarray) -> np.ndarray:
    """Return the pitch of the last onset before each step, or -1 where there is none, `(B, T)` int32.

    Example:
        >>> previous_pitch(np.array([[60, 128, 129, 62]]))
        array([[-1, 60, 60, 60]], dtype=int32)
    """
    tokens = as_tokens(tokens)
    latest = _latest(tokens, tokens < HOLD)
    previous = np.full(tokens.shape, -1, dtype=np.int32)
    previous[:, 1:] = np.where(latest[:, :-1] >= 0, latest[:, :-1] & 255, -1)
    return previous


def moves(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval from each note's predecessor to it, and where there is one.

    Returns:
        Semitones, up is positive and 0 where there is no interval, `(B, T)` int32; and the steps at which a note
        with a predecessor begins, `(B, T)` bool. Rests between two notes make no difference.

    Example:
        >>> moves(np.array([[60, 128, 129, 62]]))[0]
        array([[0, 0, 0, 2]], dtype=int32)
    """
    tokens = as_tokens(tokens)
    previous = previous_pitch(tokens)
    exists = (tokens < HOLD) & (previous >= 0)
    return np.where(exists, tokens.astype(np.int32) - previous, 0), exists


def _latest(tokens: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Return `256 * step + token` of the latest event up to each step, or -1 before the first, `(B, T)` int32.

    The step stands in the high bits, so a running maximum carries the latest token forward.
    """
    steps = np.arange(tokens.shape[1], dtype=np.int32) << 8
    keys = np.where(events, tokens.astype(np.int32) | steps, np.int32(-1))
    latest: np.ndarray = np.maximum.accumulate(keys, axis=1)
    return latest
