"""Reads YAML into nodes that know their line and column.

Plain values are those of the YAML 1.2 core schema: `1e-3` is a number, only true and false are booleans, `012` is
twelve and `1:30` is text. Tags are refused, so that a file can never name Python to import; so are equal keys, merge
keys, and files that are too large, too deep or grow too much by aliases.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from lc_core.common.spelling import nearest
from lc_core.spec.problems import Problems, Where
from lc_core.spec.spaces import HINT, dash, decimal_comma, in_scalar, in_structure, shown, tab

__all__ = ["FLOAT", "INTEGER", "MAX_ALIASES", "MAX_BYTES", "MAX_DEPTH", "Node", "parse"]

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
MAX_ALIASES = 100
MAX_NODES = 100_000
"""Values in a file, those that aliases repeat included."""

INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
CONSTANTS = {text: None for text in ("", "~", "null", "Null", "NULL")} | {
    form(text): text == "true" for text in ("true", "false") for form in (str.lower, str.title, str.upper)
}
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # only its scanner and parser are used


@dataclass(frozen=True)
class Node:
    """A value of a YAML file with its place.

    Args:
        content: Text, number, boolean or None; a list of nodes; or a mapping of text to nodes.
        where: Where it starts.
        keys: Where each key of a mapping stands.
    """

    content: Any
    where: Where
    keys: dict[str, Where] = field(default_factory=dict)
    size: int = field(init=False, default=1)
    height: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        inside = list(self.children())
        object.__setattr__(self, "size", 1 + sum(one.size for one in inside))
        object.__setattr__(self, "height", 1 + max((one.height for one in inside), default=0))

    def children(self) -> Iterator[Node]:
        """Yield the nodes directly inside."""
        if isinstance(self.content, dict):
            yield from self.content.values()
        elif isinstance(self.content, list):
            yield from self.content

    @property
    def is_mapping(self) -> bool:
        """Whether it holds keys and values."""
        return isinstance(self.content, dict)

    def get(self, key: str) -> Node | None:
        """Return the value at a key, or None if this is no mapping or has no such key."""
        found = self.content.get(key) if isinstance(self.content, dict) else None
        return found if isinstance(found, Node) else None

    def listed(self, key: str) -> list[Node]:
        """Return the nodes of the list at a key; none if there is no list."""
        found = self.get(key)
        return found.content if found and isinstance(found.content, list) else []

    def place(self, key: str) -> Where:
        """Return where a key stands, or where the mapping starts if it lacks that key."""
        return self.keys.get(key, self.where)

    def with_item(self, key: str, value: Node, *, where: Where | None = None) -> Node:
        """Return a copy of a mapping with one more or another value."""
        content = {**self.content, key: value}
        return Node(content, self.where, {**self.keys, key: where or self.keys.get(key, value.where)})

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.content, dict):
            return {key: value.plain() for key, value in self.content.items()}
        if isinstance(self.content, list):
            return [value.plain() for value in self.content]
        return self.content

    def find(self, path: Sequence[Any]) -> Node:
        """Follow keys and indices inwards, passing over those that are not there."""
        node = self
        for part in path:
            if isinstance(node.content, dict) and part in node.content:
                node = node.content[part]
            elif isinstance(node.content, list) and isinstance(part, int) and part < len(node.content):
                node = node.content[part]
        return node


def parse(text: str, *, source: str, problems: Problems, at: Where | None = None) -> Node | None:
    """Read YAML text.

    Args:
        text: The text of one document.
        source: Its file, for messages.
        problems: Takes what is wrong.
        at: A place to give to every value in place of its line and column, such as an option of the command line.

    Returns:
        The root, or None if there is nothing in it.

    Raises:
        SpecError: If it is not YAML or is beyond a limit.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        problems.fail(at or Where(source), "it is not UTF-8")
    return _Composer(text, source, problems, at).document()


class _Composer:
    """Builds nodes from the events of a YAML parser, which never recurses itself."""

    def __init__(self, text: str, source: str, problems: Problems, at: Where | None) -> None:
        self._text, self._source, self._problems, self._at = text, source, problems, at
        self._anchors: dict[str, Node | None] = {}
        self._aliases = 0
        self._nodes = 0
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=LOADER)

    def document(self) -> Node | None:
        root: Node | None = None
        for event in iter(self._next, None):
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self._problems.fail(self._where(event), "expected one document; found a second")
                root = self._compose(self._expect(), 1)
        return None if root is None or root.content is None else root

    def _next(self) -> yaml.Event | None:
        try:
            return next(self._events, None)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = self._at or (Where(self._source, mark.line + 1, mark.column + 1) if mark else Where(self._source))
            start = error.context_mark
            context = f" {error.context}" if error.context else ""
            context += f" that starts in line {start.line + 1}" if start and context else ""
            end = self._text.find("\n", mark.index) if mark else -1
            odd = in_structure(self._text, end if end >= 0 else len(self._text))
            if odd is not None:
                self._add_odd(odd)
                self._problems.check()
            self._fail_if_typed(start.index if start else 0, end if end >= 0 else len(self._text))
            self._problems.fail(where, f"not YAML: {error.problem}{context}")
        except yaml.reader.ReaderError as error:
            self._problems.fail(self._at or Where(self._source, *self._bad_character()), f"not YAML: {error.reason}")

    def _fail_if_typed(self, start: int, end: int) -> None:
        """Note a character that looks right and is not, in the lines from one index to another."""
        start = self._text.rfind("\n", 0, start) + 1
        for find, hint in ((tab, "indent with spaces, two for each level"), (dash, "write a hyphen and a space: - ")):
            if found := find(self._text, start, end):
                line, column, words = found
                self._problems.fail(self._at or Where(self._source, line, column), words, hint=hint)

    def _add_odd(self, index: int) -> None:
        line, column, words = shown(self._text, index)
        self._problems.add(self._at or Where(self._source, line, column), words, hint=HINT)

    def _expect(self) -> yaml.Event:
        event = self._next()
        assert event is not None, "the parser ends what it starts"
        return event

    def _bad_character(self) -> tuple[int, int]:
        found = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", self._text)
        before = self._text[: found.start() if found else 0]
        return before.count("\n") + 1, len(before) - before.rfind("\n")

    def _where(self, event: yaml.Event) -> Where:
        mark = event.start_mark
        assert mark is not None, "the parser marks every event"
        return self._at or Where(self._source, mark.line + 1, mark.column + 1)

    def _compose(self, event: yaml.Event, depth: int) -> Node:
        where = self._where(event)
        if depth > MAX_DEPTH:
            self._problems.fail(where, f"nested more than {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(str(event.anchor), where, depth)
        self._count(1, where)
        tag = getattr(event, "tag", None)
        if tag is not None:
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self._problems.add(where, f"tag {shown} is not allowed; a spec holds plain values only")
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = None  # known, but not complete
        if isinstance(event, yaml.MappingStartEvent):
            node = self._mapping(where, depth)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(where, depth)
        else:
            assert isinstance(event, yaml.ScalarEvent)
            node = Node(self._scalar(event, where), where)
        if anchor is not None:
            self._anchors[anchor] = node
        return node

    def _sequence(self, where: Where, depth: int) -> Node:
        items = []
        while not isinstance(event := self._expect(), yaml.SequenceEndEvent):
            items.append(self._compose(event, depth + 1))
        return Node(items, where)

    def _mapping(self, where: Where, depth: int) -> Node:
        content: dict[str, Node] = {}
        keys: dict[str, Where] = {}
        while not isinstance(event := self._expect(), yaml.MappingEndEvent):
            key = self._compose(event, depth + 1)
            place = self._where(event)
            value = self._compose(self._expect(), depth + 1)
            mark = event.start_mark
            if isinstance(key.content, int) and mark and (words := decimal_comma(self._text, mark.index)):
                self._problems.add(place, words)
            elif not isinstance(key.content, str):
                self._problems.add(place, f"a key must be text; found {key.plain()!r}")
            elif key.content == "<<":
                self._problems.add(place, "merge keys (<<) are not allowed", hint="extends: builds on another spec")
            elif key.content in keys:
                self._problems.add(place, f"duplicate key {key.content!r}; first in line {keys[key.content].line}")
            else:
                content[key.content], keys[key.content] = value, place
        return Node(content, where, keys)

    def _alias(self, anchor: str, where: Where, depth: int) -> Node:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            self._problems.fail(where, f"more than {MAX_ALIASES} aliases")
        if anchor not in self._anchors:
            close = nearest(anchor, list(self._anchors), count=1)
            self._problems.fail(where, f"unknown alias *{anchor}" + (f" (did you mean *{close[0]}?)" if close else ""))
        node = self._anchors[anchor]
        if node is None:
            self._problems.fail(where, f"alias *{anchor} contains itself")
        if depth + node.height - 1 > MAX_DEPTH:
            self._problems.fail(where, f"nested more than {MAX_DEPTH} deep")
        self._count(node.size, where)
        return node

    def _count(self, nodes: int, where: Where) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            self._problems.fail(where, f"more than {MAX_NODES} values, counting what aliases repeat")

    def _scalar(self, event: yaml.ScalarEvent, where: Where) -> str | int | float | bool | None:
        text = event.value
        if event.style:  # quoted, or a block of text
            return text
        if not text.isascii():
            start, end = event.start_mark, event.end_mark
            assert start is not None and end is not None, "the parser marks every event"
            odd = in_scalar(self._text, start.index, end.index)
            if odd is not None:
                self._add_odd(odd)
            elif not self._text[self._text.rfind("\n", 0, start.index) + 1 : start.index].strip():
                self._fail_if_typed(start.index, end.index)
        if text in CONSTANTS:
            return CONSTANTS[text]
        if INTEGER.fullmatch(text):
            try:
                return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
            except ValueError:
                self._problems.add(where, f"a number of {len(text)} digits is too long")
                return None
        if FLOAT.fullmatch(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        return text
