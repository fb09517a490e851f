"""Bar lines of a MIDI file: where a bar of 4/4 begins, by its time signatures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from lc_core import LCError
from lc_plugins.melody.midi_events import Metre, MidiSong
from lc_plugins.melody.midi_notes import Played
from lc_plugins.melody.tokens import BAR

__all__ = ["first_bar_line", "length_words"]

STEPS_PER_BEAT = 4
FOUR_FOUR = Metre(0, 4, 4)
HALF = Fraction(1, 2)
HARDLY = Fraction(1, 10)
"""Some programs place a time signature by its seconds, and miss the bar line by a tick or two."""
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
    that step 0 comes before that bar. Silence before a pick-up, or in a metre that does not fill 4/4, is left out.

    Raises:
        LCError: If bars do not fill 4/4, or bar lines do not stay 16 sixteenths apart.
    """
    for odd in song.odd_metres:
        tell(f"a time signature {odd} means nothing and is passed over")
    per_step = Fraction(song.ticks_per_beat, STEPS_PER_BEAT)
    begin, end = (Fraction(tick) / per_step for tick in _extent(notes))
    sections = [one for one in _sections(song, per_step) if not one.start or one.start < end - HALF]
    first = max(at for at, one in enumerate(sections) if one.start <= begin + HALF)
    origin = Fraction(0)
    if first and (_is_pickup(sections[first:]) or not _in_bars(sections[: first + 1])):
        sections, first = sections[first:], 0  # nothing is played before it, so no bar line there matters
        origin = sections[0].start
        tell(f"the silence before its first bar, {length_words(origin)}, is left out")
    if first == 0 and _is_pickup(sections):
        short = sections[1].start - sections[0].start
        tell(f"it begins with a pick-up of {length_words(short)}, which stands before a bar line")
        sections, origin = sections[1:], sections[1].start - BAR
    for section in sections:
        _check_bars(section, origin, path)
    return origin


def _extent(notes: Sequence[Played]) -> tuple[int, int]:
    """Return the first and the last tick at which something sounds."""
    return (notes[0].start, max(note.end for note in notes)) if notes else (0, 0)


def length_words(steps: Fraction) -> str:
    """Return a length as a note value: `an eighth`, `3 sixteenths`, `2.5 sixteenths`."""
    if steps in NOTE_VALUES:
        return NOTE_VALUES[int(steps)]
    quarters = steps / STEPS_PER_BEAT
    return f"{quarters} quarters" if quarters.denominator == 1 else f"{float(steps):.3g} sixteenths"


def _sections(song: MidiSong, per_step: Fraction) -> list[_Section]:
    """Return the parts of a file by their metres, in time order.

    Of two time signatures at one place in a track, the later counts. Where tracks disagree, the one that does not fill
    4/4 counts, so that it is told.
    """
    found = {Fraction(0): _section(FOUR_FOUR, per_step)}
    for one in {(_place(metre, per_step), metre.track): metre for metre in song.metres}.values():
        section = _section(one, per_step)
        if section.start not in found or not BAR % found[section.start].bar:
            found[section.start] = section
    return list(found.values())


def _section(metre: Metre, per_step: Fraction) -> _Section:
    bar = Fraction(metre.numerator * BAR, metre.denominator)
    return _Section(_place(metre, per_step), bar, f"{metre.numerator}/{metre.denominator}")


def _place(metre: Metre, per_step: Fraction) -> Fraction:
    """Return where a time signature stands, in sixteenths; one that is hardly off the grid stands on it."""
    place = metre.tick / per_step
    return Fraction(round(place)) if abs(place - round(place)) <= HARDLY else place


def _in_bars(sections: Sequence[_Section]) -> bool:
    """Return whether all parts but the last are whole bars of 4/4."""
    return not any((later.start - one.start) % BAR or BAR % one.bar for one, later in pairwise(sections))


def _is_pickup(sections: Sequence[_Section]) -> bool:
    """Return whether the first part is a short bar: no longer than one of its own, and shorter than 4/4."""
    if len(sections) < 2:
        return False
    length = sections[1].start - sections[0].start
    return length <= sections[0].bar and length < BAR


def _check_bars(section: _Section, origin: Fraction, path: Path) -> None:
    if BAR % section.bar:
        raise LCError(
            f"{path} is in {section.name}; expected 4/4, 2/2, 2/4 or another metre whose bars fill 4/4",
            hint="only melodies in such metres can be measured by this model's rules",
        )
    if (section.start - origin) % section.bar:
        raise LCError(
            f"{path}: a bar line for {section.name} stands in the middle of a bar, {length_words(section.start)} from "
            "the start; expected a bar line after every four quarters",
            hint="cut the file at a bar line, so that it holds whole bars of 4/4 and at most a pick-up before them",
        )
