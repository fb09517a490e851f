"""The parts of a melody, bars or phrases, and what two of them have in common."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from lc_core import LCError
from lc_core.common import counted
from lc_plugins.melody.tokens import BAR, as_tokens, moves, onsets, sounding

__all__ = ["LIKENESSES", "Length", "Likeness", "described", "divided", "likeness_code", "onset_overlap", "part_steps"]

LIKENESSES = ("exact", "rhythm", "contour")
Likeness = Literal["exact", "rhythm", "contour"]
"""What two parts have in common that are alike: sound, rhythm, or the rhythm and which way the pitch moves."""

Length = Annotated[int, Field(ge=1, le=64)]
"""Bars of a part."""

BEAT = 4  # steps: no part is shorter


def part_steps(steps: int, count: int, length: int | None, what: str) -> int:
    """Return the steps of each of `count` parts.

    Args:
        steps: Steps of the melody.
        count: How many parts there are.
        length: Bars of each; None divides the melody evenly.
        what: What has these parts, for messages.

    Raises:
        LCError: If the melody has no room for them, or cannot be divided into parts of whole beats.
    """
    if length is None:
        if steps % (BEAT * count):
            raise LCError(
                f"{what} wants {counted(count, 'part')} of whole beats; "
                f"melodies of {counted(steps, 'step')} cannot be divided so",
                hint=f"ask for another number of parts, or give length: bars of {BAR} steps for each",
            )
        return steps // count
    if length * BAR * count > steps:
        raise LCError(
            f"{what} has {counted(count, 'part')} of {counted(length, 'bar')}, {counted(count * length, 'bar')} in "
            f"all; melodies of {counted(steps, 'step')} have {counted(steps // BAR, 'bar')}",
            hint="ask for fewer or shorter parts, or choose a model of longer melodies",
        )
    return length * BAR


def divided(values: np.ndarray, count: int, steps: int) -> np.ndarray:
    """Return the first `count` parts of `steps` columns each of values `(B, T)`, `(B, count, steps)`."""
    return values[:, : count * steps].reshape(len(values), count, steps)


def described(tokens: np.ndarray, count: int, steps: int, likeness: str) -> np.ndarray:
    """Return a number for each step of each part, equal where two parts have in common what `likeness` asks for.

    `exact`: which pitch sounds, or none, and whether a note begins. `rhythm`: whether something sounds, and whether a
    note begins. `contour`: rhythm, and for each note but a part's first whether it is higher, lower, or as high as the
    one before.

    Returns:
        Whole numbers `(B, count, steps)`.
    """
    tokens = as_tokens(tokens)
    pitch = sounding(tokens)
    if likeness == "exact":
        return divided(2 * pitch + onsets(tokens), count, steps)
    rhythm = divided(2 * (pitch >= 0) + onsets(tokens), count, steps)
    if likeness == "rhythm":
        return rhythm
    each = divided(tokens, count, steps)
    way = np.sign(moves(each.reshape(-1, steps))[0]).reshape(each.shape)
    found: np.ndarray = 4 * rhythm + way
    return found


def likeness_code(likeness: str) -> np.ndarray:
    """Return three numbers, of which one is 1."""
    return np.array([one == likeness for one in LIKENESSES], dtype=float)


def onset_overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return at how many of the steps where a note begins in one of two parts, it begins in both.

    Args:
        first: Where notes begin in the one, `(..., T)` bool.
        second: Where they begin in the other.

    Returns:
        A share `(...)`, 0 to 1; NaN where neither has a note.
    """
    both, one = (first & second).sum(axis=-1), (first | second).sum(axis=-1)
    found: np.ndarray = np.where(one > 0, both / np.maximum(one, 1), np.nan)
    return found
