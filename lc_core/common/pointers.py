"""What stands in place of a file: a Git LFS pointer, a web page that a download saved, a pipe, or nothing at all."""

from __future__ import annotations

import math
import os
import re
import stat
from pathlib import Path

from lc_core.common.words import counted
from lc_core.errors import LCError

__all__ = [
    *("LONGEST", "read_bytes", "refuse_pointer", "refuse_pointer_at", "refuse_special", "refuse_stand_in"),
    "refuse_stand_in_at",
]

LONGEST = 1024
"""Bytes; a longer file is no pointer, says the specification of Git LFS."""
POINTER = re.compile(rb"(\xef\xbb\xbf)?\s*version https?://(git-lfs\.github\.com|hawser\.github\.com|git-media\.io)/")
SIZE = re.compile(rb"^size (\d+)\s*$", re.MULTILINE)
PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*(<!--.*?-->\s*)*<(!doctype|html|head|body|\?xml)\b", re.IGNORECASE | re.DOTALL)


SPECIAL = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


def refuse_special(path: str | Path) -> None:
    """Refuse a pipe, a socket, a device or a file larger than the memory, before it is opened.

    To read one may have no end. A file with holes can be larger than its disk. What is not there, or is a folder, is an
    error of what opens it. What a shell hands over as `/dev/fd/63` has an end.

    Raises:
        LCError: If it is one.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return
    kind = SPECIAL.get(stat.S_IFMT(found.st_mode))
    if stat.S_ISREG(found.st_mode) and found.st_size > _memory():
        told = f"{path} has {counted(found.st_size, 'byte')}, more than this machine has memory"
        raise LCError(told, hint="it is damaged, or was made to fill the memory: get it again from whom you trust")
    if kind is not None and not str(path).startswith(("/dev/fd/", "/proc/self/fd/")):
        raise LCError(f"{path} is {kind}; expected a file", hint="save what comes out of it as a file, and give that")


def _memory() -> float:
    """Return the memory of this machine in bytes; infinite where that is not known."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return math.inf


def refuse_stand_in(data: bytes, path: str | Path) -> None:
    """Refuse an empty file, a web page and a Git LFS pointer where a file of numbers or of JSON is expected.

    Args:
        data: Content of the file, or at least its first 1,024 bytes and one more if it has more.
        path: The file, for the message.

    Raises:
        LCError: If it is one of these.
    """
    if not data:
        raise LCError(
            f"{path} is empty: it has 0 bytes",
            hint="get it again from where it came: a download, an export or a training",
        )
    if PAGE.match(data[:LONGEST]):
        raise LCError(
            f"{path} is a web page: a download saved what the server said in place of the file",
            hint="open it in a browser or an editor to see what was said, and download the file again",
        )
    refuse_pointer(data, path)


def refuse_pointer(data: bytes, path: str | Path) -> None:
    """Refuse a Git LFS pointer, where an empty file or a web page is an error of what reads it.

    Args:
        data: Content of the file, or at least its first 1,024 bytes and one more if it has more.
        path: The file, for the message.

    Raises:
        LCError: If it is one.
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
    """Refuse what is a Git LFS pointer or no regular file, before something else reads it.

    Raises:
        LCError: If it is one.
        OSError: If it cannot be read.
    """
    refuse_special(path)
    with path.open("rb") as file:
        refuse_pointer(file.read(LONGEST + 1), path)


def refuse_stand_in_at(path: Path) -> None:
    """Refuse what is empty, a web page, a Git LFS pointer or no regular file, before something else reads it.

    Raises:
        LCError: If it is one of these.
        OSError: If it cannot be read.
    """
    refuse_special(path)
    with path.open("rb") as file:
        refuse_stand_in(file.read(LONGEST + 1), path)


def read_bytes(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        LCError: If it is empty, a web page, a Git LFS pointer, or no regular file.
        OSError: If it cannot be read.
    """
    refuse_special(path)
    data = path.read_bytes()
    refuse_stand_in(data, path)
    return data
