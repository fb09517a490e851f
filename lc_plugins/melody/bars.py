"""The setting `bars` of every rule of melodies: it is measured on these bars, as if they were the melody."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from lc_core import LCError, Part
from lc_core.common import counted
from lc_plugins.melody.tokens import BAR, HOLD, NOTE_OFF, as_tokens, sounding

__all__ = ["BARS", "cut_bars"]


def _check_bars(value: Any) -> Any:
    numbers = value if isinstance(value, list | tuple) else []
    whole = all(isinstance(one, int) and not isinstance(one, bool) and one >= 1 for one in numbers)
    if not numbers or not whole or list(numbers) != sorted(set(numbers)):
        raise ValueError(f"expected bars in rising order, numbers from 1, such as [1, 2]; found {value!r}")
    return value


def cut_bars(tokens: np.ndarray, bars: list[int]) -> np.ndarray:
    """Return some bars of melodies, one after another.

    A note that is held on into the first of bars that follow each other begins there.

    Args:
        tokens: Melodies `(B, T)`.
        bars: Numbers of bars of 16 steps, from 1, rising. The last bar may be a short one.

    Raises:
        LCError: If the melodies have no such bar.

    Example:
        >>> cut_bars(np.array([[60, *[128] * 17, 62, *[128] * 13]]), [2])[0, :4]
        array([ 60, 128,  62, 128])
    """
    tokens = as_tokens(tokens)
    steps = tokens.shape[1]
    count = -(-steps // BAR)
    if bars[-1] > count:
        raise LCError(
            f"there is no bar {bars[-1]}: melodies of {counted(steps, 'step')} have {counted(count, 'bar')}",
            hint="ask for bars that exist, or choose a model of longer melodies",
        )
    pitch = sounding(tokens)
    found = []
    for before, bar in zip([None, *bars], bars, strict=False):
        start = (bar - 1) * BAR
        piece = tokens[:, start : start + BAR]
        if before != bar - 1:
            held = np.where(pitch[:, start] >= 0, pitch[:, start], NOTE_OFF)
            piece = np.concatenate([np.where(piece[:, :1] == HOLD, held[:, None], piece[:, :1]), piece[:, 1:]], axis=1)
        found.append(piece)
    return np.concatenate(found, axis=1)


BARS = Part(
    "bars",
    Annotated[list[int], BeforeValidator(_check_bars)],
    cut_bars,
    "measured on these bars of 16 steps alone, such as [1, 2], one after another; by default on the whole melody.",
)
