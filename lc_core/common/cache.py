"""Fitted parts, kept by content in the user's cache folder, as safetensors and JSON.

The folder is the platform's cache folder for `latent-constraints`, or `LC_CACHE_DIR`. An entry is a folder
`<kind>-<key>` with `config.json` and `weights.safetensors`; the key is a hash of everything that the fit depends on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core.common.cache_entries import (
    check_cache,
    delete_entry,
    delete_locks,
    files_of,
    mark_root,
    own_entries,
    place_entry,
)
from lc_core.common.files import delete_partials
from lc_core.common.json_text import parsed_json
from lc_core.common.locks import is_lock
from lc_core.errors import LCError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Cache", "CacheEntry", "FORMAT", "key_of"]

FORMAT = 6
"""Part of every key; raised when the files of an entry change. What fits compute is in `code_digest`."""


def key_of(parts: Mapping[str, Any]) -> str:
    """Return the key, 24 hexadecimal digits, of everything that a fitted part depends on."""
    text = json.dumps({"format": FORMAT, **parts}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


@dataclass(frozen=True)
class CacheEntry:
    """One fitted part on disk: its folder, what it is of, and its size in bytes."""

    folder: Path
    kind: str
    what: str
    bytes: int


class Cache:
    """The cache folder.

    Args:
        root: The folder, found when it is first needed; default `LC_CACHE_DIR`, else the platform's cache folder.
        refit: Ignore what is there, and replace it.
    """

    def __init__(self, root: Path | None = None, *, refit: bool = False) -> None:
        self._given = root
        self.refit = refit

    @cached_property
    def root(self) -> Path:
        """The folder; what needs nothing fitted never asks for it.

        Raises:
            LCError: If it cannot be found.
        """
        return self._given or default_folder()

    def get_or_fit(
        self,
        kind: str,
        key: str,
        fit: Callable[[], tuple[dict[str, Any], dict[str, Tensor]]],
        *,
        progress: Callable[[str], None] = lambda _: None,
    ) -> tuple[dict[str, Any], dict[str, Tensor], bool]:
        """Return a fitted part's configuration and tensors, and whether they were found rather than fitted.

        One process fits a key at a time; others wait for it.

        Args:
            kind: Kind of part, such as `critic`.
            key: From `key_of`.
            fit: Fits it: returns a configuration (with `what`, a description) and tensors.
            progress: Called with a line when a damaged entry is found, or the part cannot be kept.
        """
        from filelock import FileLock  # takes longer to import than all of this module

        folder = self.root / f"{kind}-{key}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            mark_root(self.root)
            _check_lock(self.root / f"{kind}-{key}.lock")
            lock = FileLock(self.root / f"{kind}-{key}.lock")
            lock.acquire()
        except (OSError, NotImplementedError) as error:  # the latter where a file system has no locks
            if self.has(kind, key):
                with suppress(Exception):  # what cannot be written may be readable; what is damaged counts as absent
                    return *_read(folder), True
            raise LCError(
                f"the cache folder {self.root} cannot be written: {getattr(error, 'strerror', None) or error}",
                hint="set LC_CACHE_DIR to a folder that can",
            ) from error
        try:
            if not self.refit and folder.exists():
                try:
                    config, tensors = _read(folder)
                    return config, tensors, True
                except Exception as error:  # whatever is wrong with it, it can be fitted again
                    progress(f"cached {kind} {folder.name} is damaged ({error}); fitting it again")
            delete_partials(folder)  # of a process that was killed while it kept this part
            config, tensors = fit()
            try:
                _write(folder, {"kind": kind, **config}, tensors)
            except OSError as error:  # a full disk is no reason to lose the fit
                progress(f"the fitted {kind} cannot be kept in {self.root}: {error}")
            return config, tensors, False
        finally:
            lock.release()

    def has(self, kind: str, key: str) -> bool:
        """Return whether a part need not be fitted, unless it turns out to be damaged."""
        return not self.refit and os.path.exists(self.root / f"{kind}-{key}" / "config.json")

    def entries(self) -> list[CacheEntry]:
        """Return what is cached, oldest first: what lc wrote and marked, and nothing else."""
        found = []
        for folder in sorted(own_entries(self.root), key=lambda path: path.stat().st_mtime):
            size = sum(path.stat().st_size for path in files_of(folder))
            try:
                config = parsed_json((folder / "config.json").read_text())
                kind, what = config["kind"], config["what"]
            except (OSError, ValueError, KeyError, TypeError):
                kind, what = folder.name.partition("-")[0], "(damaged)"
            found.append(CacheEntry(folder, kind, what, size))
        return found

    def clear(self) -> int:
        """Delete every entry that is not in use, and locks that are left over; return how many entries were deleted.

        Raises:
            LCError: If the folder is no cache of lc.
        """
        check_cache(self.root)
        deleted = sum(delete_entry(folder) for folder in list(own_entries(self.root)))
        delete_locks(self.root)
        return deleted


def default_folder() -> Path:
    """Return `LC_CACHE_DIR`, else the platform's cache folder for this library."""
    from platformdirs import user_cache_path

    given = os.environ.get("LC_CACHE_DIR")
    if given and not given.strip():
        raise LCError("LC_CACHE_DIR is blank", hint="set LC_CACHE_DIR to a folder that can be written, or unset it")
    try:
        found = Path(given).expanduser() if given else user_cache_path("latent-constraints").expanduser()
    except (RuntimeError, KeyError) as error:
        cause = f"LC_CACHE_DIR is {given}" if given else "LC_CACHE_DIR is not set"
        hint = "set LC_CACHE_DIR to a folder that can be written"
        raise LCError(f"no cache folder: {cause}, and the home folder of that user is not known", hint=hint) from error
    return found


def _check_lock(path: Path) -> None:
    """Refuse a file in a lock's place that is none: to lock it would empty it."""
    if os.path.lexists(path) and not is_lock(path):
        raise LCError(f"{path} is no lock file of lc", hint="move it away, or set LC_CACHE_DIR to another folder")


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    from safetensors.torch import load_file

    config = parsed_json((folder / "config.json").read_text())
    tensors = load_file(folder / "weights.safetensors")
    if config["digest"] != _digest(folder / "weights.safetensors"):
        raise ValueError("its weights are not those that were written")
    return config, tensors


def _write(folder: Path, config: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    from safetensors.torch import save

    weights = save({name: tensor.contiguous() for name, tensor in tensors.items()})
    config = config | {"digest": hashlib.sha256(weights).hexdigest()}
    place_entry(folder, {"weights.safetensors": weights, "config.json": json.dumps(config, indent=2).encode()})


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
