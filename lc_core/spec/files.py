"""Finds spec files, by path or by shipped name, reads them, and merges a spec with those it extends."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec as find_package
from pathlib import Path, PurePosixPath
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin, get_type_hints

from typing_extensions import is_typeddict

from lc_core.common.plain_text import decoded
from lc_core.common.pointers import refuse_pointer, refuse_special
from lc_core.common.spelling import nearest
from lc_core.errors import LCError
from lc_core.spec.load import MAX_BYTES, Node, parse
from lc_core.spec.problems import Problems, Where

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["find_spec", "keys_at", "located", "read_tree", "shipped_names"]

PACKAGE = "constraint_specs"
KINDS = {str: "text", int: "number", float: "number", bool: "true or false"}


def find_spec(path_or_name: str | Path) -> Path:
    """Return the file of a spec.

    Args:
        path_or_name: A path, or the name of a shipped spec such as `melody/c_major`.

    Raises:
        LCError: If there is no such file.
    """
    if not str(path_or_name).strip():
        raise LCError("the name of a spec is blank", hint="give a path, or the name of a shipped spec")
    path = Path(path_or_name)
    if os.path.isdir(path):  # unlike pathlib's, os.path's questions never raise, as for a name that is too long
        raise LCError(f"{path} is a folder; expected a spec file", hint=f"specs in it: {_specs_in(path)}")
    if os.path.exists(path):
        return path
    shipped = _shipped(str(path_or_name))
    if shipped is not None:
        return shipped
    close = nearest(str(path_or_name), shipped_names()) + nearest(path.stem, shipped_names())
    guess = f" (did you mean {' or '.join(dict.fromkeys(close))}?)" if close else ""
    names = ", ".join(shipped_names()) or "none"
    raise LCError(f"{path_or_name}: no such file or shipped spec{guess}", hint=f"shipped specs: {names}")


def shipped_names() -> list[str]:
    """Return the names of the specs that are installed, such as `melody/c_major`."""
    found = {
        file.relative_to(folder).with_suffix("").as_posix()
        for folder in _shipped_folders()
        for file in folder.rglob("*.yaml")
    }
    return sorted(found)


def _shipped_folders() -> list[Path]:
    beside = Path(__file__).resolve().parents[2] / PACKAGE
    package = find_package(PACKAGE)
    places = [Path(place) for place in (package.submodule_search_locations or ())] if package else []
    folders = {folder.resolve(): None for folder in (beside, *places) if folder.is_dir()}
    return list(folders)


def _shipped(name: str) -> Path | None:
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts:
        return None
    files = (folder / f"{name.removesuffix('.yaml')}.yaml" for folder in _shipped_folders())
    return next((file for file in files if os.path.isfile(file)), None)


def _specs_in(folder: Path) -> str:
    names = sorted(one.name for one in folder.glob("*.y*ml"))
    return ", ".join(names[:10]) or "none"


def read_tree(path: Path, problems: Problems) -> Node:
    """Read a spec file and those it extends, and merge them.

    Mappings merge key by key; lists and plain values are replaced, and so is a mapping whose `use` names another
    component, since its parameters would not fit. `name` and `lc` are each file's own.

    Raises:
        SpecError: If nothing can be read.
    """
    return _read_with_base(path, problems, ())


def located(params: Node, settings: type[BaseModel], folder: Path) -> dict[str, Any]:
    """Return a component's settings as plain data, with paths found: one beside the file that says it comes first.

    Args:
        params: A mapping, as a spec gives it.
        settings: What the component takes; a setting of type `pathlib.Path` is a path, in a TypedDict as well.
        folder: The spec's folder, for what the command line sets.
    """
    return _located(params, {name: one.annotation for name, one in settings.model_fields.items()}, folder)


def _located(params: Node, types: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = params.plain()
    for name, annotation in types.items():
        if name not in found:
            continue
        node, kinds = params.content[name], _kinds(annotation)
        if node.is_mapping:
            for kind in filter(is_typeddict, kinds):
                found[name] |= _located(node, get_type_hints(kind), folder)
        elif Path in kinds and isinstance(found[name], str):
            beside = (Path(node.where.source).parent if node.where.line else folder) / found[name]
            if os.path.exists(beside):
                found[name] = str(beside)
    return found


def keys_at(settings: type[BaseModel], path: Sequence[Any]) -> list[str]:
    """Return the keys that are known where one is wrong: of the settings, or of a TypedDict inside."""
    types: Mapping[str, Any] = {name: one.annotation for name, one in settings.model_fields.items()}
    for part in path[:-1]:
        inside = next(filter(is_typeddict, _kinds(types.get(part))), None)
        types = get_type_hints(inside) if inside else types
    return list(types)


def _kinds(annotation: Any) -> tuple[Any, ...]:
    """Return the types that a value may have: itself, or the members of a union."""
    return get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)


def _read_with_base(path: Path, problems: Problems, above: tuple[Path, ...]) -> Node:
    tree = normalised(_read(path, problems))
    if above and tree.get("lc") is None:  # may be any file of this machine: nothing of it is shown
        problems.fail(tree.where, "it is extended and is no spec: it has no key 'lc'", hint="a spec starts with lc: 1")
    _check_version(tree, problems)
    extends = tree.get("extends")
    if extends is None:
        return tree
    tree = Node({k: v for k, v in tree.content.items() if k != "extends"}, tree.where, tree.keys)
    base = _base(path, extends, problems)
    if base is None:
        return tree
    chain = (*above, path.resolve())
    if base.resolve() in chain:
        problems.fail(extends.where, f"extends goes in a circle: {' -> '.join(one.name for one in (*chain, base))}")
    inherited = _read_with_base(base, problems, chain)
    kept = {key: value for key, value in inherited.content.items() if key != "name"}
    return _merged(Node(kept, inherited.where, inherited.keys), tree)


def _base(path: Path, extends: Node, problems: Problems) -> Path | None:
    if not isinstance(extends.content, str):
        problems.add(extends.where, f"extends should be a path or a shipped name; found {extends.plain()!r}")
        return None
    beside = path.parent / extends.content
    try:
        return beside if os.path.isfile(beside) else find_spec(extends.content)
    except LCError as error:
        problems.add(extends.where, error.message, hint=error.hint)
        return None


def _read(path: Path, problems: Problems) -> Node:
    where = Where(str(path))
    refuse_special(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        problems.fail(where, f"cannot be read: {error.strerror}")
    refuse_pointer(data, path)
    if len(data) > MAX_BYTES:
        problems.fail(where, f"larger than {MAX_BYTES:,} bytes; a spec is a short text")
    try:
        text = decoded(data)
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", errors="replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        problems.fail(Where(str(path), line, column), f"not UTF-8 text: {error.reason}")
    root = parse(text, source=str(path), problems=problems)
    if root is None:
        problems.fail(Where(str(path), 1, 1), "the file is empty; a spec starts with lc: 1")
    if not root.is_mapping:
        kind = "a list" if isinstance(root.content, list) else f"a single {KINDS.get(type(root.content), 'value')}"
        problems.fail(root.where, f"expected a mapping with keys such as model and constraints; found {kind}")
    return root


def _check_version(tree: Node, problems: Problems) -> None:
    version = tree.get("lc")
    if version is None:
        problems.add(tree.where, "missing key 'lc', the version of the format: write lc: 1")
    elif version.content != 1 or isinstance(version.content, bool):
        problems.add(version.where, f"version of the format should be 1; found {version.plain()!r}")


def normalised(tree: Node) -> Node:
    """Write the short form of a component, its name alone, as a mapping with `use`."""
    for key in ("model", "engine"):
        value = tree.get(key)
        if value is not None:
            tree = tree.with_item(key, _component(value))
    keep = tree.get("keep")
    if keep is not None and isinstance(keep.content, str):
        tree = tree.with_item("keep", Node([keep], keep.where))
    for key in ("render", "keep"):
        value = tree.get(key)
        if value is not None and isinstance(value.content, list):
            tree = tree.with_item(key, Node([_component(one) for one in value.content], value.where))
    return tree


def _component(node: Node) -> Node:
    return Node({"use": node}, node.where, {"use": node.where}) if isinstance(node.content, str) else node


def _merged(base: Node, change: Node) -> Node:
    if not (base.is_mapping and change.is_mapping) or _uses_another(base, change):
        return change
    result = base
    for key, value in change.content.items():
        old = base.get(key)
        result = result.with_item(key, value if old is None else _merged(old, value), where=change.place(key))
    return Node(result.content, change.where, result.keys)


def _uses_another(base: Node, change: Node) -> bool:
    before, after = base.get("use"), change.get("use")
    return before is not None and after is not None and before.plain() != after.plain()
