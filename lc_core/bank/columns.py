"""Files of a bank: a column is one file, with a slot of one size for each block.

A slot holds its own checksum. So nothing has to be locked: several processes write the same bytes to the same place,
and what a killed one left half written is seen and made again.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from lc_core.common.cache_entries import bank_files, is_entry, mark_root, place_entry
from lc_core.common.files import reason
from lc_core.common.json_text import parsed_json
from lc_core.errors import LCError

__all__ = ["VARIABLE", "Columns", "bytes_allowed"]

VARIABLE = "LC_BANK_BYTES"
DEFAULT = 2_000_000_000
HEAD = struct.Struct("<4sII")
"""Before each block: what it is, its number, and the checksum."""
MAGIC = b"LCB1"


def bytes_allowed() -> int:
    """Return the most bytes that all banks together may take: `LC_BANK_BYTES`, else 2 GB.

    Raises:
        LCError: If the variable holds no number of bytes.
    """
    given = os.environ.get(VARIABLE, "")
    try:
        most = float(given) if given else DEFAULT
    except ValueError:
        most = -1.0
    if not 0 <= most < 2**63:
        hint = "2000000000 and 2e9 are 2 GB; 0 keeps nothing"
        raise LCError(f"{VARIABLE} should be a number of bytes, 0 or more; found {given!r}", hint=hint)
    return int(most)


class Columns:
    """The columns of one bank on disk.

    What cannot be read counts as absent. What cannot be written is not kept, which is said once and is no error.

    Args:
        root: The cache folder.
        key: Of the bank.
        about: What its `config.json` says; `what` is a description.
        say: Called with a line when something is damaged, or cannot be kept.
    """

    def __init__(self, root: Path, key: str, about: Mapping[str, Any], say: Callable[[str], None]) -> None:
        self.folder = root / f"bank-{key}"
        self.about = {"kind": "bank", **about}
        self._say = say
        self._most = bytes_allowed()
        self.trouble = "" if self._most else f"{VARIABLE} is 0"
        """Why nothing more is kept; empty as long as something is."""
        self._left = 0
        self._used: set[str] = set()
        self._damage_said = False

    def read(self, name: str, number: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray | None:
        """Return a block of a column, or None if it is not there.

        Args:
            name: Name of the column.
            number: Number of the block.
            dtype: Type that it is kept in.
            shape: Shape of the block.
        """
        path, size = self._place(name, dtype, shape)
        try:
            with open(path, "rb", buffering=0, opener=_no_link) as file:
                file.seek(number * size)
                content = file.read(size) or b""
        except OSError:
            return None
        if not content[: HEAD.size].strip(b"\0"):
            return None  # a hole, or the end of the file
        if content[: HEAD.size] != self._head(path.name, number, content[HEAD.size :]) or len(content) != size:
            self._damaged(number)
            return None
        if path.name not in self._used:
            self._used.add(path.name)
            with suppress(OSError):
                os.utime(path)  # the least recently used is deleted first
        return np.frombuffer(content, dtype, offset=HEAD.size).reshape(shape)

    def write(self, name: str, number: int, array: np.ndarray) -> None:
        """Keep a block of a column, if there is room."""
        path, size = self._place(name, array.dtype, array.shape)
        if self.trouble:
            return
        content = np.ascontiguousarray(array).tobytes()
        try:
            if not self._make_room(size):
                self._stop(f"all banks together may take {self._most:,} bytes ({VARIABLE})")
                return
            self._prepare()
            with open(path, "r+b", buffering=0, opener=_no_link_made) as file:
                file.seek(number * size)
                if file.write(self._head(path.name, number, content) + content) != size:
                    self._stop("the disk is full")
                    return
        except OSError as error:
            self._stop(reason(error, path))
            return
        self._used.add(path.name)
        self._left -= size

    def clear(self) -> None:
        """Delete every column."""
        for path in bank_files(self.folder):
            with suppress(OSError):
                path.unlink()

    def config(self) -> Mapping[str, Any]:
        """Return what is said of the bank that is there; nothing if there is none, or it cannot be read."""
        try:
            found = parsed_json((self.folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def size(self) -> int:
        """Return the bytes that the columns take on disk."""
        return sum(_size(path.stat()) for path in bank_files(self.folder))

    def _place(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> tuple[Path, int]:
        """Return the file of a column, and the bytes of a slot."""
        return self.folder / f"{name}-{dtype.str[1:]}.bank", HEAD.size + int(np.prod(shape)) * dtype.itemsize

    def _head(self, file: str, number: int, content: bytes) -> bytes:
        """Return what stands before a block; a file of another bank or of another column has another checksum."""
        check = zlib.crc32(content, zlib.crc32(f"{self.folder.name}/{file}/{number}".encode()))
        return HEAD.pack(MAGIC, number, check)

    def _prepare(self) -> None:
        """Make the folder of the bank, unless it is there as it should be."""
        root = self.folder.parent
        if is_entry(self.folder) and self.config() == self.about:
            return
        root.mkdir(parents=True, exist_ok=True)
        mark_root(root)
        place_entry(self.folder, {"config.json": json.dumps(self.about, indent=2).encode()})

    def _make_room(self, needed: int) -> bool:
        """Return whether there is room, after deleting what was used longest ago and is not in use here."""
        if self._left >= needed:
            return True
        found = [(path, path.stat()) for folder in self.folder.parent.glob("bank-*") for path in bank_files(folder)]
        self._left = self._most - sum(_size(stat) for _, stat in found)
        for path, stat in sorted(found, key=lambda one: one[1].st_mtime):
            if self._left >= needed:
                break
            if path.parent != self.folder or path.name not in self._used:
                with suppress(OSError):
                    path.unlink()
                    self._left += _size(stat)
        return self._left >= needed

    def _stop(self, why: str) -> None:
        self.trouble = why
        self._say(f"decoded samples are no longer kept in {self.folder.parent}: {why}; the results are the same")

    def _damaged(self, number: int) -> None:
        if not self._damage_said:
            self._say(f"{self.folder.name} is damaged, first in block {number}; what is damaged is decoded again")
        self._damage_said = True


def _size(stat: os.stat_result) -> int:
    """Return the bytes that a file takes; one that was written from its middle has holes."""
    return min(stat.st_size, stat.st_blocks * 512) if hasattr(stat, "st_blocks") else stat.st_size


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0))


def _no_link_made(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
