"""Changes to a spec from the command line: `--set`, `--engine`, `--count`, `--seed`, `--budget`."""

from __future__ import annotations

from collections.abc import Sequence

from lc_core.spec.files import normalised
from lc_core.spec.load import Node, parse
from lc_core.spec.problems import Problems, Where

__all__ = ["override"]


def override(
    tree: Node,
    *,
    settings: Sequence[str],
    engine: str | None,
    sample: dict[str, int | None],
    problems: Problems,
) -> Node:
    """Return the tree with changes.

    Args:
        tree: A spec.
        settings: Texts `key.key.index=value`; the value is YAML, an index counts from 0.
        engine: Name of an engine that replaces the spec's, parameters included; settings apply to the new one.
        sample: Values of `sample`, such as its count; None leaves one as it is.
        problems: Takes what is wrong, placed at the option.
    """
    if engine is not None:
        at = Where(f"--engine {engine}")
        tree = tree.with_item("engine", Node({"use": Node(engine, at)}, at, {"use": at}), where=at)
    for setting in settings:
        tree = _set(tree, setting, problems)
    for key, value in sample.items():
        if value is not None:
            at = Where(f"--{key} {value}")
            tree = _put(tree, ["sample", key], Node(value, at), at, problems)
    return tree


def _set(tree: Node, setting: str, problems: Problems) -> Node:
    at = Where(f"--set {setting}")
    path, equals, text = setting.partition("=")
    parts = path.strip().split(".")
    if not equals or not all(parts):
        problems.add(at, "expected KEY=VALUE, such as constraints.1.at_least=0.5")
        return tree
    value = parse(text, source=at.source, problems=problems, at=at) or Node(None, at)
    return normalised(_put(tree, parts, value, at, problems))


def _put(node: Node, path: list[str], value: Node, at: Where, problems: Problems, done: str = "") -> Node:
    """Return `node` with `value` at `path`; mappings on the way are made where there are none."""
    key, rest = path[0], path[1:]
    here = f"{done}.{key}" if done else key
    if isinstance(node.content, list):
        if not (key.isdecimal() and int(key) < len(node.content)):
            held = f"entries 0 to {len(node.content) - 1}" if node.content else "no entries"
            problems.add(at, f"{done} has {held}; found {key!r}")
            return node
        items = list(node.content)
        items[int(key)] = _put(items[int(key)], rest, value, at, problems, here) if rest else value
        return Node(items, node.where)
    if node.content is not None and not node.is_mapping:
        problems.add(at, f"{done} is {node.content!r}, which has no {key!r}")
        return node
    mapping = node if node.is_mapping else Node({}, at)
    old = mapping.get(key) or Node({}, at)
    new = _put(old, rest, value, at, problems, here) if rest else value
    return mapping.with_item(key, new, where=at)
