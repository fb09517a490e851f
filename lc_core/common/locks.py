"""Lock files: one process at a time writes to a folder or a file."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lc_core.errors import LCError

__all__ = ["NO_LOCKS", "is_lock", "lock_of"]

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)
"""Error numbers of a file system on which no file can be locked."""


@contextmanager
def lock_of(path: Path, *, what: Path, remove: bool = False, wait: bool = False) -> Iterator[None]:
    """Hold a lock file; what is no lock file is not touched.

    Args:
        path: The lock file.
        what: What it guards, for the message.
        remove: Delete the file at the end if it was made here.
        wait: Wait for another process that holds it.

    Raises:
        LCError: If another process holds it, the file is somebody else's, or no file can be locked there.
        OSError: If it cannot be made.
    """
    from filelock import FileLock, Timeout

    there = os.path.lexists(path)
    if there and not is_lock(path):
        raise LCError(f"{path} is no lock file of lc", hint="move it away, or choose another folder")
    lock = FileLock(path, timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except Timeout as error:
        hint = "wait for it to end, or give another --out"
        raise LCError(f"another lc is writing to {what}", hint=hint) from error
    except (OSError, NotImplementedError) as error:
        if isinstance(error, OSError) and error.errno not in NO_LOCKS:
            raise
        why = getattr(error, "strerror", None) or "locks are not implemented"
        told = f"{what} cannot be locked ({why}), so two commands could write there at once; nothing was changed"
        raise LCError(told, hint="choose a folder on another disk: not every network disk has locks") from error
    try:
        yield
    finally:
        if remove and not there:
            path.unlink(missing_ok=True)
        lock.release()


def is_lock(path: Path) -> bool:
    """Return whether a file can be a lock: those are empty, and no links."""
    return not path.is_symlink() and path.is_file() and path.stat().st_size == 0
