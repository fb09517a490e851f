"""Errors that a user can cause and mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["LCError", "blaming"]


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


@contextmanager
def blaming(who: str) -> Iterator[None]:
    """Turn whatever a plugin's code raises into an `LCError` that names it; an `LCError` passes as it is.

    What hangs is interrupted, see `lc_core.limits`.

    Args:
        who: What was called, such as `renderer melody.midi (from latent-constraints)`.
    """
    from lc_core.limits import CALL_SECONDS, limited

    try:
        with limited(who, CALL_SECONDS):
            yield
    except LCError:
        raise
    except (Exception, SystemExit) as error:  # a plugin that ends the process is at fault as well
        raise LCError(f"{who} raised {type(error).__name__}: {error}") from error
