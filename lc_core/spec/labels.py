"""Names for the entries of a spec, each of its own, that tell what differs between entries of one rule."""

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
    """Hands out labels: those that the spec gives, and for the others a name, with a number where it is taken."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._taken = set(RESERVED)

    def reserve(self, entries: Iterable[Node]) -> None:
        """Take all labels that the spec gives, and note those that are given twice."""
        for entry in entries:
            if (given := self.given(entry)) is not None:
                where = entry.content["label"].where
                if controls(given) != given:
                    self._problems.add(where, f"label {given!r} has a control character; write a plain one")
                elif given in RESERVED:
                    self._problems.add(where, f"label {given!r} is reserved")
                elif given in self._taken:
                    self._problems.add(where, f"duplicate label {given!r}")
                self._taken.add(given)
            for inside in entry.children():
                if inside.is_mapping:  # the entry of `not`; params have no entries in them
                    self.reserve([inside] if inside is not entry.get("params") else [])
                elif isinstance(inside.content, list):
                    self.reserve(one for one in inside.content if one.is_mapping)

    @staticmethod
    def given(entry: Node) -> str | None:
        """Return the label that the spec gives an entry, if it does."""
        given = entry.get("label")
        return given.content if given is not None and isinstance(given.content, str) else None

    def take(self, name: str) -> str:
        """Return a free label made from `name`."""
        return free_name(name, self._taken)
