"""Digests of measurements and engines: of their settings and of the source that they run."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import TYPE_CHECKING

from lc_core.constraints.measurement import Measurement
from lc_core.plugins.beside import FOLDER_PREFIX, sources_of
from lc_core.plugins.single_file import PREFIX

if TYPE_CHECKING:
    pass

__all__ = ["engine_source", "measurement_digest"]


def measurement_digest(measurement: Measurement) -> str | None:
    """Return a hash of a measurement's source and parameters, or None if its behaviour cannot be told from them.

    The source is that of the function's module and of every module of the same package that it imports. It tells
    nothing of closures, and not which of several functions of one name is meant, as with lambdas. What the measurement
    needs beside its settings counts by its digest, and a file by that and not by its path.
    """
    function = measurement.function
    if not inspect.isfunction(function) or function.__closure__ or function.__module__ == "__main__":
        return None
    if "<" in function.__qualname__:  # <lambda>, or <locals> of another function
        return None
    sources = _sources_used(function.__module__)
    if sources is None:
        return None
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(sources[name])
    digest.update(function.__qualname__.encode())
    needs = measurement.needs()
    params = {key: one for key, one in measurement.params.items() if needs is None or not isinstance(one, Path)}
    digest.update(json.dumps(params, sort_keys=True, default=str).encode())
    digest.update(needs.digest.encode() if needs else b"")
    return digest.hexdigest()


def engine_source(engine: object) -> dict[str, str]:
    """Return a part of a key: the digest of a plugin's engine's source; of the core's own engines nothing.

    What belongs to the core is told by its version and `FORMAT`.
    """
    module = type(engine).__module__
    if module.partition(".")[0] == "lc_core":
        return {}
    sources = _sources_used(module) or {}
    return {"engine source": hashlib.sha256(b"".join(sources[name] for name in sorted(sources))).hexdigest()}


def _sources_used(name: str) -> dict[str, bytes] | None:
    """Return the source of a module and of those of the same top-level package that it imports, or None without one.

    Imports are read from the text: a number that is imported does not tell where it is from, and one within a function
    may not have happened yet.
    """
    if name.startswith((PREFIX, FOLDER_PREFIX)) and (file := getattr(sys.modules.get(name), "__file__", None)):
        return sources_of(Path(file))
    found: dict[str, bytes] = {}
    open_names = [name]
    while open_names:
        current = open_names.pop()
        if current in found:
            continue
        module = _find(current)
        if module is None:
            continue
        if not module.origin or not module.origin.endswith(".py") or not Path(module.origin).is_file():
            return None
        found[current] = Path(module.origin).read_bytes()
        package = current if module.submodule_search_locations else current.rpartition(".")[0]
        imported = _imports(ast.parse(found[current]), package)
        open_names += [one for one in imported if one.partition(".")[0] == name.partition(".")[0]]
    return found or None


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    """Yield the absolute names of what is imported, the parts taken from modules included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _find(name: str) -> ModuleSpec | None:
    """Return where a module is, without importing it; None if there is no module of that name."""
    try:
        return importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return None
