"""Checks the shape of a spec, and says what is wrong with it, each at its place in the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from lc_core.plugins.messages import any_of, message_of, relevant
from lc_core.spec.load import Node
from lc_core.spec.problems import Problems, Where
from lc_core.spec.schema import FORMS, GROUPS, SECTIONS, Leaf, Shape

__all__ = ["check_shape", "report"]


def check_shape(tree: Node, problems: Problems) -> Shape | None:
    """Check keys, types and ranges; return the values, or None if something is wrong."""
    try:
        return Shape.model_validate_json(json.dumps(tree.plain()))
    except ValidationError as error:
        report(tree, error, _known, problems)
        return None


def report(
    tree: Node,
    error: ValidationError,
    known: Callable[[Sequence[Any]], list[str]],
    problems: Problems,
    *,
    inside: str = "",
) -> None:
    """Note all that pydantic found, each at its place in the tree.

    Args:
        tree: The node that was validated.
        error: What was found.
        known: Gives the keys that would have been right at a path.
        problems: Takes it.
        inside: What the tree is, where a key is missing; nothing for the whole file.
    """
    values: dict[int, list[str]] = {}  # what is wrong with one value: several where it may have one of several types
    places: dict[int, Where] = {}
    for one in relevant(error):
        path = one["loc"]
        node, keys = tree.find(path), known(path)
        message = message_of(one, keys)
        if one["type"] == "extra_forbidden":
            holder = tree.find(path[:-1])
            problems.add(holder.place(str(path[-1])), _misplaced(str(path[-1]), keys, holder) or message)
        elif one["type"] == "missing":
            if path != ("lc",):  # noted for each file when it is read
                problems.add(node.where, f"{message} in {inside}" if inside else message)
        elif path != ("lc",):
            values.setdefault(id(node), []).append(message)
            places[id(node)] = node.where
    for which, messages in values.items():
        problems.add(places[which], any_of(messages))


def _misplaced(key: str, known: Sequence[str], holder: Node) -> str | None:
    """Say why a key that exists elsewhere is not allowed in a constraint entry."""
    if "label" not in known:
        return None
    if key in ("weight", "require"):
        return f"{key} belongs on an entry of the constraints list itself, not inside any, all or not"
    forms = [form for form in ("use", *GROUPS) if form in holder.keys]
    if key in forms:
        return f"an entry holds one of use, any, all and not; found {' and '.join(forms)}"
    if key in Leaf.model_fields and forms[:1] != ["use"]:
        return f"{key} belongs on the constraints inside, not on the group"
    return None


def _known(path: Sequence[Any]) -> list[str]:
    form = next((FORMS[part] for part in reversed(path) if part in FORMS), None)
    model = form or (SECTIONS.get(path[0], Shape) if len(path) > 1 else Shape)
    return [field.alias or name for name, field in model.model_fields.items()] + (["extends"] if model is Shape else [])
