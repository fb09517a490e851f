"""Lines of progress that say how much of how much is done, for what shows a bar."""

from __future__ import annotations

__all__ = ["ProgressLine"]


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
