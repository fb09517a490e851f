"""What is installed: versions, entry points, and distributions whose own files cannot be read.

`importlib.metadata` raises where a distribution is damaged, in another place for each kind of damage, and one of them
then hides all others. Here each distribution is read on its own, and a damaged one is reported with its path.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from io import StringIO
from pathlib import Path
from typing import NamedTuple

__all__ = ["DISTRIBUTION", "Damaged", "Entry", "Found", "canonical", "installed", "installed_version", "summary"]

DISTRIBUTION = "latent-constraints"
"""The name of what is installed as `lc`."""


class Entry(NamedTuple):
    """An entry point, with the name and version of the distribution that it is from."""

    distribution: str
    version: str
    point: metadata.EntryPoint


class Damaged(NamedTuple):
    """A distribution whose own files cannot be used.

    Args:
        name: What it is called, as far as that is known.
        path: Its folder or file.
        reason: What is wrong, naming the file.
        has_entry_points: Whether something of the name `entry_points.txt` is there, so that it may hold plugins.
    """

    name: str
    path: Path
    reason: str
    has_entry_points: bool


class Found(NamedTuple):
    """What is installed."""

    entries: tuple[Entry, ...]
    damaged: tuple[Damaged, ...]
    names: tuple[str, ...]


def canonical(distribution: str) -> str:
    """Return a distribution's name in the form that compares equal however it was written."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def installed(*groups: str) -> Found:
    """Read every distribution on `sys.path`: the first sound one of each name counts, as with `importlib.metadata`.

    Args:
        groups: Entry points of these groups are returned, sorted by distribution and name.
    """
    entries: list[Entry] = []
    damaged: list[Damaged] = []
    seen: dict[str, str] = {}
    for one in _distributions():
        path = _path(one)
        try:
            name, version = _about(one, path)
            if canonical(name) in seen:
                continue
            points = _entry_points(one, path)
        except _DamageError as fault:
            given = _name_from(path)
            damaged.append(Damaged(given, path, str(fault), os.path.lexists(path / "entry_points.txt")))
            continue
        seen[canonical(name)] = name
        entries += [Entry(name, version, point) for point in points if point.group in groups]
    entries.sort(key=lambda entry: (entry.distribution, entry.point.name))
    return Found(tuple(entries), tuple(damaged), tuple(seen.values()))


def installed_version(name: str) -> str | None:
    """Return the version of a distribution, or None if there is none that can be read."""
    for one in metadata.distributions(name=name):
        try:
            return _about(one, _path(one))[1]
        except _DamageError:
            continue
    return None


def summary(entry: Entry) -> str:
    """Return the first line of the docstring of the function that an entry point names, and whose it is, if not ours.

    It is read from the source: importing the module could take long, or fail.
    """
    module, _, name = entry.point.value.partition(":")
    try:
        tree = ast.parse(Path(_origin(module)).read_bytes())
    except Exception:  # a finder is code of others, and so is a module
        tree = ast.Module([], [])
    found = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == name.strip()]
    lines = (ast.get_docstring(found[-1]) or "").splitlines() if found else []
    whose = [] if entry.distribution == DISTRIBUTION else [f"(from {entry.distribution})"]
    return " ".join([*lines[:1], *whose])


def _origin(module: str) -> str:
    """Return the file of a module. `find_spec` of `importlib.util` would import the packages that it is in."""
    name, path = "", None
    for part in module.split("."):
        name = f"{name}.{part}".strip(".")
        spec = next(filter(None, (finder.find_spec(name, path) for finder in sys.meta_path)))
        path = spec.submodule_search_locations
    return str(spec.origin)


class _DamageError(Exception):
    """What is wrong with a distribution, in words."""


def _distributions() -> Iterator[metadata.Distribution]:
    """Yield what is installed. A finder that fails ends the search and hides nothing that was found before."""
    try:
        yield from metadata.distributions()
    except Exception:  # a finder is code of others
        return


def _about(one: metadata.Distribution, path: Path) -> tuple[str, str]:
    """Return name and version from the head of `METADATA`; the whole need not be parsed for that."""
    text = _text(one, path, "METADATA") or _text(one, path, "PKG-INFO") or _text(one, path, "")
    if not text:
        raise _DamageError("it has no METADATA" if path.suffix != ".egg-info" else "it has no PKG-INFO")
    head: dict[str, str] = {}
    for line in StringIO(text):
        if not line.strip():
            break
        key, _, value = line.partition(":")
        head.setdefault(key.lower(), value.strip())
    missing = [key for key in ("Name", "Version") if not head.get(key.lower())]
    if missing:
        raise _DamageError(f"its METADATA has no {' and no '.join(missing)}")
    return head["name"], head["version"]


def _entry_points(one: metadata.Distribution, path: Path) -> list[metadata.EntryPoint]:
    text = _text(one, path, "entry_points.txt")
    if text is None and os.path.lexists(path / "entry_points.txt"):
        kind = "is a folder" if (path / "entry_points.txt").is_dir() else "cannot be read"
        raise _DamageError(f"its entry_points.txt {kind}")
    for number, line in enumerate((text or "").splitlines(), start=1):
        text = line.strip()
        if text and not text.startswith(("#", "[")) and "=" not in text:
            raise _DamageError(f"its entry_points.txt, line {number}, has no '=': {text!r}")
    try:
        return list(one.entry_points) if text else []
    except Exception as error:  # whatever else is wrong with its lines
        raise _DamageError(f"its entry_points.txt cannot be read: {type(error).__name__}: {error}") from error


def _text(one: metadata.Distribution, path: Path, name: str) -> str | None:
    try:
        return one.read_text(name)
    except UnicodeDecodeError as error:
        raise _DamageError(f"its {name or path.name} is not UTF-8: {error.reason} at byte {error.start}") from error
    except Exception as error:  # a file that is a loop of links, a broken archive
        raise _DamageError(f"its {name or path.name} cannot be read: {error}") from error


def _path(one: metadata.Distribution) -> Path:
    """Return a distribution's folder; of a finder that does not give it, the folder that it was found in."""
    return Path(str(getattr(one, "_path", None) or one.locate_file("")))


def _name_from(path: Path) -> str:
    return path.stem.partition("-")[0] or path.name
