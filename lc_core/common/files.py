"""Files written whole or not at all, and the errors of a disk that cannot be written."""

from __future__ import annotations

import errno
import os
import secrets
from pathlib import Path

from lc_core.errors import LCError

__all__ = ["FULL", "disk_full", "reason", "unwritable", "write_atomically"]


FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a disk that is full, or of which no more may be used."""


def disk_full(error: OSError) -> LCError:
    """Return the error of a disk that is full, whoever met that."""
    where = f"{error.filename}: " if error.filename else ""
    hint = "free some space, there or in the folder for temporary files, and give the same command again"
    return LCError(f"{where}the disk is full", hint=hint)


def reason(error: OSError, known: Path) -> str:
    """Return what the system said, in words, and of which file if it is not the one that the message names already."""
    where = "" if error.filename is None or Path(error.filename) == known else f" ({error.filename})"
    return f"{error.strerror or error}{where if error.strerror else ''}"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. A link at its place is replaced, never followed."""
    partial = path.with_name(f".{path.name[:100]}.{secrets.token_hex(6)}.partial")  # a name that nobody has
    try:
        partial.write_bytes(content)
        os.replace(partial, path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def unwritable(path: Path, error: OSError) -> LCError:
    """Return the error of a run's folder that cannot be written."""
    if error.errno in FULL:
        hint = "free some space and give the same command again; what is finished is kept"
        return LCError(f"run folder {path}: the disk is full", hint=hint)
    reason = error.strerror or str(error)
    return LCError(f"run folder {path}: it cannot be written: {reason}", hint="choose another with --out")
