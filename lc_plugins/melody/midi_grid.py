"""Played notes moved to the grid of sixteenths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import zip_longest
from math import floor
from pathlib import Path

from lc_core.errors import LCError
from lc_core.words import counted
from lc_plugins.melody.midi_notes import Played, Voice
from lc_plugins.melody.tokens import BAR

__all__ = ["Grid", "Note", "pitch_name"]

Note = tuple[int, int, int]
"""Start step, end step (exclusive), MIDI pitch."""

HALF = Fraction(1, 2)
LOOSE = Fraction(1, 10)
"""A note that starts further than this from the grid, in sixteenths, is told."""
PARTS = {
    Fraction(1, 8): "an eighth",
    Fraction(1, 5): "a fifth",
    Fraction(1, 4): "a quarter",
    Fraction(1, 3): "a third",
    Fraction(2, 5): "two fifths",
    HALF: "half",
}


def pitch_name(pitch: int) -> str:
    """Return a pitch's name, middle C (60) being C4."""
    return f"{('C', 'C#', 'D', 'D#', 'E', 'F', 'F#', 'G', 'G#', 'A', 'A#', 'B')[pitch % 12]}{pitch // 12 - 1}"


@dataclass(frozen=True)
class Grid:
    """Steps of a sixteenth.

    Attributes:
        ticks: Ticks of a step.
        origin: Where step 0 is, in steps from the start of the file.
    """

    ticks: Fraction
    origin: Fraction

    def place(self, tick: int) -> Fraction:
        """Return where a tick is, in steps."""
        return tick / self.ticks - self.origin

    def step(self, tick: int) -> int:
        """Return the nearest step; half a step rounds up."""
        return floor(self.place(tick) + HALF)

    def after_count_in(self, voice: Voice, *, tell: Callable[[str], None]) -> Grid:
        """Return the grid that starts with the bar of the first note, if drums play before it."""
        if not voice.notes or not voice.drums or voice.drums[0] >= voice.notes[0].start:
            return self
        bars = self.step(voice.notes[0].start) // BAR
        if bars < 1:
            return self
        tell(f"a count-in of {counted(bars, 'bar')} of 4/4, in which only drums play, is left out")
        return replace(self, origin=self.origin + bars * BAR)

    def quantised(self, played: Sequence[Played], path: Path, *, tell: Callable[[str], None]) -> list[Note]:
        """Return notes on the grid, each ending where the next begins at the latest; say how far they were moved.

        Raises:
            LCError: If two notes sound together for more than half a step, or fall on one step.
        """
        notes: list[Note] = []
        for note, following in zip_longest(played, played[1:]):
            start = self.step(note.start)
            end = max(self.step(note.end), start + 1)
            if following is not None:
                self._check(note, following, played, path)
                end = min(end, self.step(following.start))
            notes.append((start, end, note.pitch))
        self._tell_moved(played, tell)
        return notes

    def _check(self, note: Played, following: Played, played: Sequence[Played], path: Path) -> None:
        """Check that a note and the next follow each other, on steps of their own."""
        names = f"{pitch_name(note.pitch)} ({note.pitch}) and {pitch_name(following.pitch)} ({following.pitch})"
        step = self.step(following.start)
        if following.start == note.start or (note.end - following.start) / self.ticks > HALF:
            channels = Counter(one.channel for one in played)
            where = ", ".join(f"{count} on channel {channel}" for channel, count in sorted(channels.items()))
            raise LCError(
                f"{path} is polyphonic: {names} sound together at {_named(step)} (notes: {where})",
                hint="keep one voice: export the melody alone, without chords, bass or drums",
            )
        if step == self.step(note.start):
            gap = (following.start - note.start) / self.ticks
            raise LCError(
                f"{path} is faster than sixteenths: {pitch_name(note.pitch)} and {pitch_name(following.pitch)} both"
                f" fall on {_named(step)}, {_part(gap)} of a sixteenth apart",
                hint="remove grace notes, trills and triplets of sixteenths, or write it in doubled note values",
            )

    def _tell_moved(self, played: Sequence[Played], tell: Callable[[str], None]) -> None:
        apart = [abs(self.place(note.start) - self.step(note.start)) for note in played]
        loose = sum(one > LOOSE for one in apart)
        if loose:
            tell(
                f"{loose:,} of {counted(len(apart), 'note')} {'is' if loose == 1 else 'are'} off the grid of "
                f"sixteenths, by up to {_part(max(apart))} of a sixteenth (as triplets, swing and free playing are): "
                "each start is moved to the nearest sixteenth"
            )


def _named(step: int) -> str:
    return f"bar {step // BAR + 1}, sixteenth {step % BAR + 1}"


def _part(apart: Fraction) -> str:
    """Return a part of a sixteenth in words, the nearest that has a name."""
    nearest = min(PARTS, key=lambda part: abs(part - apart))
    return PARTS[nearest] if apart <= HALF + Fraction(1, 10) else f"{float(apart):.2g}"
