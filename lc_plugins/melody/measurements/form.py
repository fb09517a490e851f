"""What of a melody comes again: form, bars that return, call and response."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from lc_core import SettingsCode, measurement
from lc_plugins.melody.bars import BARS
from lc_plugins.melody.measurements.parts import (
    LIKENESSES,
    Length,
    Likeness,
    described,
    divided,
    likeness_code,
    onset_overlap,
    part_steps,
)
from lc_plugins.melody.measurements.theory import SettingError
from lc_plugins.melody.tokens import BAR, HOLD, as_tokens

__all__ = ["Letters", "call_and_response", "form", "returns"]


def _check_letters(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{2,16}", value):
        raise SettingError(
            f"expected a form of 2 to 16 capital letters, one for each part, such as AABA; found {value!r}"
        )
    return value


Letters = Annotated[str, BeforeValidator(_check_letters)]
"""One capital letter for each part of a melody; parts with one letter are alike."""

CODED_PARTS = 8
"""A sampler is told of so many equal parts of a melody which are alike."""
PAIRS = list(itertools.combinations(range(CODED_PARTS), 2))
FORMS = ("AA", "AB", "AABB", "ABAB", "AABA", "AAAB", "ABAC", "ABCB", "ABBA", "AABC", "AAAA", "ABCA")


def _form_code(settings: Mapping[str, Any]) -> np.ndarray:
    letters = settings["letters"]
    slots = [letters[slot * len(letters) // CODED_PARTS] for slot in range(CODED_PARTS)]
    alike = [slots[first] == slots[second] for first, second in PAIRS]
    return np.array([*alike, *likeness_code(settings["likeness"]), len(letters) / 16], dtype=float)


def _draw_likeness(rng: np.random.Generator) -> str:
    return LIKENESSES[rng.integers(len(LIKENESSES))]


FORM_CODE = SettingsCode(
    len(PAIRS) + len(LIKENESSES) + 1,
    _form_code,
    lambda rng: {"letters": FORMS[rng.integers(len(FORMS))], "likeness": _draw_likeness(rng)},
    lambda settings: settings["length"] is None and CODED_PARTS % len(settings["letters"]) == 0,
)
"""Which eighths of a melody are alike, in what, and the number of letters."""


@measurement(accepts="melody.tokens/1", part=BARS, unit="share", range=(0, 1), code=FORM_CODE, at_least=0.9)
def form(
    tokens: np.ndarray, *, letters: Letters, length: Length | None = None, likeness: Likeness = "exact"
) -> np.ndarray:
    """Return how well a melody has a form such as AABA, `(B,)`.

    Formula: the mean, over the pairs of parts with one letter, of the share of steps at which the two are alike, times
    the share of the pairs with different letters that are not alike at every step; a mean over no pair is 1. Share, 0
    to 1. Default at_least 0.9 (36 % of the corpus, cut to 256 steps where a tune begins, for AABB).
    Degenerate: two silent parts are alike.

    Args:
        tokens: Melodies `(B, T)`.
        letters: One capital letter for each part: `AABB` wants the second part like the first one, and the fourth like
            the third one.
        length: Bars of each part; what comes after the last part is free. By default the melody is divided evenly.
        likeness: What parts with one letter have in common: `exact` (at each step the same pitch sounds, or none, and
            notes begin at the same steps), `rhythm` (notes begin and end at the same steps), or `contour` (rhythm, and
            whether each note is higher, lower or as high as the one before).

    Raises:
        LCError: If it is no form, or the melody has no room for it.

    Example:
        >>> bar = [60, 128, 62, 129] * 4
        >>> form(np.array([bar + bar, bar + bar[::-1]]), letters="AB")
        array([0., 1.])
    """
    count = len(_check_letters(letters))
    steps = part_steps(np.shape(as_tokens(tokens))[1], count, length, f"the form {letters}")
    parts = described(tokens, count, steps, likeness)
    same: list[np.ndarray] = []
    other: list[np.ndarray] = []
    for first, second in itertools.combinations(range(count), 2):
        alike = (parts[:, first] == parts[:, second]).mean(axis=1)
        if letters[first] == letters[second]:
            same.append(alike)
        else:
            other.append(alike < 1)
    found: np.ndarray = _mean(same, len(tokens)) * _mean(other, len(tokens))
    return found


def _mean(values: list[np.ndarray], batch: int) -> np.ndarray:
    found: np.ndarray = np.mean(values, axis=0) if values else np.ones(batch)
    return found


DISTANCES = (None, 1, 2, 4, 8)
"""Distances that a sampler learns."""

RETURNS_CODE = SettingsCode(
    len(LIKENESSES) + 17,
    lambda settings: np.concatenate(
        [likeness_code(settings["likeness"]), np.arange(17) == (settings["distance"] or 0)]
    ),
    lambda rng: {"distance": DISTANCES[rng.integers(len(DISTANCES))], "likeness": _draw_likeness(rng)},
    lambda settings: (settings["distance"] or 0) <= 16,
)
"""In what bars are alike, and from how far, one of 17 numbers."""


@measurement(
    accepts="melody.tokens/1",
    part=BARS,
    unit="share",
    range=(0, 1),
    undefined="no bar stands so far behind another",
    code=RETURNS_CODE,
    at_least=0.5,
)
def returns(tokens: np.ndarray, *, distance: Length | None = None, likeness: Likeness = "exact") -> np.ndarray:
    """Return the share of bars that return from before, `(B,)`.

    Formula: full bars of 16 steps that are alike at every step to the bar `distance` bars before / the bars that have
    one there; without a distance, those that are alike to any bar before / all but the first. Share, 0 to 1.
    Default at_least 0.5 (a third of the corpus's windows of 256 steps; their median is 0.4).
    Degenerate: two silent bars are alike; NaN if there are not so many bars.

    Args:
        tokens: Melodies `(B, T)`.
        distance: How many bars back; by default any bar before counts.
        likeness: What a bar has in common with the one before: `exact` (at each step the same pitch sounds, or none,
            and notes begin at the same steps), `rhythm` (notes begin and end at the same steps), or `contour` (rhythm,
            and whether each note is higher, lower or as high as the one before).

    Example:
        >>> bar, other = [60, 128, 62, 129] * 4, [64, 128] * 8
        >>> returns(np.array([bar + other + bar + other, bar + other + other + bar]), distance=2)
        array([1., 0.])
    """
    batch, steps = as_tokens(tokens).shape
    count = steps // BAR
    back = distance or 1
    if count <= back:
        return np.full(batch, np.nan)
    bars = described(tokens, count, BAR, likeness)
    if distance is not None:
        same = (bars[:, back:] == bars[:, :-back]).all(axis=2)
    else:
        same = np.stack([(bars[:, at, None] == bars[:, :at]).all(axis=2).any(axis=1) for at in range(1, count)], axis=1)
    share: np.ndarray = same.mean(axis=1)
    return share


CALL_CODE = SettingsCode(0, lambda settings: [], lambda rng: {}, lambda settings: settings["length"] is None)
"""No number: a sampler knows the halves of a melody."""


@measurement(
    accepts="melody.tokens/1",
    part=BARS,
    unit="share",
    range=(0, 1),
    undefined="no notes",
    code=CALL_CODE,
    at_least=0.5,
)
def call_and_response(tokens: np.ndarray, *, length: Length | None = None) -> np.ndarray:
    """Return how much every second phrase answers the one before: in its rhythm, with another end, `(B,)`.

    Formula: for each pair of phrases, call and response: the steps at which a note begins in both / those at which one
    begins in either, or 0 if the last notes of both have the same pitch; the mean over the pairs with a note. Share, 0
    to 1 (the rhythm of the call, and another last note). Default at_least 0.5 (75 % of the corpus's windows of two
    bars, 48 % of those of 256 steps).
    Degenerate: NaN if no pair has a note; 0 for a pair of which one has none. A phrase without a partner does not
    count.
    Source: our own; a period's consequent takes up the rhythm of its antecedent and ends on another note (W. Caplin,
    Classical Form, 1998).

    Args:
        tokens: Melodies `(B, T)`.
        length: Bars of each phrase. By default the call is the first half of the melody, and the response the second.

    Raises:
        LCError: If the melody has no room for a pair.

    Example:
        >>> call, response = [60, 128, 64, 67], [65, 128, 62, 60]
        >>> call_and_response(np.array([call + response, call + call]))
        array([1., 0.])
    """
    tokens = as_tokens(tokens)
    steps = part_steps(tokens.shape[1], 2, length, "call and response")
    pairs = tokens.shape[1] // (2 * steps)
    phrases = divided(tokens, 2 * pairs, steps)
    starts = phrases < HOLD
    last = np.take_along_axis(phrases, steps - 1 - starts[..., ::-1].argmax(axis=2)[..., None], axis=2)[..., 0]
    overlap = onset_overlap(starts[:, ::2], starts[:, 1::2])
    answered = np.where(last[:, ::2] == last[:, 1::2], np.where(np.isnan(overlap), np.nan, 0.0), overlap)
    known = ~np.isnan(answered)
    total = np.where(known, answered, 0.0).sum(axis=1)
    found: np.ndarray = np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)
    return found
