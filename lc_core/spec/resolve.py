"""Turns a spec file into a `Spec`: finds its plugins, checks their settings, and builds its constraints."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from lc_core.common.spelling import misspelt, nearest
from lc_core.constraints.constraint import GUIDES, Constraint, Entry, Group, leaves
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import WANT_KEYS
from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry
from lc_core.plugins.registry import Registered, Registry, view_of
from lc_core.plugins.settings import checked, message_of, values_of
from lc_core.spec.feasible import check_feasible
from lc_core.spec.files import find_spec, keys_at, located, read_tree
from lc_core.spec.labels import Labels
from lc_core.spec.load import Node
from lc_core.spec.overrides import override
from lc_core.spec.preserve import preserve_every
from lc_core.spec.problems import Problems, Where
from lc_core.spec.refine_settings import RefineSettings
from lc_core.spec.schema import GROUPS, check_shape, report
from lc_core.spec.values import FitSettings, Preserve, SampleSettings, Selected, Spec

__all__ = ["load_model_of", "load_spec"]


def load_spec(
    path_or_name: str | Path,
    *,
    registry: Registry | None = None,
    overrides: Sequence[str] = (),
    engine: str | None = None,
    count: int | None = None,
    seed: int | None = None,
    budget: int | None = None,
) -> Spec:
    """Read a spec, check all of it, and fill in every default. Imports plugin modules, but no torch.

    Args:
        path_or_name: A path, or the name of a shipped spec such as `melody/c_major`.
        registry: What is installed; looked up if not given.
        overrides: Texts `key.index.key=value`, as of `--set`.
        engine: Engine to use in place of the spec's and its parameters.
        count: Outputs to deliver, in place of the spec's.
        seed: Sampling seed, in place of the spec's.
        budget: Most tries, in place of the spec's.

    Raises:
        SpecError: With everything that is wrong in the spec, one line each: `file:line:column: error: ...`.
        LCError: If there is no such file.
    """
    path = find_spec(path_or_name)
    problems = Problems()
    tree = read_tree(path, problems)
    sample = {"count": count, "seed": seed, "budget": budget}
    tree = override(tree, settings=overrides, engine=engine, sample=sample, problems=problems)
    return _Resolver(registry or build_registry(), problems).spec(tree, path)


def load_model_of(path_or_name: str | Path, *, registry: Registry) -> Selected:
    """Read which model a spec names, and check nothing else of the spec.

    Args:
        path_or_name: A path, or the name of a shipped spec.
        registry: What is installed.

    Raises:
        SpecError: If the file cannot be read, or names no model that can be had with these settings.
        LCError: If there is no such file.
    """
    path = find_spec(path_or_name)
    problems = Problems()
    tree = read_tree(path, problems)
    model = _Resolver(registry, problems).model(tree)
    problems.check()
    if model is None:
        raise LCError(f"{path} names no model", hint="write model: and the name of one; lc plugins lists them")
    return Selected(model.plugin, model.params, model.use)


@dataclass(frozen=True)
class _Found:
    """A component that exists and can be loaded."""

    plugin: Registered
    target: Any
    use: str
    params: dict[str, Any]


class _Resolver:
    """Checks each part on its own, so that a mistake in one hides none in another."""

    def __init__(self, registry: Registry, problems: Problems) -> None:
        self._registry = registry
        self._problems = problems
        self._output: str | None = None
        self._model: _Found | None = None
        self._labels = Labels(problems)
        self._folder = Path()
        self._places: list[tuple[Constraint, Where]] = []

    def model(self, tree: Node) -> _Found | None:
        """Return the model that a spec names, or note what is wrong with it."""
        return self._component("model", tree.get("model"))

    def spec(self, tree: Node, path: Path) -> Spec:
        """Return the whole spec, or raise with all problems."""
        self._folder = path.parent
        shape = check_shape(tree, self._problems)
        model = self.model(tree)
        self._model, self._output = model, model.plugin.output(model.params) if model else None
        entries = self._entries(tree.get("constraints"))
        engine = self._component("engine", tree.get("engine"), default="auto")
        keep = self._kept(tree.get("keep"), entries, model)
        renderers = self._renderers(tree.get("render"))
        self._problems.check()
        assert shape and model and engine, "what is missing has been told"
        given = shape.sample
        budget = given.budget if given.budget is not None else _default_budget(engine.target, given.count)
        return Spec(
            name=shape.name or re.sub(r"[^\w.-]+", "-", path.stem).lstrip(".-") or "spec",
            model=Selected(model.plugin, model.params, model.use),
            entries=tuple(entries),
            engine=Selected(engine.plugin, engine.params, engine.use),
            realism=shape.realism,
            base=shape.base,
            sample=SampleSettings(given.count, given.seed, budget, given.unique, given.moves),
            fit=FitSettings(**{**vars(shape.fit), "refine": RefineSettings(**shape.fit.refine.model_dump())}),
            renderers=tuple(Selected(one.plugin, one.params, one.use) for one in renderers),
            keep=keep,
            view=view_of(self._registry, model.plugin.output(model.params)),
            source=path,
            resolved=shape.resolved,
            given={
                "engine": tuple(shape.engine.params),
                "sample": tuple(key for key in type(given).model_fields if key in given.model_fields_set),
            },
        )

    def _component(
        self,
        kind: str,
        node: Node | None,
        *,
        default: str | None = None,
        get: Callable[[str], Registered] | None = None,
    ) -> _Found | None:
        """Find what a `{use, params}` node names, load it, and fill in its settings."""
        use = node.get("use") if node else None
        name = use.content if use else default
        if not isinstance(name, str):
            return None
        place = use.where if use else node.where if node else Where("engine")
        try:
            plugin = get(name) if get else self._registry.get(kind, name)
            target = plugin.load()
            settings = plugin.parameters()
        except LCError as error:
            if (kind, name) == ("constraint", "realism"):
                message = "realism is no constraint: nothing measures it on an output; give it a weight at the top"
                self._problems.add(place, message, hint="realism: 8")
            else:
                self._problems.add(place, error.message, hint=error.hint)
            return None
        given = node.get("params") if node else None
        if given is not None and not given.is_mapping:
            return None
        try:
            values = checked(plugin, located(given, settings, self._folder) if given else {})
        except LCError as error:
            self._problems.add(given.where if given else place, error.message, hint=error.hint)
            return None
        except ValidationError as error:
            holder = given or Node({}, place)
            report(holder, error, lambda path: keys_at(settings, path), self._problems, inside=f"the params of {name}")
            return None
        return _Found(plugin, target, self._registry.spelling(plugin), values)

    def _entries(self, node: Node | None) -> list[Entry]:
        items = node.content if node and isinstance(node.content, list) else []
        self._labels.reserve(items)
        built = [self._entry(item) for item in items]
        entries = [one for one in built if one is not None]
        check_feasible(entries, self._places, self._problems)
        return entries

    def _entry(self, node: Node) -> Entry | None:
        options = self._options(node)
        kind = next((key for key in GROUPS if key in node.keys), None)
        if kind is None:
            return self._constraint(node, options)
        options["label"] = self._labels.take(node, kind)
        inside = node.content[kind]
        children = [inside] if kind == "not" else inside.content
        if not isinstance(children, list):
            return None
        built = [self._entry(child) for child in children]
        entries = tuple(one for one in built if one is not None)
        return Group(kind, entries, **options) if entries and len(entries) == len(built) else None

    def _options(self, node: Node) -> dict[str, Any]:
        """Return weight and require where they are usable; the shape's check tells where they are not."""
        weight, require = node.get("weight"), node.get("require")
        options: dict[str, Any] = {}
        if weight and _is_number(weight.content) and weight.content >= 0:
            options["weight"] = float(weight.content)
        if require and isinstance(require.content, bool):
            options["require"] = require.content
        return options

    def _constraint(self, node: Node, options: dict[str, Any]) -> Constraint | None:
        found = self._component("constraint", node)
        if found is None:
            return None
        label = self._labels.take(node, found.plugin.short)
        measurement = self._measurement(found, node.content["use"].where)
        wanted = _wanted(node)
        if wanted is None:
            return None
        free = self._free(node, found)
        guide = given.content if (given := node.get("guide")) and given.content in GUIDES else "critic"
        try:
            constraint = Constraint(measurement, label=label, free=free, guide=guide, **options, **wanted)
        except LCError as error:
            place = next((node.keys[key] for key in wanted), node.where)
            key = error.message.partition(": ")[0]
            place = node.keys[key] if key in ("free", "guide") else place
            self._problems.add(place, error.message, hint=error.hint)
            return None
        self._places.append((constraint, next((node.keys[key] for key in wanted), node.where)))
        return constraint

    def _free(self, node: Node, found: _Found) -> dict[str, Sequence[Any]] | None:
        """Return what is free of a constraint, each value as its measurement takes it; the shape's check tells more."""
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
                self._problems.add(place, _told(error, found.plugin))
        return result

    def _kept(self, node: Node | None, entries: Sequence[Entry], model: _Found | None) -> tuple[Preserve, ...]:
        """Return what is kept: `all`, measurements by name, and those of entries by their label."""
        labelled = {leaf.label: leaf.measurement for leaf in leaves(entries)}
        found: list[Preserve] = []
        for item in node.content if node and isinstance(node.content, list) else []:
            name, tolerance = _named(item)
            if name == "all" and model and self._output:
                every = preserve_every(model.use, self._output, entries, self._registry)
                found += [Preserve(one, tolerance) for one in every]
            elif name in labelled and not item.get("params"):
                found.append(Preserve(labelled[name], tolerance))
            elif one := self._component("constraint", item):
                found.append(Preserve(self._measurement(one, item.where), tolerance))
        return tuple(found)

    def _measurement(self, found: _Found, place: Where) -> Measurement:
        """Return a measurement with its settings; tell if it does not measure what the model makes."""
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

    def _renderers(self, node: Node | None) -> list[_Found]:
        items = node.content if node and isinstance(node.content, list) else []
        found: list[_Found] = []
        for item in items:
            one = self._component("renderer", item, get=self._renderer)
            if one is None:
                continue
            if not self._draws(one.target):
                accepts = " or ".join(_accepted(one.target)) or "nothing"
                guess = misspelt(self._output or "", _accepted(one.target))
                told = f"{one.use} draws {accepts}, but the model makes {self._output}{guess}"
                self._problems.add(item.where, told)
            rival = next((other for other in found if _suffix(other.target) == _suffix(one.target)), None)
            if rival and rival.plugin == one.plugin:
                self._problems.add(item.where, f"{one.use} is listed twice")
            elif rival:
                self._problems.add(item.where, f"{rival.use} and {one.use} both write {_suffix(one.target)} files")
            found.append(one)
        return found

    def _renderer(self, name: str) -> Registered:
        """Find a renderer by its name, or by the part after the dot among those that fit the model's outputs."""
        known = self._registry.all("renderer")
        if "." in name or ":" in name or any(one.name == name for one in known):
            return self._registry.get("renderer", name)
        usable = [one for one in known if self._usable(one)]
        fitting = [one for one in usable if one.short == name]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            raise LCError(f"renderer {name!r} is ambiguous: {' and '.join(one.qualified for one in fitting)}")
        names = sorted({one.short for one in usable})
        close = nearest(name, names)
        guess = f"(did you mean {' or '.join(close)}?)" if close else f"(installed: {', '.join(names) or 'none'})"
        raise LCError(f"unknown renderer {name!r} for {self._output or 'these outputs'} {guess}")

    def _usable(self, renderer: Registered) -> bool:
        try:
            return self._draws(renderer.load())
        except LCError:
            return False  # told when a spec names it in full

    def _draws(self, renderer: Any) -> bool:
        return self._output is None or bool({self._output, "*"} & set(_accepted(renderer)))


def _default_budget(engine: Any, count: int) -> int | None:
    """Return the budget that an engine's class gives; None if it is a function, whose engine is not built yet."""
    given = getattr(engine, "default_budget", None)
    return int(given(count)) if given else None


def _accepted(renderer: Any) -> tuple[str, ...]:
    accepts = getattr(renderer, "accepts", ())
    return (accepts,) if isinstance(accepts, str) else tuple(accepts)


def _suffix(renderer: Any) -> Any:
    return getattr(renderer, "suffix", renderer)


def _wanted(node: Node) -> dict[str, Any] | None:
    """Return the bounds of an entry as `Constraint` takes them, or None if its shape is wrong, which is told."""
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


def _told(error: Exception, plugin: Registered) -> str:
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
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
