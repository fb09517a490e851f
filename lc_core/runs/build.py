"""Builds what a spec names: the model, the engine, the problem, and what is fitted for it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

from lc_core.bank.bank import Bank
from lc_core.common.cache import Cache
from lc_core.common.guard import blaming
from lc_core.common.progress import Progress
from lc_core.constraints.evaluator import Evaluator
from lc_core.engines.base import Engine
from lc_core.errors import LCError
from lc_core.fitting.critics import FitSettings
from lc_core.fitting.prepare import Prepared, prepare
from lc_core.models.checks import check_decoder
from lc_core.models.latent_model import LatentModel
from lc_core.plugins.renderer import Renderer
from lc_core.sampling.problem import Problem, base_of
from lc_core.spec.values import Selected, Spec

__all__ = [
    "build_engine",
    "build_model",
    "build_problem",
    "build_renderers",
    "build_selected",
    "load_selected",
    "prepare_problem",
    "settled",
    "who_is",
]


def build_model(spec: Spec, *, device: str = "auto") -> LatentModel:
    """Load the model that a spec names.

    Args:
        spec: A checked spec.
        device: `auto` (CUDA where there is one and the model runs on it), `cpu` or `cuda`.

    Raises:
        LCError: If it cannot be loaded, is no latent model, makes other outputs than it was registered with, or its
            decoder is not sane (`lc_core.models.checks.check_decoder`).
    """
    model = load_selected(spec.model, device=device)
    if model.output_type != spec.output_type:
        raise LCError(
            f"{who_is('model', spec.model)} makes {model.output_type}, but is registered as making {spec.output_type}"
        )
    check_decoder(model)
    return model


def load_selected(selected: Selected, *, device: str = "auto") -> LatentModel:
    """Load a model, and check nothing of what it does.

    Raises:
        LCError: If it cannot be loaded, or is no latent model.
    """
    model = build_selected("model", selected)
    if not isinstance(model, LatentModel):
        raise LCError(f"{who_is('model', selected)} is {type(model).__name__}; expected a LatentModel")
    with suppress(AttributeError):  # an object that cannot be changed is named without it
        model.source = selected.plugin.distribution
    chosen = _choose_device(device)
    try:
        return model.to(chosen)
    except LCError:
        if device != "auto":
            raise
        return model.to("cpu")


def build_problem(spec: Spec, *, device: str = "auto", model: LatentModel | None = None) -> Problem:
    """Load the model and the engine that a spec names.

    Args:
        spec: A checked spec.
        device: `auto`, `cpu` or `cuda`.
        model: The model that it names, if it is loaded.
    """
    model = model or build_model(spec, device=device)
    engine = build_engine(spec)
    sample = spec.sample
    budget = engine.default_budget(sample.count, vars(engine)) if sample.budget is None else sample.budget
    return Problem(
        model=model,
        entries=spec.entries,
        engine=engine,
        realism=spec.realism,
        count=sample.count,
        seed=sample.seed,
        budget=budget,
        unique=sample.unique,
        base=base_of(spec.base, spec.realism, model, left_open=spec.engine.use == "auto"),
        moves=sample.moves,
    )


def build_engine(spec: Spec) -> Engine:
    """Build the engine that a spec names.

    Raises:
        LCError: If it cannot be built, or is no engine.
    """
    engine = build_selected("engine", spec.engine)
    if not isinstance(engine, Engine):
        raise LCError(f"{who_is('engine', spec.engine)} is {type(engine).__name__}; expected an Engine")
    return engine


def settled(spec: Spec, engine: Engine) -> Spec:
    """Return a spec with what only the model and the built engine know: the size of a block, and the budget."""
    sample, chosen = spec.sample, spec.engine
    if sample.budget is None:
        sample = replace(sample, budget=engine.default_budget(sample.count, vars(engine)))
    if chosen.params.get("block", 0) is None and type(build_selected("engine", chosen)) is type(engine):
        chosen = replace(chosen, params={**chosen.params, "block": engine.block})
    return replace(spec, sample=sample, engine=chosen)


def build_selected(kind: str, selected: Selected) -> Any:
    """Build what a spec selects, a plugin's faults with its name."""
    with blaming(who_is(kind, selected)):
        return selected.build()


def build_renderers(spec: Spec) -> list[tuple[str, Renderer]]:
    """Build a spec's renderers, each with what it is called in messages."""
    return [(who_is("renderer", one), build_selected("renderer", one)) for one in spec.renderers]


def who_is(kind: str, selected: Selected) -> str:
    """Return what a component of a spec is called in messages."""
    return f"{kind} {selected.use} (from {selected.plugin.distribution})"


def _choose_device(device: str) -> str:
    """Return `cpu` or `cuda` for `auto`, `cpu` or `cuda`.

    Raises:
        LCError: If the device is unknown, or CUDA is asked for and not there.
    """
    import torch

    if device not in ("auto", "cpu", "cuda"):
        raise LCError(f"device must be auto, cpu or cuda; found {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise LCError("device cuda is asked for, but torch finds none", hint="use --device cpu")
    return "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"


def prepare_problem(
    problem: Problem,
    settings: FitSettings | None,
    cache: Cache | None,
    progress: Progress,
    bank: Bank | None = None,
) -> Prepared:
    """Fit, or find in the cache, what a problem needs; `bank` is that of its base, if it is open."""
    return prepare(
        Evaluator(problem.model, problem.entries),
        problem.engine,
        realism=problem.realism,
        settings=settings,
        cache=cache,
        progress=progress,
        base=problem.base,
        bank=bank,
    )
