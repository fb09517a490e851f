"""Files written whole or not at all, and the errors of a disk that cannot be written.

A file that is in its place has its whole content on the disk: it is synced before it is renamed. So neither a killed
process nor a machine that loses its power leaves half a file.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from lc_core.errors import LCError

__all__ = [
    *("FULL", "delete_partials", "disk_full", "is_partial", "put_in_place", "reason", "sync_file"),
    *("sync_folder", "unwritable", "write_atomically"),
]


FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a disk that is full, or of which no more may be used."""
PARTIAL = re.compile(r"\..+\.[0-9a-f]{12}\.partial", re.DOTALL)
"""Names of files that are not yet in their places."""
NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF)
"""Error numbers of a file system that cannot sync a file or a folder: it is no worse than without."""


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
        put_in_place(partial, path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    sync_folder(path.parent)


def put_in_place(file: Path, target: Path) -> None:
    """Rename a file that is complete; its content is on the disk before the name is.

    That the name is there after a loss of power, `sync_folder` sees to.
    """
    sync_file(file)
    os.replace(file, target)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    if hasattr(os, "O_DIRECTORY"):  # other systems open no folders
        sync_file(folder)


def sync_file(path: Path) -> None:
    """Have the content of a file on the disk."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in NO_SYNC:
            raise
    finally:
        os.close(opened)


def is_partial(path: Path) -> bool:
    """Return whether a file is one that `write_atomically` had not put in its place when it was killed."""
    return PARTIAL.fullmatch(path.name) is not None and path.is_file() and not path.is_symlink()


def delete_partials(folder: Path) -> None:
    """Delete what killed processes left in a folder into which no other process writes now."""
    with suppress(OSError):  # what cannot be looked into or deleted is in nobody's way
        for one in filter(is_partial, list(folder.iterdir())):
            one.unlink()


def unwritable(path: Path, error: OSError) -> LCError:
    """Return the error of a run's folder that cannot be written."""
    if error.errno in FULL:
        hint = "free some space and give the same command again; what is finished is kept"
        return LCError(f"run folder {path}: the disk is full", hint=hint)
    reason = error.strerror or str(error)
    return LCError(f"run folder {path}: it cannot be written: {reason}", hint="choose another with --out")
