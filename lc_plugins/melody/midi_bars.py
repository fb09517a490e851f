"""Bar lines of a MIDI file: where a bar of 4/4 begins, by its time signatures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

from lc_core.errors import LCError
from lc_plugins.melody.midi_events import Metre, MidiSong
from lc_plugins.melody.midi_notes import Played
from lc_plugins.melody.tokens import BAR

__all__ = ["first_bar_line", "length_words"]

STEPS_PER_BEAT = 4
FOUR_FOUR = Metre(0, 4, 4)
HALF = Fraction(1, 2)
NOTE_VALUES = {1: "a sixteenth", 2: "an eighth", 4: "a quarter", 8: "a half note"}
"""By their sixteenths."""


class _Section(NamedTuple):
    """A part of a file in one metre: where it begins, in sixteenths from the start of the file, and its bars."""

    start: Fraction
    bar: Fraction
    name: str


def first_bar_line(song: MidiSong, notes: Sequence[Played], path: Path, *, tell: Callable[[str], None]) -> Fraction:
    """Return where step 0 of the melody is, in sixteenths from the start of the file.

    The file's bar lines are at its time signatures and at every bar from there. Step 0, and every 16th step after it,
    has to be one of them. A short bar before the first full one is a pick-up: its notes stand at the end of a bar, so
    that step 0 comes before the start of the file.

    Raises:
        LCError: If bars do not fill 4/4, or bar lines do not stay 16 sixteenths apart.
    """
    for odd in song.odd_metres:
        tell(f"a time signature {odd} means nothing and is passed over")
    per_step = Fraction(song.ticks_per_beat, STEPS_PER_BEAT)
    last = max((note.end for note in notes), default=0) / per_step
    sections = _sections(song, per_step, last)
    first, origin = 0, Fraction(0)
    if len(sections) > 1 and _is_pickup(sections[0], sections[1]):
        first, origin = 1, sections[1].start - BAR
        heard = [note for note in notes if note.start / per_step < sections[1].start - HALF]
        if heard:
            tell(f"it begins with a pick-up of {length_words(sections[1].start)}, which stands before a bar line")
        else:
            origin += BAR  # a short bar of silence
    for at in range(first, len(sections)):
        _check_bars(sections, at, origin, path)
    return origin


def length_words(steps: Fraction) -> str:
    """Return a length as a note value: `an eighth`, `3 sixteenths`, `2.5 sixteenths`."""
    if steps in NOTE_VALUES:
        return NOTE_VALUES[int(steps)]
    quarters = steps / STEPS_PER_BEAT
    return f"{quarters} quarters" if quarters.denominator == 1 else f"{float(steps):.3g} sixteenths"


def _sections(song: MidiSong, per_step: Fraction, last: Fraction) -> list[_Section]:
    """Return the parts in which something is played; a metre of which nothing is played does not matter."""
    metres = {one.tick: one for one in (FOUR_FOUR, *song.metres)}
    return [
        _Section(metre.tick / per_step, Fraction(metre.numerator * BAR, metre.denominator), f"{metre[1]}/{metre[2]}")
        for metre in metres.values()
        if not metre.tick or metre.tick / per_step < last - HALF
    ]


def _is_pickup(section: _Section, following: _Section) -> bool:
    """Return whether the first part of a file is a short bar: no longer than one of its own, and shorter than 4/4."""
    return following.start <= section.bar and following.start < BAR


def _check_bars(sections: Sequence[_Section], at: int, origin: Fraction, path: Path) -> None:
    section = sections[at]
    if BAR % section.bar:
        raise LCError(
            f"{path} is in {section.name}; expected 4/4, 2/2, 2/4 or another metre whose bars fill 4/4",
            hint="only melodies in such metres can be measured by this model's rules",
        )
    if (section.start - origin) % section.bar:
        raise LCError(
            f"{path}: the metre changes to {section.name} in the middle of a bar, {length_words(section.start)} from "
            "the start; expected a bar line after every four quarters",
            hint="cut the file at a bar line, so that it holds whole bars of 4/4 and at most a pick-up before them",
        )
