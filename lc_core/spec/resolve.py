"""Turns a spec file into a `Spec`: finds its plugins, checks their settings, and builds its constraints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry
from lc_core.plugins.registry import Registry, view_of
from lc_core.spec.components import Components, Found
from lc_core.spec.entries import Entries
from lc_core.spec.files import find_spec, read_tree
from lc_core.spec.load import Node
from lc_core.spec.overrides import override
from lc_core.spec.problems import Problems
from lc_core.spec.refine_settings import RefineSettings
from lc_core.spec.shape import check_shape
from lc_core.spec.values import FitSettings, SampleSettings, Selected, Spec

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
    return _spec(tree, path, registry or build_registry(), problems)


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
    model = Components(registry, problems).find("model", tree.get("model"))
    problems.check()
    if model is None:
        raise LCError(f"{path} names no model", hint="write model: and the name of one; lc plugins lists them")
    return model.selected


def _spec(tree: Node, path: Path, registry: Registry, problems: Problems) -> Spec:
    """Return the whole spec, each part checked on its own, or raise with all problems."""
    components = Components(registry, problems, path.parent)
    shape = check_shape(tree, problems)
    model = components.find("model", tree.get("model"))
    output = model.plugin.output(model.params) if model else None
    builder = Entries(components, model, output)
    entries = builder.built(tree.listed("constraints"))
    engine = components.find("engine", tree.get("engine"), default="auto")
    keep = builder.preserved(tree.listed("keep"), entries)
    renderers = components.find_renderers(tree.listed("render"), output)
    problems.check()
    assert shape and model and engine, "what is missing has been noted"
    given = shape.sample
    budget = given.budget if given.budget is not None else _default_budget(engine, given.count)
    return Spec(
        name=shape.name or re.sub(r"[^\w.-]+", "-", path.stem).lstrip(".-") or "spec",
        model=model.selected,
        entries=tuple(entries),
        engine=engine.selected,
        realism=shape.realism,
        base=shape.base or "",
        sample=SampleSettings(given.count, given.seed, budget, given.unique, given.moves),
        fit=FitSettings(**{**vars(shape.fit), "refine": RefineSettings(**shape.fit.refine.model_dump())}),
        renderers=tuple(one.selected for one in renderers),
        keep=keep,
        view=view_of(registry, model.plugin.output(model.params)),
        source=path,
        resolved=shape.resolved,
        given={
            "engine": tuple(shape.engine.params),
            "sample": tuple(key for key in type(given).model_fields if key in given.model_fields_set),
        },
    )


def _default_budget(engine: Found, count: int) -> int | None:
    """Return the budget that an engine's class gives; None if it is a function, whose engine is not built yet."""
    given = getattr(engine.target, "default_budget", None)
    return int(given(count, engine.params)) if given else None
