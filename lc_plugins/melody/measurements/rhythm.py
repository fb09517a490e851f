"""When notes begin, and when nothing sounds."""

from __future__ import annotations

import numpy as np

from lc_core import measurement
from lc_plugins.melody.measurements.shares import undefined_where
from lc_plugins.melody.tokens import onsets, sounding

__all__ = ["METRICAL_WEIGHTS", "note_density", "rest_share", "rhythm_complexity", "syncopation"]

METRICAL_WEIGHTS = np.array([5, 1, 2, 1, 3, 1, 2, 1, 4, 1, 2, 1, 3, 1, 2, 1])
"""How strong each step of a bar is: one more for each metrical level (sixteenth, eighth, quarter, half, bar) on it."""


@measurement(accepts="melody.tokens/1", unit="notes per step", range=(0, 1), at_least=0.5)
def note_density(tokens: np.ndarray) -> np.ndarray:
    """Return how busy the melody is, `(B,)`.

    Formula: onsets / steps. Notes per step, 0 (no notes) to 1 (a note on every sixteenth). Default at_least 0.5.

    Example:
        >>> note_density(np.array([[60, 128, 62, 128]]))
        array([0.5])
    """
    density: np.ndarray = onsets(tokens).sum(axis=1) / np.shape(tokens)[1]
    return density


@measurement(accepts="melody.tokens/1", unit="share", range=(0, 1))
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


@measurement(accepts="melody.tokens/1", unit="metrical weight", range=(0, np.inf), undefined="no notes")
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


@measurement(accepts="melody.tokens/1", unit="metrical levels", range=(0, np.inf), undefined="no notes")
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
