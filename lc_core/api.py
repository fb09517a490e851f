"""The Python API: sample without YAML, with plain functions and any object with `decode` and a prior."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lc_core.common.cache import Cache
from lc_core.common.spelling import free_name
from lc_core.constraints.constraint import Constraint, Entry, Group, leaves
from lc_core.constraints.difference import differences
from lc_core.constraints.measurement import Measurement
from lc_core.editing.problem import Transformation
from lc_core.editing.result import TransformResult
from lc_core.editing.settings import EditSettings
from lc_core.editing.transform import run_transformation
from lc_core.engines.base import Engine
from lc_core.errors import LCError
from lc_core.fitting.critics import FitSettings
from lc_core.models.adapt import as_latent_model
from lc_core.models.checks import check_decoder
from lc_core.models.latent_model import LatentModel
from lc_core.planning.auto import Auto
from lc_core.plugins.discover import build_registry
from lc_core.plugins.registry import Registry, view_of
from lc_core.runs.build import build_problem, prepare_problem
from lc_core.sampling.block import bank_for
from lc_core.sampling.problem import Problem, base_of
from lc_core.sampling.report import finish_report
from lc_core.sampling.result import SampleResult
from lc_core.sampling.sample import collect
from lc_core.spec.values import Preserve, Spec

__all__ = ["load_model", "sample", "transform"]


# Long by its docstring: one line for each argument.
def sample(
    spec: Spec | None = None,
    *,
    model: Any = None,
    constraints: Sequence[Entry | Callable[..., Any]] = (),
    engine: str | Engine = "auto",
    realism: float = 0.0,
    base: str = "",
    count: int = 16,
    seed: int = 0,
    budget: int | None = None,
    unique: bool = False,
    moves: int | None = None,
    fit: FitSettings | None = None,
    cache: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> SampleResult:
    """Sample outputs that meet constraints, each decoded and measured.

    Either a loaded spec, or everything by keyword:

    Args:
        spec: From `load_spec`; the other arguments but `cache` and `progress` are then left out.
        model: A `LatentModel`, or any object that `as_latent_model` takes.
        constraints: `Constraint` and `Group` objects, or functions declared with a default want.
        engine: An `Engine`, or the name of a registered one.
        realism: Weight of realism.
        base: What tries begin from, `prior` or `data`; as a spec's `base` if not given.
        count: Outputs to deliver.
        seed: Sampling seed; output i depends on (seed, i) alone.
        budget: Most tries; the engine's default if not given (`Engine.default_budget`).
        unique: Whether outputs must be distinct.
        moves: Exact moves of each output, which bring it nearer to an exact sample; the engine's own if not given.
        fit: How critics are fitted.
        cache: Keep fitted parts in the user's cache folder, and use those that are there.
        progress: Called with a line of text now and then.

    Returns:
        Latents, outputs, measurements, satisfied flags and a report; `len(result)` may be less than `count` if
        `result.status` is `budget spent`. What is wrong with a measurement, as its values show, is given as a warning.

    Raises:
        LCError: If something cannot be used, or a plugin is at fault.
    """
    if spec is None:
        if model is None:
            raise LCError("sample needs a spec or a model")
        registry = build_registry()
        built = _engine(engine, registry)
        checked = _checked(model)
        problem = Problem(
            model=checked,
            entries=_with_labels(constraints),
            engine=built,
            realism=realism,
            seed=seed,
            count=count,
            budget=built.default_budget(count, vars(built)) if budget is None else budget,
            unique=unique,
            base=base_of(base, realism, checked, left_open=isinstance(built, Auto)),
            moves=moves,
        )
        view = view_of(registry, problem.model.output_type)
    else:
        _check_alone(spec, (model, tuple(constraints), engine, realism, base, count, seed, budget, unique, moves, fit))
        problem, view, fit = build_problem(spec), spec.view, spec.fit
    kept = Cache() if cache else None
    prepared = prepare_problem(problem, fit, kept, progress)
    problem = replace(problem, engine=prepared.engine)
    bank = bank_for(problem, kept, progress)
    result, seconds = collect(problem, prepared.energy, bank=bank, view=view, say=progress)
    late = problem.engine.fit_seconds()
    times = {"fit": prepared.seconds + late, "sample": seconds - late}
    times["total"] = sum(times.values())
    finish_report(result, spec=spec, card=prepared.card, seconds=times)
    for fault in result.faults:
        warnings.warn(fault, stacklevel=2)
    return result


def transform(
    *,
    model: Any,
    inputs: Any,
    constraints: Sequence[Entry | Callable[..., Any]],
    engine: str | Engine = "gradient",
    realism: float = 0.0,
    keep: Sequence[Measurement | Callable[..., Any]] = (),
    seed: int = 0,
    fit: FitSettings | None = None,
    edit: EditSettings | None = None,
    cache: bool = True,
    progress: Callable[[str], None] = lambda _: None,
) -> TransformResult:
    """Change outputs as little as makes each meet constraints; each is decoded and measured.

    Args:
        model: A `LatentModel`, or any object that `as_latent_model` takes; one without an encoder is given one.
        inputs: Outputs of the model's type, first dimension N.
        constraints: `Constraint` and `Group` objects, or functions declared with a default want; one of them must be
            a condition.
        engine: An `Engine`, or the name of a registered one; `gradient` is taken in its form for edits, `edit`.
        realism: Weight of realism.
        keep: Measurements that must not change: held near what they were on each input.
        seed: Seed of the starts of further tries.
        fit: How critics are fitted.
        edit: How far it searches, out and back: `EditSettings` of `lc_core.editing`.
        cache: Keep fitted parts in the user's cache folder, and use those that are there.
        progress: Called with a line of text now and then, first for each input that the model cannot represent well.

    Returns:
        Latents and outputs before and after, measurements, which conditions are met, and distances. What is wrong
        with a measurement, as its values show, is given as a warning.

    Raises:
        LCError: If something cannot be used, or a plugin is at fault.
    """
    if isinstance(engine, str):
        engine = _engine(engine, build_registry()).for_edits(named=True)
    problem = Transformation(
        model=_checked(model),
        inputs=np.asarray(inputs),
        entries=_with_labels(constraints),
        engine=engine,
        realism=realism,
        keep=tuple(Preserve(one if isinstance(one, Measurement) else Measurement(one)) for one in keep),
        seed=seed,
    )
    kept = Cache() if cache else None
    result = run_transformation(problem, settings=fit, edit=edit, cache=kept, progress=progress)
    for fault in result.faults:
        warnings.warn(fault, stacklevel=2)
    return result


def load_model(name: str, *, registry: Registry | None = None, **params: Any) -> Any:
    """Return a registered model, such as `melody.folk-2bar`, as a `LatentModel`."""
    return (registry or build_registry()).get("model", name).build(params)


def _check_alone(spec: Any, others: tuple[Any, ...]) -> None:
    """Refuse what is no spec, and other arguments beside one."""
    if not isinstance(spec, Spec):
        raise LCError(f"sample takes a Spec; found {type(spec).__name__}", hint="lc_core.load_spec(path) reads one")
    if others != (None, (), "auto", 0.0, "", 16, 0, None, False, None, None):
        hint = "load_spec takes engine, count, seed, budget and overrides"
        raise LCError("sample takes a spec, or a model with what is wanted of it, not both", hint=hint)


def _engine(engine: str | Engine, registry: Registry) -> Engine:
    """Return an engine, or the registered one of that name with its own defaults."""
    if isinstance(engine, Engine):
        return engine
    built: Engine = registry.get("engine", engine).load()()
    return built


def _checked(model: Any) -> LatentModel:
    """Return an object as a latent model whose decoder is sane."""
    latent_model = as_latent_model(model)
    check_decoder(latent_model)
    return latent_model


def _entry(one: Any) -> Entry:
    if isinstance(one, Constraint | Group):
        return one
    if isinstance(one, Measurement) or callable(one):
        return Constraint(one)
    raise LCError(f"a constraint is a Constraint, a Group or a function; found {type(one).__name__}")


def _with_labels(constraints: Sequence[Any]) -> tuple[Entry, ...]:
    """Return entries with distinct labels, which tell what differs between entries of one measurement.

    A label that comes again all the same, or is realism's, is numbered.
    """
    taken = {"realism"}  # names the term of realism in the energy; names of arrays are minded where they are saved
    entries = [_entry(one) for one in constraints]
    unnamed = [leaf for leaf in leaves(entries) if leaf.label == leaf.measurement.name]
    told = {id(one): text for one, text in zip(unnamed, differences(unnamed), strict=True)}

    def relabel(entry: Entry) -> Entry:
        label = free_name(f"{entry.label} {told.get(id(entry), '')}".strip(), taken)
        if isinstance(entry, Constraint):
            return replace(entry, label=label)
        inside = tuple(relabel(child) for child in entry.entries)
        return Group(entry.kind, inside, weight=entry.weight, require=entry.require, label=label)

    result = tuple(map(relabel, entries))
    assert len({leaf.label for leaf in leaves(result)}) == sum(1 for _ in leaves(result))
    return result
