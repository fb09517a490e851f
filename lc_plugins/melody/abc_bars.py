"""What the ABC reader makes of a tune: bars of notes with exact lengths, and the signs on the bar lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fractions import Fraction

__all__ = ["AbcError", "Bar", "Note", "Tune", "ending_numbers", "parts_of"]


class AbcError(ValueError):
    """A tune that cannot be read; the message is the reason it is counted under."""


@dataclass(frozen=True)
class Note:
    """One note or rest: `pitch` is a MIDI number or None for a rest, `length` is in whole notes."""

    pitch: int | None
    length: Fraction
    tied: bool = False  # held on into the next note of the same pitch


@dataclass
class Bar:
    """The notes between two bar lines, and the signs on these lines.

    Attributes:
        notes: Its notes and rests.
        breaks: It does not follow the bar written before it: a later ending, or a bar after rests of whole bars.
        meter: The metre as it is written.
        opens: A repeat starts before it.
        ending: Numbers of the repeats in which it is played, and what follows it to the end of this ending; empty if
            no ending starts with it.
        plays: How often what leads up to it is played, 2 for `:|`; 0 if no repeat ends after it.
        double: A double bar line, or the sign of an end, stands after it.
        rests: Rests of whole bars stand before it; they are left out.
    """

    notes: list[Note] = field(default_factory=list)
    breaks: bool = False
    meter: str = ""
    opens: bool = False
    ending: tuple[int, ...] = ()
    plays: int = 0
    double: bool = False
    rests: bool = False

    @property
    def length(self) -> Fraction:
        """The bar's sounding length in whole notes."""
        return sum((note.length for note in self.notes), Fraction(0))


@dataclass
class Tune:
    """One tune: its number and title in its file, and its bars or the reason why it has none."""

    number: str
    title: str
    meter: str
    bars: list[Bar]
    error: str | None = None


def parts_of(line: str) -> tuple[int, str, int]:
    """Return the colons before a bar line, the line without them, and the colons after it; `::` has both.

    Example:
        >>> parts_of(":|]"), parts_of("::"), parts_of("||:")
        ((1, '|]', 0), (1, '', 1), (0, '||', 1))
    """
    line = "".join(line.split())
    bars = line.strip(":")
    if not bars:
        return len(line) // 2, "", (len(line) + 1) // 2
    return len(line) - len(line.lstrip(":")), bars, len(line) - len(line.rstrip(":"))


def ending_numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of an ending, such as `1`, `1,3` or `1-3`."""
    found: list[int] = []
    for sign, digit in re.findall(r"([,-]?)([1-9])", text):
        found.extend(range(found[-1] + 1 if sign == "-" and found else int(digit), int(digit) + 1))
    return tuple(found)
