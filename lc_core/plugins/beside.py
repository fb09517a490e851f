"""Modules that lie beside a plugin of one file: it imports them by their names, as a script does.

`sys.path` stays as it is. Each folder is a package of its own name, so that equally named modules of two folders are
two modules. The standard library, and what `lc` is made of, cannot be replaced by a file that lies there.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["FOLDER_PREFIX", "Loader", "forget", "sources_of"]

FOLDER_PREFIX = "lc_plugin_folder_"
"""Begins the name of the package that a folder becomes."""
KEPT = ("lc_core", "lc_plugins", "numpy", "torch")


class Loader(SourceFileLoader):
    """Loads a module whose imports look into a folder first.

    Args:
        name: Name of the module.
        path: Its file.
        folder: Where what it imports may lie.
    """

    def __init__(self, name: str, path: str, folder: Path) -> None:
        super().__init__(name, path)
        self._folder = folder

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, with an `import` of its own."""
        vars(module)["__builtins__"] = {**vars(builtins), "__import__": _importer(self._folder)}
        super().exec_module(module)


class _Finder:
    """Finds modules below the package of a folder, and nothing else."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        top = name.partition(".")[0]
        if not top.startswith(FOLDER_PREFIX) or top == name or top not in sys.modules:
            return None
        found = PathFinder.find_spec(name, path, target)
        if found is not None and isinstance(found.loader, SourceFileLoader):
            found.loader = Loader(name, found.loader.path, Path(sys.modules[top].__path__[0]))
        return found


def forget(folder: Path) -> None:
    """Have what lies in a folder read anew when it is next imported."""
    name = _package(folder)
    for one in [one for one in sys.modules if one == name or one.startswith(f"{name}.")]:
        del sys.modules[one]
    importlib.invalidate_caches()


def sources_of(path: Path) -> dict[str, bytes]:
    """Return the source of a file, and of all in its folder that it imports, by path from that folder."""
    folder, found, open_files = path.parent, {}, [path]
    while open_files:
        file = open_files.pop()
        name = str(file.relative_to(folder))
        if name not in found:
            found[name] = file.read_bytes()
            for top in _imported(found[name]):
                open_files += _files(folder, top)
    return found


def _imported(source: bytes) -> Iterator[str]:
    """Yield the first part of the name of each module that a source imports."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # an error where it is run
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from [node.module.partition(".")[0]] if node.module else [alias.name for alias in node.names]


def _files(folder: Path, name: str) -> list[Path]:
    """Return the files of a module or package in a folder; none where that must not be taken from there."""
    if name in KEPT or name in sys.stdlib_module_names:
        return []
    if (folder / name / "__init__.py").is_file():
        return sorted((folder / name).rglob("*.py"))
    return [folder / f"{name}.py"] if (folder / f"{name}.py").is_file() else []


def _package(folder: Path) -> str:
    return FOLDER_PREFIX + hashlib.sha256(bytes(folder)).hexdigest()[:12]


def _made(folder: Path) -> str:
    """Return the name of a folder's package, which is made if it is not there."""
    name = _package(folder)
    if not any(one is _Finder for one in sys.meta_path):
        sys.meta_path.insert(0, _Finder)
    if name not in sys.modules:
        package = ModuleType(name)
        package.__path__ = [str(folder)]
        sys.modules[name] = package
    return name


def _importer(folder: Path) -> Callable[..., Any]:
    """Return what stands for `import` in a module of a folder."""

    def imported(
        name: str, globals: Any = None, locals: Any = None, fromlist: Sequence[str] | None = (), level: int = 0
    ) -> Any:
        of_file = level == 1 and not (globals or {}).get("__package__")  # from .helper import, in the plugin's file
        if not of_file and (level or not _files(folder, name.partition(".")[0])):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        package = _made(folder)
        whole = f"{package}.{name}" if name else package
        if fromlist:
            return builtins.__import__(whole, globals, locals, fromlist, 0)
        importlib.import_module(whole)
        return sys.modules[f"{package}.{name.partition('.')[0]}"]

    return imported
