"""Names of pitch classes, scales and chords, and the parameter types that check them.

The checks run before pydantic looks at a value, so a wrong one gives one message, and leave a good value as the user
wrote it.
"""

from __future__ import annotations

import re
from numbers import Integral
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from lc_core import LCError

__all__ = [
    "CHORDS",
    "SCALES",
    "Chords",
    "Mode",
    "PitchClass",
    "PitchClasses",
    "SettingError",
    "chord_mask",
    "chord_masks",
    "pitch_class_number",
    "scale_mask",
]

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
ACCIDENTALS = {"": 0, "#": 1, "b": -1}

SCALES: dict[str, tuple[int, ...]] = {
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic_minor": (0, 2, 3, 5, 7, 8, 11),
    "melodic_minor": (0, 2, 3, 5, 7, 9, 11),
    "ionian": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
    "lydian": (0, 2, 4, 6, 7, 9, 11),
    "mixolydian": (0, 2, 4, 5, 7, 9, 10),
    "aeolian": (0, 2, 3, 5, 7, 8, 10),
    "locrian": (0, 1, 3, 5, 6, 8, 10),
    "major_pentatonic": (0, 2, 4, 7, 9),
    "minor_pentatonic": (0, 3, 5, 7, 10),
    "blues": (0, 3, 5, 6, 7, 10),
    "chromatic": tuple(range(12)),
}
"""Semitones above the tonic, by name of the scale; `minor` is the natural minor, `melodic_minor` its ascending form."""

if TYPE_CHECKING:
    Mode = str
else:
    Mode = Literal[tuple(SCALES)]

CHORDS: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "maj": (0, 4, 7),
    "m": (0, 3, 7),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "dim": (0, 3, 6),
    "dim7": (0, 3, 6, 9),
    "m7b5": (0, 3, 6, 10),
    "aug": (0, 4, 8),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "9": (0, 2, 4, 7, 10),
}
"""Semitones above the root, by what follows the root in a chord's name; nothing means major."""


class SettingError(LCError, ValueError):
    """A setting that makes no sense. It is a ValueError too, so that pydantic reports it with its place in the spec."""


def pitch_class_number(value: str | int) -> int:
    """Return the pitch class, 0 to 11, of a name such as `F#` or `Bb`, or of a number.

    Raises:
        SettingError: If the name or the number is none.
    """
    if _is_number(value):
        return int(value)
    match = re.fullmatch(r"([A-G])([#b]?)", value) if isinstance(value, str) else None
    if match is None:
        raise SettingError(
            "expected a pitch class: a letter A to G, with # or b if needed (C, F#, Bb), or a number from 0 (C) "
            f"to 11 (B); found {value!r}"
        )
    return (LETTERS[match[1]] + ACCIDENTALS[match[2]]) % 12


def _is_number(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool) and 0 <= int(value) <= 11


def _check_pitch_class(value: Any) -> Any:
    pitch_class_number(value)
    return value


def _check_pitch_classes(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        raise SettingError(f"expected a list of pitch classes from 0 (C) to 11 (B); found {value!r}")
    if not value:
        raise SettingError("expected at least one pitch class from 0 (C) to 11 (B): no note is in an empty scale")
    for item in value:
        if not _is_number(item):
            raise SettingError(f"expected pitch classes that are integers from 0 (C) to 11 (B); found {item!r}")
    return value


def _check_chords(value: Any) -> Any:
    chord_masks(value)
    return value


NOTES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
PitchClass = Annotated[
    str | int,
    BeforeValidator(_check_pitch_class),
    Field(examples=NOTES, json_schema_extra={"x-control": "pitch-class"}),
]
"""A note name such as `F#`, or a number from 0 (C) to 11 (B)."""

PitchClasses = Annotated[
    list[int], BeforeValidator(_check_pitch_classes), Field(json_schema_extra={"x-control": "pitch-classes"})
]
"""At least one pitch class, numbers from 0 (C) to 11 (B)."""

Chords = Annotated[list[str], BeforeValidator(_check_chords), Field(json_schema_extra={"x-control": "chords"})]
"""At least one chord name."""


def scale_mask(tonic: str | int, mode: str, *, pitch_classes: list[int] | None = None) -> np.ndarray:
    """Return which pitch classes are in a scale, `(12,)` bool.

    Args:
        tonic: The tonic, as in `PitchClass`.
        mode: A name in `SCALES`.
        pitch_classes: The scale itself, in place of tonic and mode.

    Raises:
        SettingError: If one of them makes no sense.
    """
    root = pitch_class_number(tonic)
    if mode not in SCALES:
        raise SettingError(f"expected a mode among {', '.join(SCALES)}; found {mode!r}")
    members = [(root + step) % 12 for step in SCALES[mode]]
    return _mask(members if pitch_classes is None else _check_pitch_classes(pitch_classes))


def chord_mask(name: str) -> np.ndarray:
    """Return which pitch classes are in a chord, `(12,)` bool.

    Args:
        name: A root and a quality in `CHORDS`, such as `Am`, `Bbmaj7` or `F#dim`.

    Raises:
        SettingError: If the name is not such a chord. Slash chords are refused, since a bass note says nothing about
            the notes above it.

    Example:
        >>> np.flatnonzero(chord_mask("Dm7"))
        array([0, 2, 5, 9])
    """
    match = re.fullmatch(r"([A-G][#b]?)(.*)", name) if isinstance(name, str) else None
    if match is None or match[2] not in CHORDS:
        qualities = ", ".join(filter(None, CHORDS))
        slash = "; leave out the bass note" if isinstance(name, str) and "/" in name else ""
        raise SettingError(
            f"expected a chord: a root (C, F#, Bb), then nothing or one of {qualities}; found {name!r}{slash}"
        )
    root = pitch_class_number(match[1])
    return _mask([(root + step) % 12 for step in CHORDS[match[2]]])


def chord_masks(names: list[str]) -> np.ndarray:
    """Return which pitch classes are in each chord, `(chords, 12)` bool.

    Raises:
        SettingError: If there is no chord, or a name is none.
    """
    if not isinstance(names, list | tuple) or not names:
        raise SettingError(f"expected a list of at least one chord, such as [Dm7, G7]; found {names!r}")
    return np.stack([chord_mask(name) for name in names])


def _mask(pitch_classes: list[int]) -> np.ndarray:
    mask = np.zeros(12, dtype=bool)
    mask[list(pitch_classes)] = True
    return mask
