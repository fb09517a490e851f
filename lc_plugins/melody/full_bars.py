"""Makes full bars of the bars that are played, and puts their notes onto the grid of sixteenths.

- An upbeat completes the short bar before it, also across a sign of a repeat. A short bar at the end of a section that
  nothing completes is filled with a rest. An upbeat that has no room in the bar before it is left out.
- Notes off the grid move to the nearest sixteenth, those half-way between two to the earlier one. Of several notes on
  one sixteenth the nearest stays, of equally near ones the first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lc_plugins.melody.abc_bars import Bar, Note
from lc_plugins.melody.corpus import STEPS_PER_WHOLE
from lc_plugins.melody.repeats import PlayedBar
from lc_plugins.melody.tokens import HOLD, NOTE_OFF

__all__ = ["OnGrid", "full_bars", "on_grid"]


def full_bars(
    bars: Sequence[PlayedBar], written: Mapping[str, int], *, skipped: Counter[str], changed: Counter[str]
) -> Iterator[list[Bar]]:
    """Yield runs of bars that follow each other, all of one length.

    Args:
        bars: Bars as they are played.
        written: The metres that are read, and the steps of a bar of each.
        skipped: What is left out is added to it.
        changed: What is changed is added to it.
    """
    run: list[Bar] = []
    index = 0
    while index < len(bars):
        bar = bars[index].bar
        steps = written.get(bar.meter)
        full, used = _completed(bars, index, Fraction(steps or 0, STEPS_PER_WHOLE), changed)
        if run and (not used or bar.rests or steps != written[run[-1].meter]):
            yield run
            run = []
        if steps is None:
            skipped["bars in other metres"] += 1
        elif not used:
            skipped["bars too short or too long, or with notes outside MIDI"] += 1
        elif full is not None:
            run.append(full)
        index += used or 1
    if run:
        yield run


def _completed(bars: Sequence[PlayedBar], index: int, full: Fraction, changed: Counter[str]) -> tuple[Bar | None, int]:
    """Return the full bar that begins at `index`, and how many bars it took.

    None and 1 stand for an upbeat that is left out, None and 0 for a bar that cannot be used.
    """
    first = bars[index].bar
    notes, length, after = list(first.notes), first.length, index + 1
    end = 0  # so many notes come before the end of the section; what the bar lacks comes after them
    while length < full and after < len(bars):
        following = bars[after].bar
        if following.meter != first.meter or following.rests or length + following.length > full:
            break
        end = len(notes) if bars[after].starts else end
        notes, length, after = notes + following.notes, length + following.length, after + 1
    end = len(notes) if not end and (after == len(bars) or bars[after].starts) else end
    if length > full or any(note.pitch is not None and not 0 <= note.pitch < HOLD for note in notes):
        return None, 0
    if length == full:
        changed["bars completed by the upbeat after them"] += after - index > 1
    elif bars[index].starts and after == index + 1:
        changed["upbeats left out, at the start or where the bar before has no room"] += 1
        return None, 1
    elif end:
        changed["short bars at the end of a section, filled with a rest"] += 1
        notes.insert(end, Note(None, full - length))
    else:
        return None, 0
    return Bar(notes, meter=first.meter), after - index


@dataclass(frozen=True)
class OnGrid:
    """Bars as tokens, and what it took.

    Attributes:
        tokens: Tokens `(T,)` int64.
        touched: The steps to which a note was moved, or where one was lost, `(T,)` bool.
        notes: Notes in all.
        moved: How far each note that stayed was moved, in sixteenths, without those that were not.
        lost: Notes for which there was no step.
    """

    tokens: np.ndarray
    touched: np.ndarray
    notes: int
    moved: list[Fraction]
    lost: int


def on_grid(bars: Sequence[Bar], steps: int) -> OnGrid:
    """Return the tokens of full bars, each note on the nearest sixteenth.

    Args:
        bars: Bars that last `steps` sixteenths together.
        steps: Their length T.
    """
    tokens = np.full(steps, HOLD, dtype=np.int64)
    touched = np.zeros(steps, dtype=bool)
    nearest: dict[int, Fraction] = {}  # how far the note on a step was moved
    notes = lost = 0
    rests: list[int] = []
    last = -1  # step of the note before
    for position, pitch in _events(bars):
        step = min(math.ceil(position - Fraction(1, 2)), steps - 1)
        if pitch is None:
            rests.append(max(step, last + 1))
            continue
        notes, last = notes + 1, step
        moved = abs(position - step)
        touched[step] |= moved > 0
        if step in nearest:
            lost += 1
            touched[step] = True
        if moved < nearest.get(step, Fraction(steps)):
            tokens[step], nearest[step] = pitch, moved
    for step in rests:
        if step < steps and tokens[step] == HOLD:
            tokens[step] = NOTE_OFF
    return OnGrid(tokens, touched, notes, [moved for moved in nearest.values() if moved], lost)


def _events(bars: Sequence[Bar]) -> Iterator[tuple[Fraction, int | None]]:
    """Yield where notes begin, with their pitch, and where what sounds ends in a rest, in sixteenths."""
    position = Fraction(0)
    held: int | None = None  # the pitch that a tie carries on
    sounds = False
    for note in (note for bar in bars for note in bar.notes):
        if note.pitch is None:
            if sounds:
                yield position, None
            sounds, held = False, None
        else:
            if held != note.pitch:
                yield position, note.pitch
            sounds, held = True, note.pitch if note.tied else None
        position += note.length * STEPS_PER_WHOLE
