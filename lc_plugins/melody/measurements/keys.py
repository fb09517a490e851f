"""In which key a melody is, and where it rests: key profiles, cadences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator

from lc_core import SettingsCode, measurement
from lc_plugins.melody.bars import BARS
from lc_plugins.melody.measurements.parts import Length, divided, part_steps
from lc_plugins.melody.measurements.shares import share
from lc_plugins.melody.measurements.theory import (
    NOTES,
    SCALES,
    Mode,
    PitchClass,
    SettingError,
    pitch_class_number,
)
from lc_plugins.melody.tokens import as_tokens, sounding

__all__ = ["Degrees", "cadence", "estimated_keys", "key", "key_correlations"]

KEY_MODES = ("major", "minor")
KeyMode = Literal["major", "minor"]

PROFILES = np.array(
    [
        [6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88],
        [6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17],
    ]
)
"""How well each pitch class above the tonic fits a major and a minor key (Krumhansl and Kessler 1982)."""


def key_correlations(tokens: np.ndarray) -> np.ndarray:
    """Return the correlation of the time that each pitch class sounds with the profile of every key.

    Returns:
        `(B, 24)`, C major to B major and C minor to B minor, -1 to 1; NaN where no pitch class sounds longer than
        another.
    """
    pitch = sounding(tokens)
    bins = np.where(pitch >= 0, pitch % 12, 12) + 13 * np.arange(len(pitch))[:, None]
    time = np.bincount(bins.ravel(), minlength=13 * len(pitch)).reshape(len(pitch), 13)[:, :12]
    profiles = np.concatenate([[np.roll(profile, tonic) for tonic in range(12)] for profile in PROFILES])
    time = time - time.mean(axis=1, keepdims=True)
    profiles = profiles - profiles.mean(axis=1, keepdims=True)
    sizes = np.sqrt((time**2).sum(axis=1))[:, None] * np.sqrt((profiles**2).sum(axis=1))
    together = (time[:, None] * profiles).sum(axis=2)  # no matrix product: its last bits depend on the batch
    found: np.ndarray = np.where(sizes > 0, together / np.maximum(sizes, 1e-12), np.nan)
    return found


def estimated_keys(tokens: np.ndarray) -> list[str]:
    """Return the key that each melody is most like, such as `G major`; empty where none can be told.

    Example:
        >>> estimated_keys(np.array([[67, 71, 74, 71, 72, 69, 66, 67]]))
        ['G major']
    """
    found = key_correlations(tokens)
    known = ~np.isnan(found).any(axis=1)
    best = np.where(known[:, None], found, 0.0).argmax(axis=1)
    return [f"{NOTES[one % 12]} {KEY_MODES[one // 12]}" if some else "" for one, some in zip(best, known, strict=True)]


def _in_keys(tokens: np.ndarray, settings: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return `key` under each of S settings, `(B, S)`."""
    found = key_correlations(as_tokens(tokens))
    return np.stack([_margin(found, _key_number(one["tonic"], one["mode"])) for one in settings], axis=1)


def _margin(correlations: np.ndarray, number: int) -> np.ndarray:
    margin: np.ndarray = correlations[:, number] - np.delete(correlations, number, axis=1).max(axis=1)
    return margin


KEY_CODE = SettingsCode(
    24,
    lambda settings: np.arange(24) == _key_number(settings["tonic"], settings["mode"]),
    lambda rng: {"tonic": int(rng.integers(12)), "mode": KEY_MODES[rng.integers(2)]},
)
"""Twenty-four numbers, of which one is 1."""


@measurement(
    accepts="melody.tokens/1",
    part=BARS,
    unit="correlation",
    range=(-2, 2),
    undefined="no pitch class sounds longer than another",
    together=_in_keys,
    code=KEY_CODE,
    words=estimated_keys,
    at_least=0.0,
)
def key(tokens: np.ndarray, *, tonic: PitchClass = "C", mode: KeyMode = "major") -> np.ndarray:
    """Return how clearly a melody is in a key, as estimated by key profiles, `(B,)`.

    Formula: the correlation of the time that each pitch class sounds with the key's profile, minus the greatest such
    correlation of another of the 24 keys. Correlation, -2 to 2; above 0 the key is the one that is estimated. Default
    at_least 0.0. `lc score` tells the estimated key. It is the printed key of 87 % of the 719 tunes of the corpus in
    major or minor that have 256 steps.
    Degenerate: NaN without notes, and where all twelve pitch classes sound equally long.
    Source: C. Krumhansl, Cognitive Foundations of Musical Pitch, 1990 (the algorithm of Krumhansl and Schmuckler), with
    the profiles of C. Krumhansl and E. Kessler, Psychological Review 89, 1982.

    Args:
        tokens: Melodies `(B, T)`.
        tonic: The key's first note: a name such as `F#`, or a number from 0 (C) to 11 (B).
        mode: `major` or `minor`.

    Raises:
        LCError: If the key is none.

    Example:
        >>> value = key(np.array([[67, 71, 74, 71, 72, 69, 66, 67]]), tonic="G")
        >>> bool(value[0] > 0)
        True
    """
    number = _key_number(tonic, mode)
    return _margin(key_correlations(as_tokens(tokens)), number)


def _key_number(tonic: str | int, mode: str) -> int:
    if mode not in KEY_MODES:
        raise SettingError(f"expected a mode among {', '.join(KEY_MODES)}; found {mode!r}")
    return pitch_class_number(tonic) + 12 * KEY_MODES.index(mode)


def _check_degrees(value: Any) -> Any:
    good = isinstance(value, list | tuple) and 1 <= len(value) <= 16
    if not good or not all(isinstance(one, int) and not isinstance(one, bool) and 1 <= one <= 12 for one in value):
        raise SettingError(f"expected 1 to 16 degrees of a scale, numbers from 1, such as [5, 1]; found {value!r}")
    return value


Degrees = Annotated[list[int], BeforeValidator(_check_degrees)]
"""Degrees of a scale, 1 for its tonic."""

CODED_PHRASES = 4
"""Ends of phrases that a sampler is told."""


def _ends(settings: Mapping[str, Any]) -> list[int]:
    """Return the pitch class wanted at the end of each phrase."""
    tonic, mode = pitch_class_number(settings["tonic"]), settings["mode"]
    if mode not in SCALES:
        raise SettingError(f"expected a mode among {', '.join(SCALES)}; found {mode!r}")
    scale: Sequence[int] = SCALES[mode]
    degrees = _check_degrees(settings["degrees"])
    if max(degrees) > len(scale):
        raise SettingError(f"{mode} has {len(scale)} degrees; found degree {max(degrees)}")
    return [(tonic + scale[degree - 1]) % 12 for degree in degrees]


def _cadence_code(settings: Mapping[str, Any]) -> np.ndarray:
    ends = _ends(settings)
    slots = [ends[slot * len(ends) // CODED_PHRASES] for slot in range(CODED_PHRASES)]
    masks = [np.arange(12) == one for one in slots]
    return np.concatenate([*masks, [len(ends) / 16]]).astype(float)


def _draw_cadence(rng: np.random.Generator) -> dict[str, Any]:
    count = (1, 2, 2, 4)[rng.integers(4)]
    degrees = [(1, 5, 2, 3, 4, 6, 7)[min(rng.integers(7), rng.integers(7))] for _ in range(count)]
    return {"tonic": int(rng.integers(12)), "mode": ("major", "dorian", "minor", "mixolydian")[rng.integers(4)]} | {
        "degrees": degrees
    }


CADENCE_CODE = SettingsCode(
    12 * CODED_PHRASES + 1,
    _cadence_code,
    _draw_cadence,
    lambda settings: settings["length"] is None and CODED_PHRASES % len(settings["degrees"]) == 0,
)
"""The pitch class at the end of each quarter of a melody, and the number of phrases."""


def _last_pitches(pitch: np.ndarray, degrees: int, length: int | None) -> np.ndarray:
    """Return the last pitch that sounds in each phrase, or -1 where none does, `(B, phrases)`."""
    steps = part_steps(pitch.shape[1], degrees, length, "the cadence")
    count = degrees if length is None else pitch.shape[1] // steps
    phrases = divided(pitch, count, steps)
    at = steps - 1 - (phrases >= 0)[..., ::-1].argmax(axis=2)
    last: np.ndarray = np.take_along_axis(phrases, at[..., None], axis=2)[..., 0]
    return last


def _closed(last: np.ndarray, ends: Sequence[int]) -> np.ndarray:
    met = (last % 12 == np.resize(ends, last.shape[1])) & (last >= 0)
    return share(met.sum(axis=1), (last >= 0).sum(axis=1))


def _cadences(tokens: np.ndarray, settings: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return `cadence` under each of S settings, `(B, S)`."""
    pitch = sounding(as_tokens(tokens))
    found: dict[tuple[int, int | None], np.ndarray] = {}
    for one in settings:
        kind = len(one["degrees"]), one["length"]
        if kind not in found:
            found[kind] = _last_pitches(pitch, *kind)
    return np.stack([_closed(found[len(one["degrees"]), one["length"]], _ends(one)) for one in settings], axis=1)


@measurement(
    accepts="melody.tokens/1",
    part=BARS,
    unit="share",
    range=(0, 1),
    undefined="nothing sounds",
    together=_cadences,
    code=CADENCE_CODE,
    at_least=1.0,
)
def cadence(
    tokens: np.ndarray,
    *,
    tonic: PitchClass = "C",
    mode: Mode = "major",
    degrees: Degrees = [5, 1],  # noqa: B006
    length: Length | None = None,
) -> np.ndarray:
    """Return the share of phrases that end on the wanted degree of a scale, `(B,)`.

    Formula: phrases whose last pitch, the last one that sounds in them, has the pitch class of the degree that is
    wanted of them / phrases in which something sounds. Share, 0 to 1. Default at_least 1.0.
    Degenerate: NaN if nothing sounds.

    Args:
        tokens: Melodies `(B, T)`.
        tonic: First note of the scale: a name such as `F#`, or a number from 0 (C) to 11 (B).
        mode: Name of the scale, such as `major`, `dorian` or `minor`.
        degrees: A degree for each phrase, 1 for the tonic: `[5, 1]` wants a first phrase that stays open and a second
            one that closes.
        length: Bars of each phrase; the degrees then begin again with every further phrase. By default there is one
            phrase for each degree, and the melody is divided evenly.

    Raises:
        LCError: If a setting makes no sense, or the melody has no room for the phrases.

    Example:
        >>> cadence(np.array([[60, 64, 67, 128, 65, 62, 60, 128]]))
        array([1.])
    """
    ends = _ends({"tonic": tonic, "mode": mode, "degrees": degrees})
    return _closed(_last_pitches(sounding(as_tokens(tokens)), len(ends), length), ends)
