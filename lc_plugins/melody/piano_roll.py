"""How a piano roll is drawn: its colours, which pitches it shows, and notes over a grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lc_plugins.melody.midi import STEPS_PER_BEAT, Note, require
from lc_plugins.melody.tokens import BAR

__all__ = ["GONE", "NEW", "PAPER", "Pen", "common_range", "pitch_range"]

WHITE_ROW, BLACK_ROW = "#ffffff", "#eef1f5"
BEAT_LINE, OCTAVE_LINE, BAR_LINE = "#dde2e9", "#b9c2cd", "#7c8794"
NOTE, ONSET, TEXT, PAPER = "#3b82d6", "#174a8b", "#4b5563", "#ffffff"
GONE, NEW = ("#d9776c", "#a02c20"), ("#3fa66b", "#1a6b3c")  # notes that an edit took away, and that it made
BLACK_KEYS = (1, 3, 6, 8, 10)
LOWEST, HIGHEST = 55, 90  # holds 99 % of the corpus in any key, so that nearly all pictures show the same pitches


def pitch_range(notes: Sequence[Note]) -> tuple[int, int]:
    """Return the lowest and highest pitch to draw: the usual ones, and more octaves where notes need them."""
    low, high = LOWEST, HIGHEST
    for _, _, pitch in notes:
        low -= 12 * max(0, math.ceil((low - pitch) / 12))
        high += 12 * max(0, math.ceil((pitch - high) / 12))
    return low, high


def common_range(pitches: Sequence[int]) -> tuple[int, int]:
    """Return the lowest and highest pitch to draw for several melodies: theirs, and two octaves at least."""
    low, high = min(pitches, default=60), max(pitches, default=83)
    spare = max(0, 24 - (high - low + 1))
    return low - spare // 2 - 1, high + (spare + 1) // 2 + 1


class Pen:
    """Draws piano rolls into a picture.

    Args:
        image: The picture, of Pillow.
        font_size: Of texts, in pixels.
    """

    def __init__(self, image: Any, *, font_size: int) -> None:
        self.draw = require("PIL.ImageDraw", purpose="drawing piano rolls").Draw(image)
        self.font = require("PIL.ImageFont", purpose="drawing piano rolls").load_default(font_size)

    def text(self, at: tuple[float, float], text: str, *, anchor: str) -> None:
        """Write a text; `anchor` says which of its points is at the place, as Pillow names them."""
        self.draw.text(at, text, fill=TEXT, font=self.font, anchor=anchor)

    def roll(
        self,
        notes: Sequence[Note],
        steps: int,
        pitches: tuple[int, int],
        *,
        corner: tuple[int, int],
        cell: tuple[int, int],
        line: int,
        marked: Mapping[Note, tuple[str, str]] | None = None,
    ) -> None:
        """Draw notes over a grid of `pitches` (lowest, highest); `cell` is the size of a step and a row in pixels.

        `marked` gives some notes a colour of their own, and that of their onset.
        """
        (low, high), (left, top), (step, row) = pitches, corner, cell
        right, bottom = left + steps * step, top + (high - low + 1) * row

        def fill(x0: int, y0: int, x1: int, y1: int, colour: str) -> None:
            self.draw.rectangle((x0, y0, x1 - 1, y1 - 1), fill=colour)

        for pitch in range(low, high + 1):
            y = top + (high - pitch) * row
            fill(left, y, right, y + row, BLACK_ROW if pitch % 12 in BLACK_KEYS else WHITE_ROW)
        for pitch in range(low + -low % 12, high + 1, 12):
            y = top + (high - pitch + 1) * row
            fill(left, y - line, right, y, OCTAVE_LINE)
        for beat in range(0, steps + 1, STEPS_PER_BEAT):
            x = left + beat * step
            fill(x, top, x + line, bottom, BEAT_LINE if beat % BAR else BAR_LINE)
        for start, end, pitch in notes:
            x, y = left + start * step, top + (high - pitch) * row
            body, onset = (marked or {}).get((start, end, pitch), (NOTE, ONSET))
            fill(x + line, y, left + end * step, y + row, body)
            fill(x + line, y, x + line + max(2 * line, step // 5), y + row, onset)
        self.draw.rectangle((left, top, right, bottom), outline=BAR_LINE, width=line)
