"""`lc cache`: list or clear fitted parts and banks of prior samples."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lc_core.cli.text import age, size, table
from lc_core.common.cache import Cache
from lc_core.common.cache_entries import check_cache
from lc_core.common.files import reason
from lc_core.common.json_text import parsed_json
from lc_core.common.words import counted
from lc_core.errors import LCError

if TYPE_CHECKING:
    from lc_core.common.cache import CacheEntry

__all__ = ["command"]


@click.command("cache")
@click.option("--clear", is_flag=True, help="Delete all fitted parts and banks; they are made again when needed.")
@click.option("--yes", is_flag=True, help="Do not ask before deleting; needed without a terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(clear: bool, yes: bool, as_json: bool) -> None:
    """List fitted parts and banks of prior samples: what each is of, its size, its age and its folder."""
    cache = Cache()
    if os.path.exists(cache.root) and not os.path.isdir(cache.root):
        raise LCError(f"{cache.root} is a file; a cache needs a folder", hint="set LC_CACHE_DIR to a folder")
    try:
        entries = cache.entries()
    except OSError as error:
        raise _unusable(cache, "read", error) from error
    if clear:
        _clear(cache, entries, ask=not yes, as_json=as_json)
    elif as_json:
        parts = [_described(one) for one in entries]
        total = sum(one.bytes for one in entries)
        click.echo(json.dumps({"folder": str(cache.root), "bytes": total, "entries": parts}, indent=2))
    else:
        _list(cache, entries)


def _described(one: CacheEntry) -> dict[str, str | int]:
    written = datetime.fromtimestamp(one.folder.stat().st_mtime, UTC).isoformat(timespec="seconds")
    return {"kind": one.kind, "what": one.what, "bytes": one.bytes, "written": written, "folder": str(one.folder)}


def _list(cache: Cache, entries: list[CacheEntry]) -> None:
    now = time.time()
    rows = [(one.kind, _size(one), age(now - one.folder.stat().st_mtime), one.folder.name, one.what) for one in entries]
    if rows:
        click.echo(table([("kind", "size", "age", "folder", "what"), *rows]))
    click.echo(f"{_count(entries)} in {cache.root}")
    for folder, model in _samplers(cache.root):
        held = sum(one.stat().st_size for one in folder.iterdir() if one.is_file())
        click.echo(f"a sampler of {model}, {size(held)}, which --clear keeps: {folder.name}")


def _samplers(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the folders of samplers that were trained for models, each with the model's name."""
    for path in sorted(root.glob("sampler-*/config.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            yield path.parent, str(parsed_json(path.read_text(encoding="utf-8"))["model"]["name"])


def _clear(cache: Cache, entries: list[CacheEntry], *, ask: bool, as_json: bool) -> None:
    try:
        check_cache(cache.root)
    except OSError as error:
        raise _unusable(cache, "read", error) from error
    if ask and entries and not sys.stdin.isatty():
        raise LCError(
            f"{_count(entries)} in {cache.root} would be deleted, and there is no terminal to ask; nothing was deleted",
            hint="give --yes to delete them",
        )
    if ask and entries and not _agreed(f"Delete {_count(entries)} in {cache.root}?"):
        click.echo("nothing was deleted", err=True)
        return
    try:
        deleted = cache.clear()
    except OSError as error:
        raise _unusable(cache, "cleared", error) from error
    left = {one.folder for one in cache.entries()}
    gone = [one for one in entries if one.folder not in left]
    if as_json:
        found = {"folder": str(cache.root), "deleted": deleted, "bytes": sum(one.bytes for one in gone)}
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(f"deleted {_count(gone)} from {cache.root}")
    if left:
        click.echo(f"{len(left)} in use, not deleted", err=True)


def _unusable(cache: Cache, what: str, error: OSError) -> LCError:
    return LCError(
        f"the cache folder {cache.root} cannot be {what}: {reason(error, cache.root)}",
        hint="see to its permissions, or set LC_CACHE_DIR to another folder",
    )


def _agreed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort as error:  # what click makes of Ctrl-C
        raise KeyboardInterrupt from error


def _size(*entries: CacheEntry) -> str:
    return size(sum(one.bytes for one in entries))


def _count(entries: list[CacheEntry]) -> str:
    banks = sum(one.kind == "bank" for one in entries)
    also = f" and {counted(banks, 'bank')}" if banks else ""
    return f"{counted(len(entries) - banks, 'fitted part')}{also}, {_size(*entries)}"
