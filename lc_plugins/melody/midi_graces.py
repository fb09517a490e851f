"""Grace notes of a MIDI file: very short notes right before the note that they adorn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import zip_longest

from lc_core.common import counted
from lc_plugins.melody.midi_grid import HALF, Grid
from lc_plugins.melody.midi_notes import Played

__all__ = ["without_graces"]


def without_graces(notes: Sequence[Played], grid: Grid, *, tell: Callable[[str], None]) -> list[Played]:
    """Return the notes without their grace notes, and say how many there were.

    A grace note is shorter than half a sixteenth, and another note begins within that time of its start. The note
    that it leads to lasts half a sixteenth or more. Several in a row, of less than a sixteenth together, are grace
    notes too. The note that they lead to begins with them or at its own start, whichever is nearer to the grid; the
    note before lasts until then, if it lasted until the grace notes.

    Args:
        notes: The notes in time order.
        grid: The sixteenths.
        tell: Called with a line on what was left out.
    """
    kept: list[Played] = []
    group: list[Played] = []
    found = 0
    for note, following in zip_longest(notes, notes[1:]):
        if following is not None and _leads_to(note, following, grid):
            group.append(note)
            continue
        if group and note.start - group[0].start < grid.ticks and note.end - note.start >= HALF * grid.ticks:
            start = min(note.start, group[0].start, key=grid.apart)
            if kept and group[0].start - HALF * grid.ticks < kept[-1].end <= note.start:
                kept[-1] = kept[-1]._replace(end=start)
            note = note._replace(start=start)
            found += len(group)
        else:
            kept += group
        kept.append(note)
        group = []
    if found:
        tell(
            f"{counted(found, 'grace note')} {'is' if found == 1 else 'are'} left out: shorter than half a sixteenth,"
            " right before another note"
        )
    return kept


def _leads_to(note: Played, following: Played, grid: Grid) -> bool:
    half = HALF * grid.ticks
    return note.end - note.start < half and 0 < following.start - note.start < half
