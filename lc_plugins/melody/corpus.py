"""The training corpus: windows of old printed dance tunes from the ABC files in music21's wheel.

Collections, printed in the eighteenth and nineteenth centuries and typed in by volunteers named in the files:
O'Neill's *Music of Ireland*, Ryan's *Mammoth Collection*, Aird's *Airs* and a small folder of fife and Northumbrian
tunes. What is known of the files' terms is in `docs/data.md`. The Essen folder is left out, because its licence is
unclear and non-commercial. Nothing of the corpus is stored here: it is read from the installed `music21` package each
time.

A window is 32 sixteenths that start on a bar: two bars of 4/4, C, C| or 2/2, or four bars of 2/4 (no doubled
values). Other metres are skipped and counted. Repeats are not played; `tunes.py` plays them, for longer windows.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from lc_core import LCError
from lc_plugins.melody.abc import parse_tunes
from lc_plugins.melody.abc_bars import Bar, Tune

__all__ = [
    "FOLDERS",
    "HOLD",
    "NOTE_OFF",
    "STEPS_PER_WHOLE",
    "TRANSPOSE",
    "Corpus",
    "bars_to_windows",
    "collection_tunes",
    "corpus_folder",
    "is_held_out",
    "read_corpus",
    "title_key",
    "tune_segments",
]

FOLDERS = ("oneills1850", "ryansMammoth", "airdsAirs", "miscFolk")
HOLD, NOTE_OFF = 128, 129
METERS = {"4/4": 16, "C": 16, "C|": 16, "2/2": 16, "2/4": 8}  # steps in a bar
STEPS_PER_WHOLE = 16
TEST_SHARE = 0.1
TRANSPOSE = (-6, 6)
"""Semitones that a training transposes a window by, the upper end left out: twelve keys."""


@dataclass
class Corpus:
    """Windows of tunes, ready for training.

    `windows` are tokens `(N, T)` int64 as in `melody.tokens/1`, unique and not transposed; `meters` the metre of each
    (`4/4`, or `2/4`); `is_test` marks the windows of the tunes that are held out; `tunes` counts tunes that gave a
    window; `skipped` counts what was left out, by reason.
    """

    windows: np.ndarray
    meters: np.ndarray
    is_test: np.ndarray
    tunes: int
    skipped: Counter[str] = field(default_factory=Counter)

    def held_out(self) -> np.ndarray:
        """Return the held-out windows `(M, T)`, each moved to a key of its own, always the same."""
        windows = self.windows[self.is_test]
        shift = np.random.default_rng(0).integers(*TRANSPOSE, (len(windows), 1))
        moved: np.ndarray = np.where(windows < HOLD, windows + shift, windows)
        return moved


def corpus_folder() -> Path:
    """Return the folder of ABC collections inside the installed `music21`, without importing it."""
    spec = find_spec("music21")
    if spec is None or not spec.submodule_search_locations:
        raise LCError(
            "training needs the tunes that come with music21, which is not installed",
            hint='install it with: pip install "latent-constraints[train]"',
        )
    return Path(next(iter(spec.submodule_search_locations))) / "corpus"


def collection_tunes(folder: Path) -> Iterator[tuple[str, Tune]]:
    """Yield every tune of the collections with a name that stays the same between releases of the files."""
    for collection in FOLDERS:
        for path in sorted((folder / collection).rglob("*.abc")):
            text = path.read_bytes().decode("utf-8", errors="replace")
            for tune in parse_tunes(text):
                yield f"{collection}/{path.name}/{tune.number}/{tune.title}", tune


def title_key(title: str) -> str:
    """Return what two printings of one tune share: the letters and digits of the title, in lower case."""
    return "".join(filter(str.isalnum, title.lower()))


def is_held_out(title: str) -> bool:
    """Split by tune: the title decides, so that two printings of one tune fall on the same side."""
    digest = hashlib.sha256(title_key(title).encode()).digest()
    return int.from_bytes(digest[:4], "big") < TEST_SHARE * 2**32


def tune_segments(tune: Tune, skipped: Counter[str]) -> list[list[Bar]]:
    """Split a tune into runs of full bars that follow each other.

    Two short bars in a row that add up to one full bar (a section's end and the next section's upbeat) are joined.
    """
    segments: list[list[Bar]] = [[]]
    bars = list(tune.bars)
    index = 0
    while index < len(bars):
        bar = bars[index]
        steps = METERS.get(bar.meter)
        if bar.breaks or steps is None:
            segments.append([])
        if steps is None:
            skipped["bars in other metres"] += 1
            index += 1
            continue
        full = Fraction(steps, STEPS_PER_WHOLE)
        if bar.length < full and index + 1 < len(bars) and not bars[index + 1].breaks:
            following = bars[index + 1]
            if following.meter == bar.meter and bar.length + following.length == full:
                bar = Bar(bar.notes + following.notes, bar.breaks, bar.meter)
                index += 1
        if bar.length == full:
            segments[-1].append(bar)
        else:
            skipped["bars too short or too long (upbeats, slips of the pen)"] += 1
            segments.append([])
        index += 1
    return [segment for segment in segments if segment]


def _tokens(bars: Iterable[Bar], steps: int) -> np.ndarray | None:
    """Return the tokens `(steps,)` of bars that are on the grid of sixteenths, else None."""
    tokens = np.full(steps, HOLD, dtype=np.int64)
    position = Fraction(0)
    held: int | None = None  # the pitch that a tie carries on
    sounding = False
    for bar in bars:
        for note in bar.notes:
            if position.denominator != 1 or not 0 <= (note.pitch or 0) <= 127:
                return None
            step = int(position)
            if note.pitch is None:
                if sounding:
                    tokens[step] = NOTE_OFF
                sounding, held = False, None
            else:
                if held != note.pitch and note.length:
                    tokens[step] = note.pitch
                sounding, held = True, note.pitch if note.tied else None
            position += note.length * STEPS_PER_WHOLE
    return tokens if position == steps else None


def bars_to_windows(bars: list[Bar], steps: int, skipped: Counter[str]) -> Iterator[np.ndarray]:
    """Yield a window of tokens `(steps,)` for each bar of a run that starts one on the grid."""
    per_bar = METERS[bars[0].meter]
    count = steps // per_bar
    for start in range(len(bars) - count + 1):
        tokens = _tokens(bars[start : start + count], steps)
        if tokens is None:
            skipped["windows off the grid of sixteenths (triplets, 32nds)"] += 1
        elif not (tokens < HOLD).any():
            skipped["windows without a note"] += 1
        else:
            yield tokens


def read_corpus(folder: Path | None = None, *, steps: int = 32) -> Corpus:
    """Read every collection and return its unique windows.

    Args:
        folder: A folder that holds the collections; default the one inside the installed `music21`.
        steps: Length of a window in sixteenths, a multiple of 16.

    Raises:
        LCError: If `music21` is not installed, or the folder holds no tune.
    """
    folder = folder or corpus_folder()
    skipped: Counter[str] = Counter()
    found: dict[bytes, tuple[np.ndarray, str, bool]] = {}
    used = 0
    for _, tune in collection_tunes(folder):
        if tune.error:
            skipped[f"tunes: {tune.error}"] += 1
            continue
        gave = False
        held_out = is_held_out(tune.title)
        for segment in tune_segments(tune, skipped):
            if any(bar.meter != segment[0].meter for bar in segment):
                skipped["runs that change metre"] += 1
                continue
            meter = "2/4" if METERS[segment[0].meter] == 8 else "4/4"
            for tokens in bars_to_windows(segment, steps, skipped):
                gave = True
                key = tokens.tobytes()
                if key in found:
                    skipped["windows seen before"] += 1
                    # A window that also stands in a training tune is no fair test of reconstruction.
                    held = found[key]
                    found[key] = (held[0], held[1], held[2] and held_out)
                else:
                    found[key] = (tokens, meter, held_out)
        used += gave
    if not found:
        raise LCError(f"no tunes found in {folder}", hint="reinstall music21: its corpus is missing")
    windows, meters, is_test = zip(*found.values(), strict=True)
    return Corpus(np.stack(windows), np.array(meters), np.array(is_test), used, skipped)
