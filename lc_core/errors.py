"""Errors that a user can cause and mend."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["FULL", "LCError", "blaming", "disk_full"]

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a disk that is full, or of which no more may be used."""


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


def disk_full(error: OSError) -> LCError:
    """Return what to tell of a disk that is full, whoever met that."""
    where = f"{error.filename}: " if error.filename else ""
    hint = "free some space, there or in the folder for temporary files, and give the same command again"
    return LCError(f"{where}the disk is full", hint=hint)


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
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(error) from error
        raise LCError(f"{who} raised {type(error).__name__}: {error}") from error
    except (Exception, SystemExit) as error:  # a plugin that ends the process is at fault as well
        raise LCError(f"{who} raised {type(error).__name__}: {error}") from error
