"""What a melody repeats: itself, or a tune it was trained on."""

from __future__ import annotations

import numpy as np

from lc_core import LCError, measurement
from lc_core.common import counted
from lc_plugins.melody.bars import BARS
from lc_plugins.melody.measurements.shares import undefined_where
from lc_plugins.melody.novelty import STEPS, corpus_hashes, is_known
from lc_plugins.melody.tokens import BAR, as_tokens, onsets, sounding

__all__ = ["novelty", "repeated_bar"]


@measurement(
    accepts="melody.tokens/1", part=BARS, unit="share", range=(0, 1), undefined="fewer than two full bars", at_least=1.0
)
def repeated_bar(tokens: np.ndarray) -> np.ndarray:
    """Return the share of bars that sound exactly like the bar before them, `(B,)`.

    Formula: bars k > 1 that sound the same as bar k - 1 / (bars - 1), over full bars of 16 steps. Two bars sound the
    same if at each step the same pitch sounds, or none, and notes begin at the same steps: a note held over from
    the bar before differs from one that is struck. Share, 0 to 1. Default at_least 1.0: with two bars, `not` of it
    wants two different ones; to forbid any repetition in a longer melody, say `at_most: 0`.
    Degenerate: two silent bars sound the same; NaN if T is below 32.

    Example:
        >>> bar = [60, 128, 62, 129] * 4
        >>> repeated_bar(np.array([bar + bar, bar + bar[::-1]]))
        array([1., 0.])
    """
    starts = onsets(tokens)
    batch, steps = starts.shape
    bars = steps // BAR
    if bars < 2:
        return np.full(batch, np.nan)
    sounds = (2 * sounding(tokens) + starts)[:, : bars * BAR].reshape(batch, bars, BAR)
    same = (sounds[:, 1:] == sounds[:, :-1]).all(axis=2)
    share: np.ndarray = same.mean(axis=1)
    return share


@measurement(accepts="melody.tokens/1", part=BARS, unit="0 or 1", range=(0, 1), undefined="no notes", at_least=1)
def novelty(tokens: np.ndarray) -> np.ndarray:
    """Return 1 if the melody is not one of the tunes that the shipped model was trained on, else 0, `(B,)`.

    Formula: 0 if a window of the training corpus, moved up or down by any interval, sounds exactly the same; else 1.
    Default at_least 1. Sound is compared by `melody_hash`, 64 bits for each window: the package holds hashes
    of the corpus and none of its notes, and the chance to take a new melody for a known one is below 1e-12.
    Degenerate: NaN without notes.

    Raises:
        LCError: If T is not 32, the length of the windows, or the file of hashes cannot be read.

    Example:
        >>> wild = np.arange(32)[None] * 37 % 128  # leaps of three octaves
        >>> novelty(wild)
        array([1.])
    """
    tokens = as_tokens(tokens)
    if tokens.shape[1] != STEPS:
        raise LCError(
            f"novelty is defined for melodies of {STEPS} steps, the windows of the training corpus; "
            f"found {counted(tokens.shape[1], 'step')}",
            hint="leave this constraint out for models of another length",
        )
    no_notes = np.logical_not(onsets(tokens).any(axis=1))
    return undefined_where(no_notes, ~is_known(tokens, hashes=corpus_hashes()))
