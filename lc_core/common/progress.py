"""Lines of progress that say how much of how much is done, for what shows a bar."""

from __future__ import annotations

import math
from collections.abc import Callable

from lc_core.common.words import counted

__all__ = ["LONG", "Progress", "ProgressLine", "rounded", "time_of"]


class ProgressLine(str):
    """A line of text for a `progress` function; `lc` shows it as a bar on a terminal.

    To any other function that takes lines it is a `str`.

    Args:
        text: The line.
        done: How much is done.
        total: How much there is to do, 1 or more.
    """

    done: int
    total: int

    def __new__(cls, text: str, done: int, total: int) -> ProgressLine:
        """Make the line."""
        self = super().__new__(cls, text)
        self.done, self.total = done, total
        return self


LONG = 10.0
"""Seconds from which it is worth saying how long something takes."""


def time_of(seconds: float) -> str:
    """Return a time in words: rough, since it is an estimate."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            return f"{math.ceil(seconds / size):,} {unit}"
    return counted(math.ceil(seconds), "second")


def rounded(tries: float) -> int:
    """Return a number of tries, rounded up to two digits."""
    step: int = 10 ** max(0, math.floor(math.log10(tries)) - 1)
    return math.ceil(tries / step) * step


Progress = Callable[[str], None]
