"""Standard output and the error stream, however they are: full, closed, a pipe that nobody reads, of few characters.

A write that fails must neither stop what the command does nor be taken for a fault of something else. Standard output
that fails is reported once, at the end; of a pipe whose reader has gone, and of the error stream, nothing is reported.
"""

from __future__ import annotations

import codecs
import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from lc_core.common.characters import controls, escaping

__all__ = ["guarded_streams", "shown"]

UNWRITABLE = 2
OVERRULED = (0, 3)
"""Statuses that say that the result was reported."""


class _Guarded:
    """A text stream whose writes do not fail; it keeps the first error, and writes nothing after it.

    Args:
        stream: The stream, or None where it was closed before Python started.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.failure = OSError(errno.EBADF, "it is closed") if stream is None else None
        self.wanted = False
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=escaping())

    @property
    def encoding(self) -> str:
        """The encoding. ASCII goes by the name of a larger set: click would write UTF-8 in its place."""
        encoding = str(getattr(self._stream, "encoding", None) or "utf-8")
        return "latin-1" if codecs.lookup(encoding).name == "ascii" else encoding

    def write(self, text: str) -> int:
        """Write, or do nothing once a write has failed."""
        if not isinstance(text, str):
            raise TypeError(f"expected text; found {type(text).__name__}")
        self.wanted = self.wanted or bool(text)
        if self.failure is None:
            with self._watched():
                self._stream.write(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write one text after another."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Write what is held back."""
        if self.failure is None:
            with self._watched():
                self._stream.flush()

    def isatty(self) -> bool:
        """Whether this is a terminal."""
        return self._stream is not None and bool(self._stream.isatty())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: it was closed meanwhile
            self.failure = error if isinstance(error, OSError) else OSError(errno.EBADF, str(error))
            with suppress(OSError, ValueError):  # Python writes what is held back once more as it ends
                empty = os.open(os.devnull, os.O_WRONLY)
                os.dup2(empty, self._stream.fileno())
                os.close(empty)


@contextmanager
def guarded_streams() -> Iterator[None]:
    """Guard both streams meanwhile, and end with status 2 and one line if standard output could not be written."""
    _occupy()
    before = sys.stdout, sys.stderr
    out, err = _Guarded(sys.stdout), _Guarded(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        status: Any = None
        try:
            yield
        except SystemExit as end:
            status = end.code
            if not _lost(out) or (status or 0) not in OVERRULED:
                raise
        out.flush()
        if failure := _lost(out):
            err.write(f"error: standard output cannot be written: {failure.strerror or failure}\n")
            err.flush()
            sys.exit(UNWRITABLE)
    finally:
        sys.stdout, sys.stderr = before


def shown(text: str) -> str:
    """Return text on one line as standard output shows it: what its encoding lacks, and control characters, escaped."""
    stream = sys.stdout._stream if isinstance(sys.stdout, _Guarded) else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return controls(text).encode(encoding, escaping()).decode(encoding)


def _lost(out: _Guarded) -> OSError | None:
    """Return why something that was to be read is not; a pipe's reader that went has seen what it wanted."""
    return out.failure if out.wanted and out.failure and out.failure.errno != errno.EPIPE else None


def _occupy() -> None:
    """Open what is closed of the first three file descriptors, so that no file of ours becomes standard output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
