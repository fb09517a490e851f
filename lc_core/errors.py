"""Errors that a user can cause and mend."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["LCError", "PluginFault", "all_of"]


class LCError(Exception):
    """Something the user gave cannot be used.

    Args:
        message: What was found and what was expected, with the value, file and key where there are any.
        hint: What to do next, if it is not plain from the message.
        exit_code: Status with which the command line ends.
    """

    def __init__(self, message: str, *, hint: str | None = None, exit_code: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class PluginFault(LCError):
    """A plugin's function raised, or returned what its declaration rules out."""


def all_of(errors: Sequence[LCError]) -> LCError:
    """Return one error for several, one or more: each hint below its error, or once at the end if all agree."""
    hints = {error.hint for error in errors}
    messages = [error.message if len(hints) == 1 else str(error) for error in errors[:-1]]
    return LCError("\nerror: ".join([*messages, errors[-1].message]), hint=errors[-1].hint)
