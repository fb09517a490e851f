"""Names for the entries of a spec, each of its own."""

from __future__ import annotations

from collections.abc import Iterable

from lc_core.common.characters import controls
from lc_core.common.spelling import free_name
from lc_core.spec.load import Node
from lc_core.spec.problems import Problems

__all__ = ["Labels", "RESERVED"]

RESERVED = ("__metadata__", "index", "realism", "x", "z")
"""Names of other arrays in a run's `samples.safetensors`, and of the term of realism."""


class Labels:
    """Hands out labels: those that the spec gives, and for the others the name with a number where it is taken."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._taken = set(RESERVED)

    def reserve(self, entries: Iterable[Node]) -> None:
        """Take all labels that the spec gives, and note those that are given twice."""
        for entry in entries:
            given = entry.get("label")
            if given is not None and isinstance(given.content, str):
                if controls(given.content) != given.content:
                    self._problems.add(
                        given.where, f"label {given.content!r} has a control character; write a plain one"
                    )
                elif given.content in RESERVED:
                    self._problems.add(given.where, f"label {given.content!r} is reserved")
                elif given.content in self._taken:
                    self._problems.add(given.where, f"duplicate label {given.content!r}")
                self._taken.add(given.content)
            for inside in entry.children():
                if inside.is_mapping:  # the entry of `not`; params have no entries in them
                    self.reserve([inside] if inside is not entry.get("params") else [])
                elif isinstance(inside.content, list):
                    self.reserve(one for one in inside.content if one.is_mapping)

    def take(self, entry: Node, name: str) -> str:
        """Return the entry's own label, or a free one made from `name`."""
        given = entry.get("label")
        if given is not None and isinstance(given.content, str):
            return given.content
        return free_name(name, self._taken)
