"""What the studio keeps: outputs that were shown, and, in a folder, the state of pages and the outputs they starred."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

from lc_core import LCError
from lc_core.common import parsed_json, write_atomically

__all__ = ["Kept"]

Json = dict[str, Any]
MOST_BYTES = 256 * 2**20
"""Most bytes of outputs in memory; those that were shown longest ago are dropped."""
MOST_PAGES = 200
MOST_STARRED = 2_000
MOST_STATE = 2**20
"""Most bytes of a page's state."""
NAME = re.compile(r"[0-9a-z]{4,32}")


class Kept:
    """Outputs by key, and pages by name.

    Args:
        folder: Where pages and starred outputs are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._outputs: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._bytes = 0

    def check(self) -> None:
        """Make the folder.

        Raises:
            LCError: If it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            hint = "name a folder that can: --folder"
            raise LCError(f"{self.folder} cannot be written: {error.strerror}", hint=hint) from error

    def add(self, output: str, z: str = "") -> str:
        """Take an output and its latent, as text, and return the key by which it is found."""
        key = hashlib.sha256(f"{output} {z}".encode()).hexdigest()[:20]
        if key not in self._outputs:
            self._outputs[key] = (output, z)
            self._bytes += len(output) + len(z)
        self._outputs.move_to_end(key)
        while self._bytes > MOST_BYTES:
            _, (gone, latent) = self._outputs.popitem(last=False)
            self._bytes -= len(gone) + len(latent)
        return key

    def get(self, key: str) -> tuple[str, str]:
        """Return an output and its latent.

        Raises:
            LCError: If it is not there any more.
        """
        if key in self._outputs:
            return self._outputs[key]
        if NAME.fullmatch(key):
            try:
                found = parsed_json((self.folder / "outputs" / f"{key}.json").read_bytes())
                return str(found["output"]), str(found["z"])
            except (OSError, ValueError, KeyError, TypeError):
                pass
        raise LCError("this output is no longer there", hint="star what is to be kept")

    def star(self, key: str) -> None:
        """Keep an output for good.

        Raises:
            LCError: If it is not there, or cannot be written.
        """
        output, z = self.get(key)
        self._write("outputs", key, json.dumps({"output": output, "z": z}).encode(), MOST_STARRED)

    def save(self, page: str, state: Json) -> None:
        """Keep the state of a page.

        Raises:
            LCError: If it is too large, or cannot be written.
        """
        content = json.dumps(state).encode()
        if len(content) > MOST_STATE:
            raise LCError(f"the state of the page is too large ({len(content):,} bytes)", hint="clear its history")
        self._write("pages", page, content, MOST_PAGES)

    def load(self, page: str) -> Json | None:
        """Return the state of a page; None if there is none that can be read."""
        if not NAME.fullmatch(page):
            return None
        try:
            found = parsed_json((self.folder / "pages" / f"{page}.json").read_bytes())
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def last(self) -> Json | None:
        """Return the state that was saved last; None if there is none."""
        return next((state for path in self._newest("pages") if (state := self.load(path.stem)) is not None), None)

    def _newest(self, kind: str) -> list[Path]:
        try:
            return sorted((self.folder / kind).glob("*.json"), key=lambda path: -path.stat().st_mtime)
        except OSError:
            return []

    def _write(self, kind: str, name: str, content: bytes, most: int) -> None:
        if not NAME.fullmatch(name):
            raise LCError(f"no name of a page or an output: {name[:40]!r}")
        path = self.folder / kind / f"{name}.json"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
            for old in self._newest(kind)[most:]:
                old.unlink(missing_ok=True)
        except OSError as error:
            raise LCError(f"{path.parent} cannot be written: {error.strerror}") from error
