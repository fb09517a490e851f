"""Specs that a page sends: what they may name, what is wrong with them, and how they are given back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lc_core import LCError, Measurement
from lc_core.plugins import Registry
from lc_core.spec import Spec, SpecError, yaml_text
from lc_plugins.studio.catalogue import Catalogue

__all__ = ["exported", "problems_of", "refuse_files", "usual"]

Json = dict[str, Any]
MOST_USUAL = 64
"""Most settings of one rule that are measured before anybody asks."""


def usual(registry: Registry, catalogue: Catalogue) -> Iterator[Measurement]:
    """Yield what a page is likely to ask: each rule by default, and each word of the one setting that must be given.

    Rules whose settings cannot be guessed are left out.
    """
    for one in registry.all("constraint"):
        try:
            target, properties = one.load(), one.parameters().model_json_schema()
            if catalogue.output_type not in Measurement(target).info.accepts:
                continue
            needed = properties.get("required", [])
            words = _words(properties["properties"][needed[0]]) if len(needed) == 1 else []
            for params in [{needed[0]: word} for word in words[:MOST_USUAL]] if needed else [{}]:
                yield Measurement(target, one.fill(params), one.name, one.distribution)
        except LCError:
            continue


def _words(schema: Mapping[str, Any]) -> Sequence[Any]:
    """Return all values of a setting, if they are words or whole numbers between two bounds."""
    if schema.get("type") == "integer" and "minimum" in schema and "maximum" in schema:
        return range(schema["minimum"], schema["maximum"] + 1)
    return list(schema.get("enum", ()))


def exported(doc: Json, spec: Spec, settled: Spec) -> str:
    """Return the YAML of a spec, with what of the bank is tried first: `lc sample` then delivers the same."""
    if settled is not spec:
        doc = {**doc, "engine": {"use": "auto", "params": dict(settled.engine.params)}}
    return yaml_text(doc)


def refuse_files(doc: Json, allowed: frozenset[str]) -> None:
    """Refuse a spec of a page that names a file or folder, unless the spec that the studio was opened with names it.

    Raises:
        LCError: Naming it.
    """
    if "extends" in doc:
        raise LCError("a spec of the page cannot extend another", hint="open it: lc studio SPEC")
    for text in _texts({key: one for key, one in doc.items() if key not in ("name", "label")}):
        if text not in allowed and ("/" in text or "\\" in text or text.startswith(("~", "."))):
            hint = "name it in a spec of yours, and open that: lc studio SPEC"
            raise LCError(f"a spec of the page cannot name files of this machine; found {text!r}", hint=hint)


def _texts(part: Any) -> Iterator[str]:
    """Yield the texts among the values of plain data."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping):
        for key, one in part.items():
            if key not in ("use", "label"):
                yield from _texts(one)
    elif isinstance(part, list):
        for one in part:
            yield from _texts(one)


def problems_of(error: LCError) -> list[Json]:
    """Return what is wrong with a spec, each with its place; line 0 where there is none."""
    if not isinstance(error, SpecError):
        return [{"line": 0, "column": 0, "message": error.message, "hint": error.hint}]
    return [
        {"line": one.where.line, "column": one.where.column, "message": one.message, "hint": error.hint}
        for one in error.problems
    ]
