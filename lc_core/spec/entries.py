"""Builds the constraints of a spec, and what its edits preserve."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from lc_core.common.spelling import misspelt
from lc_core.constraints.constraint import GUIDES, Constraint, Entry, Group, leaves, map_leaves
from lc_core.constraints.difference import differences
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import WANT_KEYS
from lc_core.errors import LCError
from lc_core.plugins.messages import message_of
from lc_core.plugins.registry import Registered
from lc_core.plugins.settings import checked, values_of
from lc_core.spec.components import Components, Found
from lc_core.spec.feasible import check_feasible
from lc_core.spec.labels import Labels
from lc_core.spec.load import Node
from lc_core.spec.preserve import preserve_every
from lc_core.spec.problems import Where
from lc_core.spec.schema import GROUPS
from lc_core.spec.values import Preserve

__all__ = ["Entries"]


class Entries:
    """Builds entries, each on its own, so that a mistake in one hides none in another.

    Args:
        components: What can be named; takes what is wrong.
        model: The spec's model, if it names one that can be had.
        output: What that makes.
    """

    def __init__(self, components: Components, model: Found | None, output: str | None) -> None:
        self._components, self._problems = components, components.problems
        self._model, self._output = model, output
        self._labels = Labels(self._problems)
        self._places: list[tuple[Constraint, Where]] = []
        self._unnamed: list[Constraint] = []

    def built(self, items: Sequence[Node]) -> list[Entry]:
        """Return the entries that can be built."""
        self._labels.reserve(items)
        entries = [entry for item in items if (entry := self._entry(item)) is not None]
        check_feasible(entries, self._places, self._problems)
        told = {id(one): text for one, text in zip(self._unnamed, differences(self._unnamed), strict=True)}

        def named(leaf: Constraint) -> Constraint:
            if id(leaf) not in told:
                return leaf
            return replace(leaf, label=self._labels.take(f"{leaf.label} {told[id(leaf)]}".strip()))

        return [map_leaves(entry, named) for entry in entries]

    def _entry(self, node: Node) -> Entry | None:
        options = self._options(node)
        kind = next((key for key in GROUPS if key in node.keys), None)
        if kind is None:
            return self._constraint(node, options)
        options["label"] = Labels.given(node) or self._labels.take(kind)
        inside = node.content[kind]
        children = [inside] if kind == "not" else inside.content
        if not isinstance(children, list):
            return None
        built = [self._entry(child) for child in children]
        entries = tuple(one for one in built if one is not None)
        return Group(kind, entries, **options) if entries and len(entries) == len(built) else None

    def _options(self, node: Node) -> dict[str, Any]:
        """Return weight and require where they are usable; `check_shape` says where they are not."""
        weight, require = node.get("weight"), node.get("require")
        options: dict[str, Any] = {}
        if weight and _is_number(weight.content) and weight.content >= 0:
            options["weight"] = float(weight.content)
        if require and isinstance(require.content, bool):
            options["require"] = require.content
        return options

    def _constraint(self, node: Node, options: dict[str, Any]) -> Constraint | None:
        found = self._components.find("constraint", node)
        if found is None:
            return None
        label = Labels.given(node)
        measurement = self._measurement(found, node.content["use"].where)
        wanted = _wanted(node)
        if wanted is None:
            return None
        free = self._free(node, found)
        guide = given.content if (given := node.get("guide")) and given.content in GUIDES else "critic"
        place = next((node.keys[key] for key in wanted), node.where)
        try:
            constraint = Constraint(
                measurement, label=label or found.plugin.short, free=free, guide=guide, **options, **wanted
            )
        except LCError as error:
            key = error.message.partition(": ")[0]
            self._problems.add(node.keys[key] if key in ("free", "guide") else place, error.message, hint=error.hint)
            return None
        self._places.append((constraint, place))
        if label is None:
            self._unnamed.append(constraint)
        return constraint

    def _free(self, node: Node, found: Found) -> dict[str, Sequence[Any]] | None:
        """Return what is free of a constraint, each value as its measurement takes it.

        `check_shape` says what else is wrong with it.
        """
        free = node.get("free")
        if free is None or not free.is_mapping:
            return None
        given: dict[str, Any] = free.plain()
        result: dict[str, Sequence[Any]] = {}
        for key, values in given.items():
            place = free.keys[key]
            if key in WANT_KEYS:
                if not isinstance(values, list) or not all(map(_is_number, values)):
                    self._problems.add(place, f"a free {key} should be a range [low, high]; found {values!r}")
                    continue
                result[key] = values
                continue
            if values == "all":
                values = values_of(found.plugin, key)
                if values is None:
                    self._problems.add(place, f"the values of {key} are not known", hint=f"list them: {key}: [...]")
                    continue
            if not isinstance(values, list) or not values:
                self._problems.add(place, f"a free {key} should be `all` or a list of values; found {values!r}")
                continue
            try:
                result[key] = [checked(found.plugin, {**_given(node), key: value})[key] for value in values]
            except (ValidationError, LCError, KeyError) as error:
                self._problems.add(place, _message(error, found.plugin))
        return result

    def preserved(self, items: Sequence[Node], entries: Sequence[Entry]) -> tuple[Preserve, ...]:
        """Return what is preserved: `all`, measurements by name, and those of entries by their label."""
        labelled = {leaf.label: leaf.measurement for leaf in leaves(entries)}
        found: list[Preserve] = []
        for item in items:
            name, tolerance = _named(item)
            if name == "all" and self._model and self._output:
                every = preserve_every(self._model.use, self._output, entries, self._components.registry)
                found += [Preserve(one, tolerance) for one in every]
            elif isinstance(name, str) and name in labelled and not item.get("params"):
                found.append(Preserve(labelled[name], tolerance))
            elif one := self._components.find("constraint", item):
                found.append(Preserve(self._measurement(one, item.where), tolerance))
        return tuple(found)

    def _measurement(self, found: Found, place: Where) -> Measurement:
        """Return a measurement with its settings; note if it does not measure what the model makes."""
        measurement = Measurement(found.target, found.params, name=found.use, source=found.plugin.distribution)
        if self._output and not measurement.accepts(self._output):
            accepts = " or ".join(measurement.info.accepts)
            guess = misspelt(self._output, measurement.info.accepts)
            self._problems.add(place, f"{found.use} measures {accepts}, but the model makes {self._output}{guess}")
        try:
            needs = measurement.needs()
            if needs and self._model and self._output:
                needs.check_named(self._model.use, self._model.params, self._output)
        except LCError as error:
            self._problems.add(place, error.message, hint=error.hint)
        return measurement


def _wanted(node: Node) -> dict[str, Any] | None:
    """Return the bounds of an entry as `Constraint` takes them, or None if `check_shape` finds them wrong."""
    wanted: dict[str, Any] = {}
    for key in (key for key in WANT_KEYS if key in node.keys):
        value = node.content[key].plain()
        numbers = value if key == "between" and isinstance(value, list) and len(value) == 2 else [value]
        if (key == "between") != (len(numbers) == 2) or not all(map(_is_number, numbers)):
            return None
        if key == "tolerance" and value < 0:
            return None
        wanted[key] = tuple(map(float, numbers)) if key == "between" else float(value)
    return wanted


def _given(node: Node) -> dict[str, Any]:
    params = node.get("params")
    return params.plain() if params and params.is_mapping else {}


def _message(error: Exception, plugin: Registered) -> str:
    """Say what is wrong with a free value."""
    if isinstance(error, LCError):
        return error.message
    if isinstance(error, ValidationError):
        known = list(plugin.parameters().model_fields)
        return "; ".join(message_of(dict(one), known) for one in error.errors())
    return f"{plugin.name} has no parameter {error}"


def _named(item: Node) -> tuple[Any, float | None]:
    """Return the name that an item of `keep` gives, and its tolerance where that is usable."""
    use, given = item.get("use"), item.get("tolerance")
    tolerance = float(given.content) if given and _is_number(given.content) and given.content >= 0 else None
    return (use.content if use else None), tolerance


def _is_number(value: Any) -> bool:
    """Return whether a value is a number that a float can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
