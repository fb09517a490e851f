"""A folder that lc writes: it knows its own files, touches no other, and is locked while it is written.

The hidden folder `.lc` in it holds `files.jsonl` (what the folder is; name and SHA-256 of each file that lc wrote),
`lock`, and `work`, where plugins write before their files are moved to their places. A file is lc's own if its name is
listed and its content is one that lc wrote under that name. What a person edited or put in its place is theirs.
Without `.lc` nothing proves whose a file is: a folder that holds anything and no `.lc` is refused.

A killed process leaves no more than a file that has not got its name yet (`.NAME.<12 digits>.partial`); the next one
deletes it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from lc_core.common.files import delete_partials, put_in_place, sync_file, sync_folder, write_atomically
from lc_core.common.json_text import parsed_json
from lc_core.common.listed import LIST, PRIVATE, digest_of, digests_in
from lc_core.common.locks import lock_of
from lc_core.common.words import some
from lc_core.errors import LCError

__all__ = ["InTheWay", "Owned", "check_place"]

FORMAT = 1


class InTheWay(LCError):
    """What lc did not write lies where it would write."""


class Owned:
    """A folder that lc writes, open and locked; made by `open`.

    Args:
        path: The folder.
        kind: What it holds, such as `run`.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self.path, self.kind = path, kind
        self._digests: dict[str, set[str]] = {}

    @classmethod
    @contextmanager
    def open(
        cls,
        path: Path,
        kind: str,
        *,
        mixed: bool = False,
        writes: Sequence[str] = (),
    ) -> Iterator[Owned]:
        """Create the folder, or take it up again if lc made it; no other process may write to it meanwhile.

        Args:
            path: The folder.
            kind: What it holds, such as `run`.
            mixed: Allow a folder that holds other things already; they are left alone.
            writes: Files that will be written, as far as that is known; none of them may be in the way.

        Raises:
            LCError: If it is a file, holds something else, is in use, or a file of lc in it was changed.
            OSError: If it cannot be written.
        """
        check_place(path)
        owned, private = cls(path, kind), path / PRIVATE
        known = owned._is_known()
        if not known and path.is_dir() and not mixed and any(one.name != PRIVATE for one in path.iterdir()):
            raise _unknown(path)
        if not known:
            owned.check(writes)  # before anything is made
        private.mkdir(parents=True, exist_ok=True)
        with lock_of(private / "lock", what=path):
            owned._read()
            inside = {path / Path(name).parent for name in owned._digests if not owned._odd_parent(name)}
            for folder in {private, path, *inside}:
                delete_partials(folder)
            owned.check([*owned._digests, *writes])
            yield owned

    @property
    def _listed(self) -> Path:
        return self.path / LIST

    def _odd(self) -> LCError:
        return LCError(
            f"{self.path / PRIVATE} was not made by lc, which keeps its list of files there",
            hint="choose another folder, or move that away",
        )

    def _is_known(self) -> bool:
        """Return whether lc made the folder, for this kind of content."""
        private, listed = self.path / PRIVATE, self._listed
        if not os.path.lexists(private):
            return False
        if private.is_symlink() or not private.is_dir():
            raise self._odd()
        if not os.path.lexists(listed):
            names = {one.name for one in private.iterdir()}
            if any(name != "lock" and not name.endswith(".partial") for name in names):
                raise self._odd()
            return False  # killed before it began
        if listed.is_symlink() or not listed.is_file():
            raise self._odd()
        try:
            header = parsed_json(listed.read_text(encoding="utf-8", errors="replace").partition("\n")[0])
            made, kind = header["lc"] == FORMAT, header["kind"]
        except (ValueError, KeyError, TypeError):
            raise self._odd() from None
        if not made:
            raise self._odd()
        if kind != self.kind:
            raise LCError(
                f"{self.path} holds {kind} files that lc made; expected {self.kind} files", hint="choose another folder"
            )
        return True

    def _read(self) -> None:
        """Read the list of files, or begin it."""
        if not self._is_known():
            write_atomically(self._listed, (json.dumps({"lc": FORMAT, "kind": self.kind}) + "\n").encode())
        self._digests = digests_in(self._listed)

    def _note(self, files: Mapping[str, str]) -> None:
        """List files, digests by name, before they are in their places: a process that is killed loses nothing."""
        new = [one for one in files.items() if one[1] not in self._digests.get(one[0], ())]
        if not new:
            return
        with self._listed.open("a", encoding="utf-8") as file:  # a new line first: the last one may be cut off
            file.write("".join("\n" + json.dumps(one) for one in new))
        sync_file(self._listed)
        for name, digest in new:
            self._digests.setdefault(name, set()).add(digest)

    @property
    def names(self) -> list[str]:
        """Names of files that lc wrote here and that are still its own."""
        return [name for name in self._digests if self.owns(name)]

    def owns(self, name: str) -> bool:
        """Return whether a file is there and is as lc wrote it."""
        path = self.path / name
        if self._odd_parent(name) or path.is_symlink() or not path.is_file():
            return False
        return name in self._digests and digest_of(path) in self._digests[name]

    def _odd_parent(self, name: str) -> Path | None:
        """Return the first folder on the way to a file that is a link or no folder."""
        at = self.path
        for part in Path(name).parts[:-1]:
            at = at / part
            if at.is_symlink() or (at.exists() and not at.is_dir()):
                return at
        return None

    def check(self, names: Iterable[str]) -> None:
        """Refuse if one of these files is there and is not lc's own.

        Raises:
            LCError: Naming what is in the way.
        """
        found = []
        for name in names:
            odd = self._odd_parent(name)
            if odd is not None:
                found.append(odd.relative_to(self.path).as_posix())
            elif os.path.lexists(self.path / name) and not self.owns(name):
                found.append(name)
        if found := sorted(set(found)):
            raise InTheWay(
                f"{self.path}: in the way are files that lc did not write, or that were changed since: {some(found)}",
                hint="move that away and give the same command again, or choose another folder",
            )

    def write(self, name: str, content: bytes) -> None:
        """Write one file whole or not at all.

        Raises:
            LCError: If what is there is not lc's own.
        """
        digest = hashlib.sha256(content).hexdigest()
        self._prepare({name: digest})
        if not self._has(name, digest):
            write_atomically(self.path / name, content)

    def _prepare(self, files: Mapping[str, str]) -> None:
        """Make the folders for files, digests by name, and list them; refuse what is in the way."""
        self.check(name for name, digest in files.items() if not self._has(name, digest))
        for name in files:
            (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        self._note(files)

    def _has(self, name: str, digest: str) -> bool:
        """Return whether a file with this content is there, whoever wrote it."""
        path = self.path / name
        return not self._odd_parent(name) and not path.is_symlink() and path.is_file() and digest_of(path) == digest

    @contextmanager
    def work(self) -> Iterator[Path]:
        """Give an empty folder for plugins to write to; `take` moves files from it to their places."""
        folder = self.path / PRIVATE / "work"
        if folder.is_symlink():
            raise LCError(f"{folder} is a symbolic link", hint="delete it")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def take(self, folder: Path) -> list[str]:
        """Move every file below a folder to the same name below this one, and return the names.

        Raises:
            LCError: If what is there is not lc's own; then nothing is moved.
        """
        files = sorted(one for one in folder.rglob("*") if one.is_file() and not one.is_symlink())
        names = [one.relative_to(folder).as_posix() for one in files]
        self._prepare({name: digest_of(file) for name, file in zip(names, files, strict=True)})
        for name, file in zip(names, files, strict=True):
            put_in_place(file, self.path / name)
        for place in {self.path, *((self.path / name).parent for name in names)}:
            sync_folder(place)
        return names

    def remove(self, names: Iterable[str]) -> None:
        """Delete those of these files that are lc's own, and folders that are empty then."""
        for name in names:
            if self.owns(name):
                (self.path / name).unlink()
                for parent in Path(name).parents:
                    if parent == Path() or any((self.path / parent).iterdir()):
                        break
                    (self.path / parent).rmdir()


def check_place(path: Path) -> None:
    """Refuse a path where no folder can be: a file or a link to nothing is there, or on the way to it.

    Raises:
        LCError: Naming what is there.
    """
    there = next((one for one in (path, *path.parents) if os.path.lexists(one)), None)
    if there is not None and not os.path.isdir(there):
        what = "a file" if os.path.exists(there) else "a link to a place that does not exist"
        message = f"{there} is {what}; expected a folder"
        raise LCError(message if there == path else f"{path}: {message}", hint="choose another with --out")


def _unknown(path: Path) -> LCError:
    held = sorted(one.name for one in path.iterdir() if one.name != PRIVATE)
    return LCError(
        f"{path} holds {some(held)}, and no list of lc's own files (its hidden folder {PRIVATE}); nothing was changed",
        hint=f"choose another folder; a folder of lc has to be moved or copied with its {PRIVATE}",
    )
