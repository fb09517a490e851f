"""Which pitch classes a melody uses: scales, tonics, chords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lc_core import SettingsCode, measurement
from lc_plugins.melody.bars import BARS
from lc_plugins.melody.measurements.shares import share, undefined_where
from lc_plugins.melody.measurements.theory import (
    CHORDS,
    NOTES,
    SCALES,
    Chords,
    Mode,
    PitchClass,
    PitchClasses,
    chord_masks,
    pitch_class_number,
    scale_mask,
)
from lc_plugins.melody.tokens import BAR, HOLD, as_tokens, sounding

__all__ = ["chord_fit", "ends_on", "in_scale", "pitch_class_entropy", "starts_on"]

BEAT = 4  # steps
NO_PITCH = 12  # stands for hold and note-off among the pitch classes
PITCH_CLASS = np.append(np.arange(HOLD) % 12, [NO_PITCH, NO_PITCH])  # by token


def _scale_of(settings: Mapping[str, Any]) -> np.ndarray:
    return scale_mask(settings["tonic"], settings["mode"], pitch_classes=settings["pitch_classes"])


def _draw_scale(rng: np.random.Generator) -> dict[str, Any]:
    if rng.random() < 0.85:
        modes = [mode for mode in SCALES if mode != "chromatic"]
        return {"tonic": int(rng.integers(12)), "mode": modes[rng.integers(len(modes))]}
    return {"pitch_classes": sorted(map(int, rng.choice(12, rng.integers(3, 9), replace=False)))}


def _in_scales(tokens: np.ndarray, settings: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return `in_scale` under each of S settings, `(B, S)`."""
    members = np.stack([_scale_of(one) for one in settings])
    tokens = as_tokens(tokens)
    counts = np.stack([((tokens % 12 == one) & (tokens < HOLD)).sum(axis=1) for one in range(12)], axis=1)
    notes = np.repeat(counts.sum(axis=1)[:, None], len(settings), axis=1)
    return share(counts @ members.T, notes)


SCALE_CODE = SettingsCode(12, _scale_of, _draw_scale)
"""Twelve numbers, 1 for each pitch class of the scale."""


@measurement(
    accepts="melody.tokens/1",
    part=BARS,
    unit="share",
    range=(0, 1),
    undefined="no notes",
    together=_in_scales,
    code=SCALE_CODE,
    at_least=1.0,
)
def in_scale(
    tokens: np.ndarray, *, tonic: PitchClass = "C", mode: Mode = "major", pitch_classes: PitchClasses | None = None
) -> np.ndarray:
    """Return the share of notes that are in a scale, `(B,)`.

    Formula: onsets whose pitch class is in the scale / onsets. Share, 0 to 1. Default at_least 1.0.
    Degenerate: NaN without notes.

    Args:
        tokens: Melodies `(B, T)`.
        tonic: First note of the scale: a name such as `F#`, or a number from 0 (C) to 11 (B).
        mode: Name of the scale, such as `major`, `dorian`, `minor_pentatonic` or `blues`.
        pitch_classes: A scale of your own, in place of tonic and mode: a list of numbers from 0 (C) to 11 (B), such as
            `[0, 4, 7]`.

    Raises:
        LCError: If a setting makes no sense.

    Example:
        >>> in_scale(np.array([[60, 128, 66, 67]]), tonic="G")
        array([1.])
        >>> in_scale(np.array([[60, 128, 66, 67]]), pitch_classes=[0, 6])
        array([0.66666667])
    """
    member = np.append(scale_mask(tonic, mode, pitch_classes=pitch_classes), False)[PITCH_CLASS]
    tokens = as_tokens(tokens)
    return share(member[tokens].sum(axis=1), (tokens < HOLD).sum(axis=1))


PITCH_CLASS_CODE = SettingsCode(
    12,
    lambda settings: np.arange(12) == pitch_class_number(settings["pitch_class"]),
    lambda rng: {"pitch_class": int(rng.integers(12))},
)
"""Twelve numbers, of which one is 1."""


@measurement(
    accepts="melody.tokens/1",
    part=BARS,
    unit="0 or 1",
    range=(0, 1),
    undefined="no notes",
    code=PITCH_CLASS_CODE,
    at_least=1,
)
def starts_on(tokens: np.ndarray, *, pitch_class: PitchClass = "C") -> np.ndarray:
    """Return 1 if the first note has a pitch class, else 0, `(B,)`.

    Formula: 1 if the first onset's pitch class is the one wanted. Rests before it make no difference. Default
    at_least 1.
    Degenerate: NaN without notes.

    Args:
        tokens: Melodies `(B, T)`.
        pitch_class: A name such as `F#`, or a number from 0 (C) to 11 (B).

    Raises:
        LCError: If the pitch class is none.

    Example:
        >>> starts_on(np.array([[128, 67, 128, 60]]), pitch_class="G")
        array([1.])
    """
    wanted = pitch_class_number(pitch_class)
    tokens = as_tokens(tokens)
    first = (tokens < HOLD).argmax(axis=1)
    return _is_pitch_class(tokens[np.arange(len(tokens)), first], wanted)


@measurement(
    accepts="melody.tokens/1",
    part=BARS,
    unit="0 or 1",
    range=(0, 1),
    undefined="no notes",
    code=PITCH_CLASS_CODE,
    at_least=1,
)
def ends_on(tokens: np.ndarray, *, pitch_class: PitchClass = "C") -> np.ndarray:
    """Return 1 if the last note has a pitch class, else 0, `(B,)`.

    Formula: 1 if the last onset's pitch class is the one wanted. Rests after it make no difference. Default
    at_least 1.
    Degenerate: NaN without notes.

    Args:
        tokens: Melodies `(B, T)`.
        pitch_class: A name such as `F#`, or a number from 0 (C) to 11 (B).

    Raises:
        LCError: If the pitch class is none.

    Example:
        >>> ends_on(np.array([[67, 128, 60, 129]]))
        array([1.])
    """
    wanted = pitch_class_number(pitch_class)
    tokens = as_tokens(tokens)
    last = tokens.shape[1] - 1 - (tokens[:, ::-1] < HOLD).argmax(axis=1)
    return _is_pitch_class(tokens[np.arange(len(tokens)), last], wanted)


@measurement(accepts="melody.tokens/1", part=BARS, unit="bits", range=(0, float(np.log2(12))), undefined="no notes")
def pitch_class_entropy(tokens: np.ndarray) -> np.ndarray:
    """Return how evenly the notes are spread over the pitch classes, `(B,)`.

    Formula: - sum over c of s[c] log2 s[c], with s[c] the share of onsets that have pitch class c. Bits, 0 (one pitch
    class only) to log2 12 = 3.585 (all twelve equally often). No default want.
    Degenerate: 0 with one note, NaN without notes.
    Source: S.-L. Wu and Y.-H. Yang, "The Jazz Transformer on the front line", ISMIR 2020; also in MusPy.

    Example:
        >>> pitch_class_entropy(np.array([[60, 62, 72, 128, 74]]))
        array([1.])
    """
    tokens = as_tokens(tokens)
    batch, steps = tokens.shape
    bins = PITCH_CLASS[tokens] + (NO_PITCH + 1) * np.arange(batch)[:, None]
    counts = np.bincount(bins.ravel(), minlength=(NO_PITCH + 1) * batch).reshape(batch, NO_PITCH + 1)[:, :NO_PITCH]
    # With n notes in all, the entropy is log2 n - (sum of k log2 k) / n: whole k, so a table does for the logarithms.
    whole = np.arange(1, steps + 1)
    log2 = np.append(0.0, np.log2(whole))
    notes = counts.sum(axis=1)
    spread = log2[notes] - (np.arange(steps + 1) * log2)[counts].sum(axis=1) / np.maximum(notes, 1)
    return undefined_where(notes == 0, np.clip(spread, 0.0, np.log2(12)))


CODED_BARS = 2
"""Bars whose chords a sampler is told where the length of melodies is not known."""


def _chords_code(shape: tuple[int, ...]) -> SettingsCode:
    """Return twelve numbers for the chord of each bar of melodies `(T,)`, 1 for each of its pitch classes."""
    bars = -(-shape[-1] // BAR) if shape else CODED_BARS
    counts = sorted({1, 2, 4, bars})

    def draw(rng: np.random.Generator) -> dict[str, Any]:
        names = [NOTES[rng.integers(12)] + list(CHORDS)[rng.integers(len(CHORDS))] for _ in range(bars)]
        if bars <= CODED_BARS:
            return {"chords": names if rng.random() < 0.7 else names[:1]}
        return {"chords": names[: counts[rng.integers(len(counts))]]}

    return SettingsCode(
        12 * bars, lambda settings: np.resize(chord_masks(settings["chords"]), (bars, 12)).ravel(), draw
    )


@measurement(
    accepts="melody.tokens/1",
    part=BARS,
    unit="share",
    range=(0, 1),
    undefined="no note sounds on a beat",
    code=_chords_code,
    at_least=1.0,
)
def chord_fit(tokens: np.ndarray, *, chords: Chords) -> np.ndarray:
    """Return the share of notes on the beats that belong to the bar's chord, `(B,)`.

    Formula: over the beats (every fourth step) on which a note sounds, begun there or held: those whose pitch class is
    in the chord of their bar / all of them. Share, 0 to 1. Default at_least 1.0.
    Degenerate: NaN if no note sounds on any beat.

    Args:
        tokens: Melodies `(B, T)`.
        chords: One chord for each bar, such as `[Dm7, G7]`, from the first again where there are more bars; those
            beyond the last bar are not used. A name is a root and nothing (major) or one of maj, m, 7, maj7, m7, dim,
            dim7, m7b5, aug, sus2, sus4, 6, m6, 9.

    Raises:
        LCError: If there is no chord, or a name is none.

    Example:
        >>> chord_fit(np.array([[62, 128, 128, 128, 64, 128, 128, 128, 65, 67, 128, 128]]), chords=["Dm"])
        array([0.66666667])
    """
    member = chord_masks(chords)[:, PITCH_CLASS[:HOLD]]  # (chords, pitches)
    pitch = sounding(tokens)[:, ::BEAT]
    sounds = pitch >= 0
    chord = np.arange(0, np.shape(tokens)[1], BEAT) // BAR % len(chords)
    return share((member[chord, pitch] & sounds).sum(axis=1), sounds.sum(axis=1))


def _is_pitch_class(token: np.ndarray, wanted: int) -> np.ndarray:
    """Return 1 where the token `(B,)` is an onset of the pitch class, 0 where of another, NaN where none."""
    return undefined_where(token >= HOLD, token % 12 == wanted)
