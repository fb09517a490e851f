"""Git LFS pointers: what a clone without Git LFS has in place of a large file."""

from __future__ import annotations

import re
from pathlib import Path

from lc_core.errors import LCError
from lc_core.words import counted

__all__ = ["LONGEST", "read_bytes", "refuse_pointer", "refuse_pointer_at"]

LONGEST = 1024
"""Bytes; a longer file is no pointer, says the specification of Git LFS."""
POINTER = re.compile(rb"(\xef\xbb\xbf)?\s*version https?://(git-lfs\.github\.com|hawser\.github\.com|git-media\.io)/")
SIZE = re.compile(rb"^size (\d+)\s*$", re.MULTILINE)


def refuse_pointer(data: bytes, path: str | Path) -> None:
    """Refuse a Git LFS pointer where the file itself is expected.

    Args:
        data: Content of the file, or at least its first 1,024 bytes and one more if it has more.
        path: The file, for the message.

    Raises:
        LCError: If it is a pointer.
    """
    if len(data) > LONGEST or not POINTER.match(data):
        return
    size = SIZE.search(data)
    wanted = f", which has {counted(int(size[1]), 'byte')}" if size else ""
    raise LCError(
        f"{path} is a Git LFS pointer: a few lines of text in place of the file itself{wanted}",
        hint="fetch it: run git lfs install, then git lfs pull in the repository; or download the file itself",
    )


def refuse_pointer_at(path: Path) -> None:
    """Refuse a file that is a Git LFS pointer, before something else reads it.

    Raises:
        LCError: If it is one.
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        refuse_pointer(file.read(LONGEST + 1), path)


def read_bytes(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        LCError: If it is a Git LFS pointer.
        OSError: If it cannot be read.
    """
    data = path.read_bytes()
    refuse_pointer(data, path)
    return data
