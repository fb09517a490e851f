"""Windows of whole tunes: repeats played, upbeats in their place, every figure on the grid of sixteenths.

`corpus.py` cuts the windows of the model of two bars from bars as they are written. Longer windows need more of a tune:

- Repeats and numbered endings are played (`repeats.py`).
- An upbeat completes the short bar before it, also across a sign of a repeat, and figures such as triplets go onto the
  grid (`full_bars.py`).
- Tunes in 6/8, 9/8 and 3/4 give windows too, each metre for itself.

What was changed, and what was left out, is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lc_core import LCError
from lc_plugins.melody.abc_bars import Tune
from lc_plugins.melody.corpus import Corpus, collection_tunes, corpus_folder, is_held_out, title_key
from lc_plugins.melody.full_bars import full_bars, on_grid
from lc_plugins.melody.repeats import played
from lc_plugins.melody.tokens import HOLD, NOTE_OFF, sounding

__all__ = ["METRES", "TuneCorpus", "cut_tunes", "read_tunes"]

METRES: dict[str, dict[str, int]] = {
    "4/4": {"4/4": 16, "C": 16, "C|": 16, "2/2": 16, "2/4": 8},
    "3/4": {"3/4": 12},
    "6/8": {"6/8": 12},
    "9/8": {"9/8": 18},
}
"""Metres that share a model, by its name: each as it is written, and the steps of its bar."""


@dataclass
class TuneCorpus(Corpus):
    """Windows of played tunes.

    Attributes:
        tune: For each window the tune that it was found in first, as a number; printings under one title share it.
        bar: The bar of the played tune that the window begins with, from 0; bars that were left out do not count.
        all: Windows before equal ones are taken once: one for each bar that begins one.
        side_by_side: Windows, were they cut one after another without overlap.
        changed: What was changed to get them, by what it is.
        farthest: How far a note was moved at most, in sixteenths.
        off_grid: Windows with a note that was moved or lost.
    """

    tune: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    bar: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    all: int = 0
    side_by_side: int = 0
    changed: Counter[str] = field(default_factory=Counter)
    farthest: Fraction = Fraction(0)
    off_grid: int = 0


@dataclass(frozen=True)
class _Window:
    """A window of one tune; see `TuneCorpus`."""

    tokens: np.ndarray
    metre: str
    held_out: bool
    bar: int
    off_grid: bool
    tune: int = 0


def _windows(tokens: np.ndarray, steps: int, bar: int) -> np.ndarray:
    """Return the windows `(N, steps)` that begin with each bar; a note that is held on into one begins there."""
    found = sliding_window_view(tokens, steps)[::bar].copy()
    before = sounding(tokens[None])[0, : len(tokens) - steps + 1 : bar]
    found[:, 0] = np.where((found[:, 0] == HOLD) & (before >= 0), before, found[:, 0])
    found[found[:, 0] == NOTE_OFF, 0] = HOLD
    return found


def cut_tunes(tunes: Iterable[Tune], *, steps: int, metre: str = "4/4") -> TuneCorpus:
    """Cut played tunes into windows.

    Args:
        tunes: The tunes.
        steps: Length of a window in sixteenths, a whole number of bars of the metre.
        metre: A name in `METRES`.

    Raises:
        LCError: If the metre is not known, the steps are no whole number of its bars, or there is no window.
    """
    if metre not in METRES:
        raise LCError(f"expected a metre among {', '.join(METRES)}; found {metre!r}")
    longest = max(METRES[metre].values())
    if steps < 1 or steps % longest:
        raise LCError(f"a window of {metre} has a whole number of bars of {longest} sixteenths; found {steps}")
    result = TuneCorpus(np.zeros((0, steps), dtype=np.int64), np.zeros(0), np.zeros(0, dtype=bool), 0)
    found: dict[bytes, _Window] = {}
    titles: dict[str, int] = {}
    for tune in tunes:
        number = titles.setdefault(title_key(tune.title), len(titles))
        windows = [replace(one, tune=number) for one in _windows_of(tune, steps, metre, result)]
        result.tunes += bool(windows)
        result.all += len(windows)
        for one in windows:
            old = found.setdefault(one.tokens.tobytes(), one)
            if old.held_out and not one.held_out:  # a window that a training tune has too is no fair test
                found[one.tokens.tobytes()] = replace(old, held_out=False)
    if not found:
        raise LCError(f"no tune has a window of {steps} sixteenths in {metre}")
    unique = list(found.values())
    result.windows = np.stack([one.tokens for one in unique])
    result.meters = np.array([one.metre for one in unique])
    result.is_test = np.array([one.held_out for one in unique])
    result.tune = np.array([one.tune for one in unique])
    result.bar = np.array([one.bar for one in unique])
    result.off_grid = sum(one.off_grid for one in unique)
    return result


def _windows_of(tune: Tune, steps: int, metre: str, result: TuneCorpus) -> Iterator[_Window]:
    """Yield the windows of one tune, and count in `result` what was left out and changed."""
    if tune.error:
        result.skipped[f"tunes: {tune.error}"] += 1
    written = METRES[metre]
    begin = 0
    for run in full_bars(played(tune.bars), written, skipped=result.skipped, changed=result.changed):
        bar = written[run[0].meter]
        first, begin = begin, begin + len(run)
        if len(run) * bar < steps:
            result.skipped["bars in runs that are shorter than a window"] += len(run)
            continue
        result.side_by_side += len(run) * bar // steps
        grid = on_grid(run, len(run) * bar)
        result.changed["notes"] += grid.notes
        result.changed["notes moved to the nearest sixteenth"] += len(grid.moved)
        result.changed["notes lost, since another one is nearer to their sixteenth"] += grid.lost
        result.farthest = max([result.farthest, *grid.moved])
        off = np.asarray(sliding_window_view(grid.touched, steps)[::bar].any(axis=1))
        name = "2/4" if bar == METRES["4/4"]["2/4"] else metre
        for place, tokens in enumerate(_windows(grid.tokens, steps, bar)):
            if (tokens < HOLD).any():
                yield _Window(tokens, name, is_held_out(tune.title), first + place, bool(off[place]))
            else:
                result.skipped["windows without a note"] += 1


def read_tunes(folder: Path | None = None, *, steps: int = 256, metre: str = "4/4") -> TuneCorpus:
    """Read every collection and return the unique windows of its played tunes.

    Args:
        folder: A folder that holds the collections; default the one inside the installed `music21`.
        steps: Length of a window in sixteenths, a whole number of bars of the metre.
        metre: A name in `METRES`: `4/4` (with all metres of 16 sixteenths, and 2/4), `3/4`, `6/8` or `9/8`.

    Raises:
        LCError: If `music21` is not installed, the folder holds no tune, or the settings make no sense.
    """
    return cut_tunes((tune for _, tune in collection_tunes(folder or corpus_folder())), steps=steps, metre=metre)
