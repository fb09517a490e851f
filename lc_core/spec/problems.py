"""What is wrong with a spec, and where: all of it is collected and shown at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from lc_core.errors import LCError

__all__ = ["Problem", "Problems", "SpecError", "Where"]


class Where(NamedTuple):
    """A place in a file, counted from 1; or an option of the command line, without line and column."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


class Problem(NamedTuple):
    """One thing that is wrong."""

    where: Where
    message: str

    def __str__(self) -> str:
        return f"{self.where}: error: {self.message}"


class SpecError(LCError):
    """A spec cannot be used.

    Args:
        problems: All that is wrong with it. The message has one line for each: `file:line:column: error: ...`.
        hint: What to do next.
    """

    def __init__(self, problems: Sequence[Problem], *, hint: str | None = None) -> None:
        super().__init__("\n".join(map(str, problems)), hint=hint)
        self.problems = tuple(problems)


class Problems:
    """Collects problems while a spec is read."""

    def __init__(self) -> None:
        self._found: list[Problem] = []
        self._hints: list[str] = []

    def add(self, where: Where, message: str, *, hint: str | None = None) -> None:
        """Note a problem and go on."""
        problem = Problem(where, message)
        if problem not in self._found:  # what an alias repeats is noted once
            self._found.append(problem)
        if hint and hint not in self._hints:
            self._hints.append(hint)

    def fail(self, where: Where, message: str, *, hint: str | None = None) -> NoReturn:
        """Note a problem that leaves nothing to go on with, and raise."""
        self.add(where, message, hint=hint)
        self.check()
        raise AssertionError("check() raises once a problem is noted")

    def check(self) -> None:
        """Raise if there are problems.

        Raises:
            SpecError: With all of them, in the order of the file.
        """
        if self._found:
            raise SpecError(sorted(self._found, key=lambda one: one.where), hint="; ".join(self._hints) or None)
