"""A space to compare sets of melodies in: which pitches, which steps between notes, where notes begin, which shape."""

from __future__ import annotations

import numpy as np

from lc_plugins.melody.tokens import moves, onsets, sounding

__all__ = ["profile"]

WIDEST = 8
"""Intervals of at least so many semitones are one kind, up and down."""
PARTS = 8
OCTAVE = 12


def profile(tokens: np.ndarray) -> np.ndarray:
    """Return what a melody is made of, `(B, 12 + 17 + T + 17)` float32.

    Each group has a length of about 0 to 1: shares of the twelve pitch classes among notes; shares of intervals from
    -8 or less to 8 or more semitones; for each step whether a note begins, over sqrt(T); of eight parts of the time the
    mean pitch less that of the melody, in octaves over sqrt(8), and the share in which something sounds, over sqrt(8);
    and the mean pitch, in octaves from middle C. What does not exist, as in silence, is 0.

    Args:
        tokens: Melodies `(B, T)`.
    """
    begins, pitch = onsets(tokens), sounding(tokens)
    steps, between = moves(tokens)
    classes = np.where(begins, tokens % OCTAVE, -1)
    kinds = np.where(between, np.clip(steps, -WIDEST, WIDEST), WIDEST + 1)
    sounds = pitch >= 0
    mean = _mean(pitch, sounds)
    parts = np.array_split(np.arange(tokens.shape[1]), PARTS)
    shape = [_mean(pitch[:, one] - mean[:, None], sounds[:, one]) / OCTAVE for one in parts]
    filled = [_mean(sounds[:, one], np.ones_like(sounds[:, one])) for one in parts]
    groups = [
        _shares(classes, range(OCTAVE)),
        _shares(kinds, range(-WIDEST, WIDEST + 1)),
        begins / np.sqrt(tokens.shape[1]),
        np.stack(shape, axis=1) / np.sqrt(PARTS),
        np.stack(filled, axis=1) / np.sqrt(PARTS),
        np.where(sounds.any(axis=1), mean - 60, 0)[:, None] / OCTAVE,
    ]
    return np.concatenate(groups, axis=1).astype(np.float32)


def _shares(values: np.ndarray, kinds: range) -> np.ndarray:
    """Return for each kind which share of the values `(B, T)` that are any of these kinds it has, `(B, K)`."""
    counts = np.stack([(values == kind).sum(axis=1) for kind in kinds], axis=1)
    found: np.ndarray = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return found


def _mean(values: np.ndarray, exists: np.ndarray) -> np.ndarray:
    """Return the mean `(B,)` of the values `(B, T)` that exist; 0 where none does."""
    found: np.ndarray = np.where(exists, values, 0).sum(axis=1) / np.maximum(exists.sum(axis=1), 1)
    return found
