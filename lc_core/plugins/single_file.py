"""Plugins of a single file, named on the command line by `--plugin my_rule.py`: nothing is packaged or installed."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

from lc_core.common.pointers import refuse_pointer_at, refuse_special
from lc_core.errors import LCError
from lc_core.plugins.beside import Loader, forget, sources_of

__all__ = ["PREFIX", "VERSION", "load_file", "version_of"]

PREFIX = "lc_plugin_file_"
"""Begins the name of the module that a file becomes, so that `numpy.py` does not hide numpy."""

VERSION = "__lc_version__"
"""Attribute of such a module: `version_of` its file."""


def load_file(path: Path) -> ModuleType:
    """Run a file as a module and return it.

    It is put into `sys.modules`, where its source is found for the keys of the cache, and where worker processes,
    which are given the same file, find it. It is not run again unless it, or what it imports from its folder, changed.

    Raises:
        LCError: If it is no Python file, or raises.
    """
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise LCError(f"--plugin {path}: expected a Python file whose name could be a module's, such as my_rule.py")
    refuse_special(path)
    if not os.path.isfile(path):
        raise LCError(f"--plugin {path}: there is no such file")
    refuse_pointer_at(path)
    name = PREFIX + path.stem
    file = path.resolve()
    spec = importlib.util.spec_from_file_location(name, file, loader=Loader(name, str(file), file.parent))
    assert spec and spec.loader, "a file that ends in .py has a loader"
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    version = version_of(path)
    if before is not None and (before.__file__, getattr(before, VERSION, "")) == (module.__file__, version):
        return before
    forget(file.parent)
    setattr(module, VERSION, version)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before
        if isinstance(error, Exception | SystemExit) and not isinstance(error, LCError):
            raise LCError(f"--plugin {path} cannot be imported: {type(error).__name__}: {error}") from error
        raise
    return module


def version_of(path: Path) -> str:
    """Return a version that changes with the file and what it imports from its folder: a run is known by it.

    Raises:
        LCError: If it cannot be read.
    """
    try:
        sources = sources_of(path.resolve())
    except OSError as error:
        raise LCError(f"--plugin {path} cannot be read: {error.strerror}") from error
    return f"file.{hashlib.sha256(b''.join(sources[name] for name in sorted(sources))).hexdigest()[:12]}"
