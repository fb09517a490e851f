"""Played notes moved to the grid of sixteenths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import zip_longest
from math import floor
from pathlib import Path

from lc_core import LCError
from lc_core.common import counted
from lc_plugins.melody.midi_notes import Played, Voice
from lc_plugins.melody.tokens import BAR

__all__ = ["HALF", "Grid", "Note", "pitch_name"]

Note = tuple[int, int, int]
"""Start step, end step (exclusive), MIDI pitch."""

HALF = Fraction(1, 2)
BEAT = 4  # steps of a quarter
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
    origin: Fraction = Fraction(0)

    def place(self, tick: int) -> Fraction:
        """Return where a tick is, in steps."""
        return tick / self.ticks - self.origin

    def step(self, tick: int) -> int:
        """Return the nearest step; half a step rounds up."""
        return floor(self.place(tick) + HALF)

    def apart(self, tick: int) -> Fraction:
        """Return how far a tick is from the nearest step, in steps."""
        return abs(self.place(tick) - self.step(tick))

    def after_silence(self, voice: Voice, steps: int, *, tell: Callable[[str], None]) -> Grid:
        """Return the grid that starts with the bar of the first note, where the bars before it are to be left out.

        They are if drums count in, or if the melody is longer than `steps` with them.
        """
        spans = [self._steps(note) for note in voice.notes]
        bars = spans[0][0] // BAR if spans else 0
        if bars < 1:
            return self
        if voice.drums and voice.drums[0] < voice.notes[0].start:
            tell(f"a count-in of {counted(bars, 'bar')} of 4/4, in which only drums play, is left out")
            return replace(self, origin=self.origin + bars * BAR)
        silence = f"the silence before its first note, {counted(bars, 'whole bar')} of 4/4"
        if max(end for _, end in spans) <= steps:
            tell(f"{silence}, is kept")
            return self
        tell(f"{silence}, is left out: with it the melody is too long")
        return replace(self, origin=self.origin + bars * BAR)

    def quantised(self, played: Sequence[Played], steps: int, path: Path, *, tell: Callable[[str], None]) -> list[Note]:
        """Return notes on the grid, each ending where the next begins at the latest; say how far they were moved.

        A last note that is never released ends with the window, which is `steps` long.

        Raises:
            LCError: If two notes sound together for more than half a step, or fall on one step.
        """
        notes: list[Note] = []
        for note, following in zip_longest(played, played[1:]):
            start, end = self._steps(note)
            if following is not None:
                self._check(note, following, played, path)
                end = min(end, self.step(following.start))
            notes.append((start, end, note.pitch))
        self._tell_moved(played, tell)
        if notes and not played[-1].released and notes[-1][1] > steps > notes[-1][0]:
            notes[-1] = (notes[-1][0], steps, notes[-1][2])
        return notes

    def _steps(self, note: Played) -> tuple[int, int]:
        """Return the first step of a note and the step after its last."""
        start = self.step(note.start)
        return start, max(self.step(note.end), start + 1)

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
                hint="remove trills and triplets of sixteenths, or write it in doubled note values",
            )

    def _tell_moved(self, played: Sequence[Played], tell: Callable[[str], None]) -> None:
        loose = [note.start for note in played if self.apart(note.start) > LOOSE]
        if not loose:
            return
        text = (
            f"{len(loose):,} of {counted(len(played), 'note')} {'is' if len(loose) == 1 else 'are'} off the grid of "
            f"sixteenths, by up to {_part(max(map(self.apart, loose)))} of a sixteenth (as triplets, swing and free "
            "playing are): each start is moved to the nearest sixteenth"
        )
        if len(loose) > 1 and all(2 < self.place(tick) % BEAT < 3 for tick in loose):
            dotted = any(self.step(tick) % BEAT == 3 for tick in loose)
            became = "a dotted eighth and a sixteenth" if dotted else "even eighths"
            text += f". It may be swing: a long and a short eighth are read as {became}"
            text += "; for even eighths, quantise the file to eighths first" if dotted else ""
        tell(text)


def _named(step: int) -> str:
    return f"bar {step // BAR + 1}, sixteenth {step % BAR + 1}"


def _part(apart: Fraction) -> str:
    """Return a part of a sixteenth in words, the nearest that has a name."""
    nearest = min(PARTS, key=lambda part: abs(part - apart))
    return PARTS[nearest] if apart <= HALF + Fraction(1, 10) else f"{float(apart):.2g}"
