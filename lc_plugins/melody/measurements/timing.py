"""When notes begin, and when nothing sounds."""

from __future__ import annotations

import re
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from lc_core import SettingsCode, measurement
from lc_plugins.melody.bars import BARS
from lc_plugins.melody.measurements.parts import onset_overlap
from lc_plugins.melody.measurements.shares import undefined_where
from lc_plugins.melody.measurements.theory import SettingError
from lc_plugins.melody.tokens import as_tokens, onsets, sounding

__all__ = [
    "METRICAL_WEIGHTS",
    "Pattern",
    "note_density",
    "off_beat_start",
    "rest_share",
    "rhythm",
    "rhythm_complexity",
    "syncopation",
]

METRICAL_WEIGHTS = np.array([5, 1, 2, 1, 3, 1, 2, 1, 4, 1, 2, 1, 3, 1, 2, 1])
"""How strong each step of a bar is: one more for each metrical level (sixteenth, eighth, quarter, half, bar) on it."""


@measurement(accepts="melody.tokens/1", part=BARS, unit="notes per step", range=(0, 1), at_least=0.5)
def note_density(tokens: np.ndarray) -> np.ndarray:
    """Return how busy the melody is, `(B,)`.

    Formula: onsets / steps. Notes per step, 0 (no notes) to 1 (a note on every sixteenth). Default at_least 0.5.

    Example:
        >>> note_density(np.array([[60, 128, 62, 128]]))
        array([0.5])
    """
    density: np.ndarray = onsets(tokens).sum(axis=1) / np.shape(tokens)[1]
    return density


@measurement(accepts="melody.tokens/1", part=BARS, unit="share", range=(0, 1))
def rest_share(tokens: np.ndarray) -> np.ndarray:
    """Return how much of the time nothing sounds, `(B,)`.

    Formula: steps at which nothing sounds / steps; these are the steps before the first onset, and those from a
    note-off to the next onset. Share, 0 to 1 (no notes). No default want.

    Example:
        >>> rest_share(np.array([[128, 60, 129, 128]]))
        array([0.75])
    """
    share: np.ndarray = (sounding(tokens) < 0).sum(axis=1) / np.shape(tokens)[1]
    return share


@measurement(accepts="melody.tokens/1", part=BARS, unit="metrical weight", range=(0, np.inf), undefined="no notes")
def rhythm_complexity(tokens: np.ndarray) -> np.ndarray:
    """Return Toussaint's metrical complexity of the onsets, `(B,)`.

    Formula: the greatest sum of metrical weights that as many onsets could have on T steps, minus the sum of the
    weights at the onsets. The weights of a bar are 5 1 2 1 3 1 2 1 4 1 2 1 3 1 2 1. Metrical weight, from 0 (the
    onsets take the strongest steps) to 15 for each bar. No default want. The clave son, a bar of five onsets, has 4.
    Degenerate: NaN without notes; 0 with a note on every step.
    Source: G. Toussaint, "A mathematical analysis of African, Brazilian, and Cuban clave rhythms", Bridges 2002, with
    the hierarchy of F. Lerdahl and R. Jackendoff, A Generative Theory of Tonal Music, 1983.

    Example:
        >>> son = np.full((1, 16), 128)
        >>> son[0, [0, 3, 6, 10, 12]] = 60
        >>> rhythm_complexity(son)
        array([4.])
    """
    starts = onsets(tokens)
    weights = np.resize(METRICAL_WEIGHTS, starts.shape[1])
    greatest = np.append(0, np.cumsum(np.sort(weights)[::-1]))  # by number of onsets
    count = starts.sum(axis=1)
    return undefined_where(count == 0, greatest[count] - starts @ weights)


@measurement(accepts="melody.tokens/1", part=BARS, unit="metrical levels", range=(0, np.inf), undefined="no notes")
def syncopation(tokens: np.ndarray) -> np.ndarray:
    """Return how much the notes avoid the strong steps, `(B,)`.

    Formula: each onset is followed by steps with no onset, held or silent, up to the next onset or the end. Where the
    strongest of these steps is stronger than the onset's own step, the note is syncopated by the difference of
    their metrical weights (5 1 2 1 3 1 2 1 4 1 2 1 3 1 2 1 in a bar), else by 0; the result is the sum over the notes.
    Metrical levels, from 0 (no syncopation). No default want. What follows the last step is not known and
    not counted.
    Degenerate: NaN without notes.
    Source: H. C. Longuet-Higgins and C. S. Lee, "The rhythmic interpretation of monophonic music", Music Perception
    1(4), 1984. They judge every rest or tied note after a note; here each note counts once, by the strongest.

    Example:
        >>> syncopation(np.array([[60, 128, 128, 62, 128, 128, 64, 128]]))
        array([2.])
    """
    starts = np.ascontiguousarray(onsets(tokens).T)  # (T, B): every operation below runs along the batch
    weights = np.resize(METRICAL_WEIGHTS, len(starts)).astype(np.int8)
    strongest = np.zeros(starts.shape[1], dtype=np.int8)  # of the steps since the next onset, seen from the end
    total = np.zeros(starts.shape[1], dtype=np.int32)
    for start, weight in zip(starts[::-1], weights[::-1], strict=True):
        total += np.maximum(strongest - weight, 0) * start
        strongest = np.maximum(strongest, weight) * ~start
    return undefined_where(np.logical_not(starts.any(axis=0)), total)


BEAT = 4  # steps


@measurement(accepts="melody.tokens/1", part=BARS, unit="0 or 1", range=(0, 1), undefined="no notes", at_least=1)
def off_beat_start(tokens: np.ndarray) -> np.ndarray:
    """Return 1 if the first note begins off the beat, else 0, `(B,)`.

    Formula: 0 if the first onset is on a beat, every fourth step from the first one; else 1. Default at_least 1
    (0.2 % of the corpus's windows, which begin with a bar).
    Degenerate: NaN without notes.

    Example:
        >>> off_beat_start(np.array([[128, 128, 60, 128], [60, 128, 62, 128]]))
        array([1., 0.])
    """
    starts = onsets(tokens)
    return undefined_where(np.logical_not(starts.any(axis=1)), starts.argmax(axis=1) % BEAT > 0)


def _check_pattern(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch("[x.]{1,64}", value) or "x" not in value:
        raise SettingError(
            "expected a rhythm of 1 to 64 steps, x where a note begins and a dot where none does, such as "
            f"x..x..x.x.x.....; found {value!r}"
        )
    return value


Pattern = Annotated[str, BeforeValidator(_check_pattern)]
"""One sign for each sixteenth: `x` where a note begins, a dot where none does."""

CODED_STEPS = 64


def _draw_pattern(rng: np.random.Generator) -> dict[str, Any]:
    steps = (8, 16, 16, 32)[rng.integers(4)]
    chance = rng.uniform(0.2, 1.2) * np.resize(METRICAL_WEIGHTS, steps) / METRICAL_WEIGHTS.max()
    starts = rng.random(steps) < chance
    starts[0] |= not starts.any()
    return {"pattern": "".join(np.where(starts, "x", "."))}


PATTERN_CODE = SettingsCode(
    CODED_STEPS, lambda settings: np.resize(_onsets_of(settings["pattern"]), CODED_STEPS).astype(float), _draw_pattern
)
"""For each of 64 steps whether a note begins there."""


def _onsets_of(pattern: str) -> np.ndarray:
    return np.array([sign == "x" for sign in _check_pattern(pattern)])


@measurement(accepts="melody.tokens/1", part=BARS, unit="share", range=(0, 1), code=PATTERN_CODE, at_least=0.9)
def rhythm(tokens: np.ndarray, *, pattern: Pattern) -> np.ndarray:
    """Return how well notes begin where a pattern says, `(B,)`.

    Formula: the steps at which a note begins and the pattern has one / those at which either has. Share, 0 to 1 (notes
    begin exactly where the pattern says). Default at_least 0.9.
    Degenerate: 0 without notes.

    Args:
        tokens: Melodies `(B, T)`.
        pattern: One sign for each sixteenth: `x` where a note begins, a dot where none does. A pattern that is shorter
            than the melody begins again: one of 16 signs is for every bar.

    Raises:
        LCError: If it is no pattern.

    Example:
        >>> rhythm(np.array([[60, 128, 62, 128], [60, 62, 62, 128]]), pattern="x.")
        array([1.        , 0.66666667])
    """
    starts = onsets(as_tokens(tokens))
    wanted = np.resize(_onsets_of(pattern), starts.shape[1])
    found: np.ndarray = np.nan_to_num(onset_overlap(starts, wanted))
    return found
