"""Which folders and locks in a cache folder are lc's own, and how they are deleted.

An entry is lc's own if it has the marker that lc writes into it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lc_core.common.files import delete_partials, is_partial, write_atomically
from lc_core.common.locks import is_lock, lock_of
from lc_core.errors import LCError

__all__ = [
    "bank_files",
    "check_cache",
    "delete_entry",
    "delete_locks",
    "files_of",
    "is_entry",
    "mark_root",
    "own_entries",
    "place_entry",
]

KEYED = re.compile(r"[a-z][\w-]*-[0-9a-f]{24}")
FILES = ("config.json", "weights.safetensors")
BANK_FILE = re.compile(r"(outputs|[0-9a-f]{24})-[uif][1248]\.bank")
"""A column of a bank of prior samples; see `lc_core.bank.columns`."""
MARKER = ".lc-cache-entry"
MARK = b"A fitted part of latent-constraints. lc cache --clear deletes it.\n"
TAG = "CACHEDIR.TAG"
TAGGED = b"Signature: 8a477f597d28d172789f06886806bc55\n# Cache of latent-constraints.\n"
"""What backup tools know a cache by (https://bford.info/cachedir/), and whose it is."""


def mark_root(root: Path) -> None:
    """Mark a cache folder that holds nothing yet."""
    if all(is_partial(one) for one in root.iterdir()):
        write_atomically(root / TAG, TAGGED)


def is_entry(folder: Path) -> bool:
    """Return whether a folder is a fitted part that lc wrote."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    marker = folder / MARKER
    return _is_plain(marker) and marker.read_bytes() == MARK


def bank_files(folder: Path) -> list[Path]:
    """Return the columns in the folder of a bank, sorted by name."""
    if not folder.name.startswith("bank-") or not is_entry(folder):
        return []
    return sorted(one for one in folder.iterdir() if BANK_FILE.fullmatch(one.name) and _is_plain(one))


def files_of(folder: Path) -> list[Path]:
    """Return the files that lc wrote into the folder of an entry, what marks it last."""
    return bank_files(folder) + [one for name in (*FILES, MARKER) if _is_plain(one := folder / name)]


def _is_plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def own_entries(root: Path) -> Iterator[Path]:
    """Yield the folders of fitted parts."""
    if root.is_dir():
        yield from (folder for folder in sorted(root.iterdir()) if is_entry(folder))


def _own_locks(root: Path) -> list[Path]:
    """Return the locks of fitted parts; a fit that failed or was killed leaves one and no folder."""
    return [one for one in root.glob("*.lock") if KEYED.fullmatch(one.stem) and is_lock(one)]


def delete_locks(root: Path) -> None:
    """Delete the locks of fitted parts that nobody holds, and what killed processes left."""
    delete_partials(root)
    for lock in _own_locks(root):
        with suppress(LCError), lock_of(lock, what=lock):
            lock.unlink()


def check_cache(root: Path) -> None:
    """Refuse to clear a folder that is no cache of lc; an empty or missing one is.

    Raises:
        LCError: If nothing in it says that lc wrote it.
    """
    if not root.is_dir() or not any(root.iterdir()):
        return
    tag = root / TAG
    marked = tag.is_file() and not tag.is_symlink() and tag.read_bytes() == TAGGED
    if not marked and not any(True for _ in own_entries(root)) and not _own_locks(root):
        raise LCError(
            f"{root} is no cache of lc: nothing in it was marked by lc; nothing was deleted",
            hint="set LC_CACHE_DIR to the cache folder that is meant",
        )


def place_entry(folder: Path, files: dict[str, bytes]) -> None:
    """Write an entry in place of one that lc wrote.

    Raises:
        OSError: If it cannot be written, or something else is there.
    """
    taken = any(os.path.lexists(folder / name) for name in (*FILES, MARKER))
    if os.path.lexists(folder) and not is_entry(folder) and (taken or folder.is_symlink() or not folder.is_dir()):
        raise OSError(f"{folder} is there and was not written by lc, or is damaged; move it away")
    folder.mkdir(exist_ok=True)
    write_atomically(folder / MARKER, MARK)
    for name, content in files.items():
        path = folder / name
        if path.is_symlink() or path.is_dir():
            raise OSError(f"{path} is no file of lc; move it away")
        write_atomically(path, content)


def delete_entry(folder: Path) -> bool:
    """Delete an entry and its lock, unless it is in use; return whether it is gone.

    What else lies in its folder stays there, and the folder with it.
    """
    lock = folder.with_name(f"{folder.name}.lock")
    try:
        with lock_of(lock, what=folder):
            for path in files_of(folder):
                path.unlink()
            delete_partials(folder)
            if not any(folder.iterdir()):
                folder.rmdir()
            if is_lock(lock):
                lock.unlink()
    except LCError:  # another process fits it now, or the lock is somebody else's
        return False
    return True
