"""The list of files that lc wrote into a folder, with their digests: what `owned` keeps in the hidden folder `.lc`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from lc_core.common.files import reason
from lc_core.common.json_text import parsed_json
from lc_core.common.words import some
from lc_core.errors import LCError

__all__ = ["LIST", "PRIVATE", "check_unchanged", "digest_of", "digests_in"]

PRIVATE = ".lc"
LIST = f"{PRIVATE}/files.jsonl"


def check_unchanged(path: Path, names: Iterable[str]) -> None:
    """Refuse files that lc did not write, or that were changed since, where the folder has a list of lc's own files.

    Nothing is written or locked, so that a folder that can only be read is checked too.

    Args:
        path: The folder.
        names: Files in it that are read.

    Raises:
        LCError: Naming them, or a file that is missing or cannot be read.
    """
    listed = path / LIST
    if not listed.is_file():
        return
    try:
        digests = digests_in(listed)
        found = [name for name in names if digest_of(path / name) not in digests.get(name, ())]
    except OSError as error:
        raise LCError(f"{path}: what lc wrote cannot be checked: {reason(error, path)}") from error
    if found:
        raise LCError(
            f"{path} holds files that lc did not write, or that were changed since: {some(found)}",
            hint="move that away, and give the lc command of the folder again: it writes them anew",
        )


def digests_in(listed: Path) -> dict[str, set[str]]:
    """Return the digests of what lc wrote under each name; none of other names."""
    found: dict[str, set[str]] = {}
    for line in listed.read_text(encoding="utf-8", errors="replace").splitlines()[1:]:
        try:
            name, digest = parsed_json(line)
        except (ValueError, TypeError):
            continue  # the last line of a process that was killed
        if isinstance(name, str) and not Path(name).is_absolute() and ".." not in Path(name).parts:
            found.setdefault(name, set()).add(str(digest))  # a name that leads elsewhere is none of lc's
    return found


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
