"""Digests for cache keys: of measurements, of engines, and of the code of `lc` that a fit runs."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import inspect
import json
import sys
from collections.abc import Iterator
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType

from lc_core.constraints.measurement import Measurement
from lc_core.plugins.beside import FOLDER_PREFIX, sources_of
from lc_core.plugins.single_file import PREFIX

__all__ = ["code_digest", "engine_digest", "measurement_digest"]

IN_A_FIT = ("common.nets", "common.seeds", "models", "constraints", "critics", "energy", "engines", "fitting")
"""Rooms and modules of `lc_core` whose code can change what is fitted. Others write files, read specs or report."""


def measurement_digest(measurement: Measurement) -> str | None:
    """Return a hash of a measurement's source and parameters, or None if its behaviour is not known from them.

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


def engine_digest(engine: object) -> str:
    """Return a hash of an engine's code: of a plugin's, of its source and what it imports from its own package."""
    module = type(engine).__module__
    if module.partition(".")[0] == "lc_core":
        return code_digest(module)
    sources = _sources_used(module) or {}
    return hashlib.sha256(b"".join(sources[name] for name in sorted(sources))).hexdigest()


@cache
def code_digest(*modules: str) -> str:
    """Return a hash of what modules compute: of their code and that of the modules of `lc_core` that these import.

    Comments, docstrings and layout do not count, and modules outside of `IN_A_FIT` are not followed. So a fitted part
    is fitted again after a change of anything that it depends on, any tuned number included, and after no other.

    Args:
        modules: Full names, such as `lc_core.fitting.refine`.
    """
    found: dict[str, str] = {}
    open_names = list(modules)
    while open_names:
        name = open_names.pop()
        path = None if name in found else _file_of(name)
        if path is None:
            continue
        source = path.read_bytes()
        found[name] = _hash_of_code(compile(source, name, "exec", dont_inherit=True, optimize=2))
        imported = _imports(ast.parse(source), name if path.stem == "__init__" else name.rpartition(".")[0])
        inside = (one.split(".") for one in imported if one.startswith("lc_core."))
        open_names += [".".join(one) for one in inside if {one[1], ".".join(one[1:3])} & set(IN_A_FIT)]
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def _file_of(name: str) -> Path | None:
    """Return the file of a module of this package, or of one that is loaded; None if there is no such module."""
    if name in sys.modules and (file := getattr(sys.modules[name], "__file__", None)):
        return Path(file)
    package, *parts = name.split(".")
    place = Path(str(sys.modules[package].__file__)).parent.joinpath(*parts)
    return next((one for one in (place.with_suffix(".py"), place / "__init__.py") if one.is_file()), None)


def _hash_of_code(code: CodeType) -> str:
    """Return a hash of compiled code that does not change with where its lines stand."""
    digest = hashlib.sha256(code.co_code)
    digest.update(repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)).encode())
    for one in code.co_consts:
        if isinstance(one, CodeType):
            digest.update(_hash_of_code(one).encode())
        else:  # the order of a set differs from process to process
            digest.update(repr(sorted(map(repr, one)) if isinstance(one, frozenset) else one).encode())
    return digest.hexdigest()


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
