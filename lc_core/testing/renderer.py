"""Checks of a renderer."""

from __future__ import annotations

import inspect
import re
import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from lc_core.plugins.registry import Registry
from lc_core.plugins.renderer import Renderer
from lc_core.testing.base import BoundCheck, check_settings, differing_row
from lc_core.testing.isolation import import_fault
from lc_core.testing.outputs import given_or_sampled

__all__ = ["RENDERER_CHECKS", "check_renderer", "renderer_checks"]

COUNT = 8


@dataclass
class Case:
    """A renderer under check."""

    target: Renderer | type[Renderer]
    given: Any
    registry: Registry | None
    temporary: tempfile.TemporaryDirectory[str] = field(default_factory=tempfile.TemporaryDirectory)
    written: int = 0

    def new_folder(self) -> Path:
        """Make a folder that is deleted with the case."""
        self.written += 1
        folder = Path(self.temporary.name) / f"{self.written:06d}"
        folder.mkdir()
        return folder

    @cached_property
    def renderer(self) -> Renderer:
        return self.target() if inspect.isclass(self.target) else self.target

    @cached_property
    def outputs(self) -> np.ndarray:
        return given_or_sampled(self.given, self.renderer.accepts, least=1, count=COUNT, registry=self.registry)

    @cached_property
    def first(self) -> Path:
        return self.new_folder()

    @cached_property
    def files(self) -> list[bytes]:
        return self.write(self.first)

    def write(self, folder: Path) -> list[bytes]:
        """Write every output into a folder and return the files' bytes."""
        paths = [folder / f"{number:06d}{self.renderer.suffix}" for number in range(len(self.outputs))]
        for output, path in zip(self.outputs, paths, strict=True):
            self.renderer.write(output.copy(), path)
        return [path.read_bytes() if path.is_file() else b"" for path in paths]


def declared(case: Case) -> str | None:
    """It tells which output types it draws, the suffix of its files and their media type."""
    renderer = case.renderer
    accepts, suffix = getattr(renderer, "accepts", None), getattr(renderer, "suffix", None)
    if not isinstance(accepts, tuple) or not accepts or not all(isinstance(one, str) and one for one in accepts):
        return f"accepts is {accepts!r}; expected a tuple of output types such as ('melody.tokens/1',)"
    if not isinstance(suffix, str) or not re.fullmatch(r"\.\w[\w.]*", suffix):
        return f"suffix is {suffix!r}; expected a dot and letters such as '.mid'"
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", renderer.media_type):
        return f"media_type is {renderer.media_type!r}; expected one such as 'image/png'"
    return None


def settings(case: Case) -> str | None:
    """Its constructor's settings have types and defaults, and come back the same from a spec."""
    type(case.renderer)(**check_settings("renderer", type(case.renderer), {}))
    return None


def sample_outputs(case: Case) -> str | None:
    """There are outputs to check it on: given, or decoded by an installed model that it accepts."""
    return None if len(case.outputs) else "there are no outputs"


def writes_files(case: Case) -> str | None:
    """It writes every output to the path it is given, and no empty file."""
    empty = [number for number, content in enumerate(case.files) if not content]
    if empty:
        return f"output {empty[0]} gave no file at the path that was asked for, or an empty one"
    others = sorted(path.name for path in case.first.iterdir())[len(case.outputs) :]
    return f"it wrote further files beside those asked for: {', '.join(others)}" if others else None


def deterministic(case: Case) -> str | None:
    """The same output gives the same bytes."""
    pairs = zip(case.files, case.write(case.new_folder()), strict=True)
    different = [number for number, (first, second) in enumerate(pairs) if first != second]
    return f"output {different[0]} gave other bytes the second time" if different else None


def input_unchanged(case: Case) -> str | None:
    """It leaves the outputs that it is given as they are."""
    folder = case.new_folder()
    given = case.outputs.copy()
    for number, output in enumerate(given):
        case.renderer.write(output, folder / f"{number:06d}{case.renderer.suffix}")
    case.renderer.write_sheet(given, folder)
    row = differing_row(given, case.outputs, exact=True)
    return None if row is None else f"it changed output {row}"


def sheet(case: Case) -> str | None:
    """Its overview, if it draws one, is a file in the folder that it is given, with the same bytes each time."""
    found: list[bytes] = []
    for _ in range(2):
        folder = case.new_folder()
        path = case.renderer.write_sheet(case.outputs.copy(), folder)
        if path is None:
            return None
        if path.parent != folder or not path.is_file() or not path.stat().st_size:
            return f"write_sheet returned {path.name}, which is no file in the folder, or an empty one"
        found.append(path.read_bytes())
    return None if found[0] == found[1] else "the overview had other bytes the second time"


def documented(case: Case) -> str | None:
    """Its docstring begins with a line that says what it writes."""
    text = inspect.getdoc(type(case.renderer))
    return None if text and text != inspect.getdoc(Renderer) else "it has no docstring"


def import_cost(case: Case) -> str | None:
    """Importing its module imports no torch or other heavy library, and takes no longer than a second."""
    return import_fault(type(case.renderer).__module__)


def global_random_state(case: Case) -> str | None:
    """It leaves the global random states of Python, numpy and torch alone (watched in every check)."""
    case.write(case.new_folder())
    return None


RENDERER_CHECKS = (
    declared,
    documented,
    settings,
    sample_outputs,
    writes_files,
    deterministic,
    input_unchanged,
    sheet,
    import_cost,
    global_random_state,
)


def check_renderer(
    renderer: Renderer | type[Renderer], outputs: Any = None, *, registry: Registry | None = None
) -> None:
    """Check that a renderer does what runs and reports rely on.

    Args:
        renderer: A renderer, or its class, which is then built with its default settings.
        outputs: At least one output, first dimension B; default 8 decoded prior samples of an installed model.
        registry: What is installed, for the default outputs; built if not given.

    Raises:
        CheckFailed: At the first of `RENDERER_CHECKS` that fails.
    """
    for check in renderer_checks(renderer, outputs, registry=registry):
        check()


def renderer_checks(
    renderer: Renderer | type[Renderer], outputs: Any = None, *, registry: Registry | None = None, name: str = ""
) -> list[BoundCheck]:
    """Return what `check_renderer` runs, one by one; `name` is the component's in ids and errors."""
    own_name = renderer.__name__ if inspect.isclass(renderer) else type(renderer).__name__
    case = Case(renderer, outputs, registry)
    return [BoundCheck(check, case, f"renderer {name or own_name}") for check in RENDERER_CHECKS]
