"""The house: imports go one way, plugins come in by the front, and tests replace nothing of the project."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = (
    ("errors",),
    ("common",),
    ("models",),
    ("plugins",),
    ("parallel",),
    ("constraints",),
    ("bank",),
    ("critics", "spec"),
    ("energy", "diagnose"),
    ("engines",),
    ("fitting", "sampling"),
    ("sampler",),
    ("planning",),
    ("editing", "testing"),
    ("runs",),
    ("actors", "evaluation", "exploring"),
    ("api",),
    ("cli",),
)
"""From the ground up: a room imports from lower floors alone."""
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
HEAVY = {
    "torch",
    "onnx",
    "onnx2torch",
    "onnxruntime",
    "diffusers",
    "matplotlib",
    "music21",
    "safetensors",
    "sklearn",
} | {
    "starlette",
    "uvicorn",
}
LONG_FILES = {
    "lc_core/models/latent_model.py": "the model and the functions that call it with its faults named need each other",
}
"""Files that may have more than 300 lines, each with its reason."""
PATHS = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("lc_core", "lc_plugins")
    for path in ROOT.glob(f"{package}/**/*.py")
}


class Import(NamedTuple):
    """One name that a module imports."""

    place: str
    target: str
    """The module that is imported, or that the name is taken from."""
    inside: bool
    """Whether it stands in a function."""


@cache
def imports(path: Path) -> tuple[Import, ...]:
    return tuple(read(path))


def read(path: Path) -> Iterator[Import]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    inside = {id(one) for function in functions for one in ast.walk(function)}
    for node in ast.walk(tree):
        place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.ImportFrom):
            for name in node.names:
                full = f"{node.module}.{name.name}"
                yield Import(place, full if full in PATHS else str(node.module), id(node) in inside)
        elif isinstance(node, ast.Import):
            for name in node.names:
                yield Import(place, name.name, id(node) in inside)


@cache
def own_imports(module: str) -> tuple[Import, ...]:
    return tuple(one for one in imports(PATHS[module]) if one.target in PATHS)


@cache
def is_heavy(module: str) -> bool:
    """Return whether importing a module loads torch or another heavy library, as its lines at the top say."""
    at_top = [one.target for one in imports(PATHS[module]) if not one.inside and not typed(one)]
    if any(one.partition(".")[0] in HEAVY for one in at_top):
        return True
    return any(is_heavy(one) for one in at_top if one in PATHS and one != module)


@cache
def typed_lines(path: str) -> frozenset[int]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    blocks = [one for one in tree.body if isinstance(one, ast.If) and ast.unparse(one.test) == "TYPE_CHECKING"]
    return frozenset(one.lineno for block in blocks for one in block.body)


def typed(one: Import) -> bool:
    path, _, line = one.place.rpartition(":")
    return int(line) in typed_lines(path)


def test_only_two_modules_stand_outside_of_the_rooms() -> None:
    assert {path.name for path in (ROOT / "lc_core").glob("*.py")} == {
        "__init__.py",
        "__main__.py",
        "api.py",
        "errors.py",
    }
    rooms = {module.split(".")[1] for module in PATHS if module.startswith("lc_core.")} - {"__main__"}
    assert rooms == set(FLOOR), "a new room needs a floor"


def test_a_room_imports_from_lower_floors_alone() -> None:
    wrong = []
    for module in PATHS:
        room = module.split(".")[1] if module.startswith("lc_core.") else ""
        for one in own_imports(module) if room in FLOOR else ():
            other = one.target.partition("lc_core.")[2].partition(".")[0]
            if other != room and FLOOR.get(other, 99) >= FLOOR[room]:
                wrong.append(f"{one.place}: {room} imports {one.target}")
    assert wrong == []


def test_no_files_import_each_other_in_a_circle() -> None:
    fronts = {module for module, path in PATHS.items() if path.name == "__init__.py"}
    left = {module: {one.target for one in own_imports(module)} - fronts for module in PATHS if module not in fronts}
    while free := {module for module, targets in left.items() if not targets & set(left)}:
        left = {module: targets for module, targets in left.items() if module not in free}
    assert left == {}, "these import each other, or what does"


def test_an_import_inside_a_function_spares_a_heavy_library() -> None:
    needless = [
        f"{one.place}: {one.target} loads nothing heavy; import it at the top"
        for module in PATHS
        for one in own_imports(module)
        if one.inside and (is_heavy(module) or not is_heavy(one.target)) and PATHS[one.target].name != "__init__.py"
    ]
    assert needless == []


@pytest.mark.parametrize("folder", ["lc_plugins", "examples"])
def test_plugins_come_in_by_the_front(folder: str) -> None:
    files = [path for path in ROOT.glob(f"{folder}/**/*.py") if "build" not in path.parts]
    deep = [one for path in files for one in imports(path) if one.target.startswith("lc_core.")]
    assert [f"{one.place}: {one.target}" for one in deep if one.target.count(".") > 1] == []


def test_a_function_has_at_most_60_lines_beside_its_docstring() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
        for path in PATHS.values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and code_lines(node) > 60
    ]
    assert long == [], "give a part of it a name"


def code_lines(function: ast.FunctionDef) -> int:
    """Return the lines of a function without its docstring."""
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def test_a_file_has_at_most_300_lines_or_a_reason() -> None:
    names = [path.relative_to(ROOT).as_posix() for path in PATHS.values()]
    long = [name for name in names if len((ROOT / name).read_text(encoding="utf-8").splitlines()) > 300]
    assert set(long) - set(LONG_FILES) == set(), "cut it at a seam, or give the reason in LONG_FILES"


REPLACES = {"setattr", "delattr", "setitem", "delitem", "patch", "object"}
"""Functions of Python, of pytest's `monkeypatch` and of `unittest.mock` that replace an attribute or an item."""


@pytest.mark.parametrize("folder", ["tests", "examples"])
def test_no_test_replaces_what_is_the_projects_own(folder: str) -> None:
    files = [path for path in ROOT.glob(f"{folder}/**/*.py") if "build" not in path.parts]
    assert [place for path in files for place in replaced(path)] == [], "make it an argument or a field of settings"


def replaced(path: Path) -> Iterator[str]:
    """Yield where a file replaces an attribute of a module or class of the project, or such a module."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    froms = [one for one in nodes if isinstance(one, ast.ImportFrom) and is_own(str(one.module))]
    own = {"lc_core", "lc_plugins", "benchmarks"} | {one.asname or one.name for line in froms for one in line.names}
    for node in nodes:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in REPLACES:
            texts = [one for one in node.args[:2] if isinstance(one, ast.Constant) and is_own(str(one.value))]
            targets = [*texts, *(one for one in node.args[:1] if root_of(one) in own)]
        elif isinstance(node, ast.Assign):
            items = [one for one in node.targets if isinstance(one, (ast.Attribute, ast.Subscript))]
            targets = [one for one in items if root_of(one) in own]
        yield from (f"{path.relative_to(ROOT)}:{one.lineno}: {ast.unparse(one)}" for one in targets)


def is_own(name: str) -> bool:
    return name.partition(".")[0] in {"lc_core", "lc_plugins", "benchmarks"}


def root_of(expression: ast.expr) -> str:
    """Return the name that a chain of attributes and items begins with, if any."""
    while isinstance(expression, (ast.Attribute, ast.Subscript)):
        expression = expression.value
    return expression.id if isinstance(expression, ast.Name) else ""
