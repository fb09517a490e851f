"""Fitted actors in Python: write one into a folder, load one, sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.actors.card import measure_actor
from lc_core.actors.engine import FolderActor
from lc_core.actors.folder import check_model, claim_folder, read_actor, restore, write_actor
from lc_core.common.cache import Cache
from lc_core.common.progress import Progress
from lc_core.common.seeds import block_generator
from lc_core.common.spelling import nearest
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.free import Free, frees_of, names_of
from lc_core.constraints.want import SLACK
from lc_core.engines.actor import Actor
from lc_core.errors import LCError
from lc_core.models.adapt import as_latent_model
from lc_core.models.latent_model import LatentModel, decode_outputs, draw_prior
from lc_core.plugins.discover import build_registry
from lc_core.spec.values import Spec, plain

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.fitting.prepare import Prepared
    from lc_core.sampling.problem import Problem

__all__ = ["FittedActor", "fit_into", "load_actor", "save_actor"]


@dataclass(frozen=True)
class FittedActor:
    """An actor with its weights and its model.

    Attributes:
        model: The latent model.
        engine: The network, as the engine that specs use.
        config: What the folder's `config.json` says; `config["figures"]` are its measured figures.
    """

    model: LatentModel
    engine: Actor
    config: Mapping[str, Any]

    @property
    def free(self) -> dict[str, Sequence[Any]]:
        """What `sample` has to be given, by name: values, or the pair (low, high) of a bound."""
        return {
            name: own.params.get(key) or own.bounds[key]
            for name, (_, key, own) in names_of(frees_of(self.config)).items()
        }

    def sample(self, count: int, *, seed: int = 0, **free: Any) -> Tensor:
        """Return latents `(count, *latent_shape)`: prior samples, each moved once. Nothing is decoded or selected.

        They are the latents of the first tries of `lc sample` with this actor and seed: sample i depends on (seed, i)
        alone.

        Args:
            count: How many.
            seed: Sampling seed.
            **free: A value for each name in `free`.

        Raises:
            LCError: If a free value is missing, unknown, or not among those that the actor was fitted for.
        """
        import torch

        from lc_core.energy.energy import Energy

        if count < 1 or seed < 0:
            raise LCError(f"sample takes a count of 1 or more and a seed of 0 or more; found {count} and {seed}")
        energy = Energy((), code=self._code(free))
        block, parts = self.engine.block, []
        for number in range(-(-count // block)):
            start = draw_prior(self.model, block, block_generator(seed, number))
            parts.append(self.engine.step((start,), energy, self.model, 1)[0])
        return torch.cat(parts)[:count]

    def decode(self, z: Any) -> np.ndarray:
        """Return the outputs of latents `(N, *latent_shape)`, first dimension N, decoded in float32."""
        import torch

        return decode_outputs(self.model, torch.as_tensor(z))

    def _code(self, given: Mapping[str, Any]) -> Tensor:
        import torch

        from lc_core.energy.targets import code_of

        frees = frees_of(self.config)
        names, chosen = names_of(frees), _chosen(names_of(frees), given)
        columns: list[np.ndarray] = [np.zeros((1, 0))]
        for label, own in frees.items():
            values = {key: chosen[name] for name, (holder, key, _) in names.items() if holder == label}
            choice = {key: values[key] for key in own.params}
            bounds = {key: np.array([float(values[key])]) for key in own.bounds}
            columns += code_of(own, np.array([list(own.choices()).index(choice)]), bounds)
        return torch.from_numpy(np.concatenate(columns, axis=1)).float()


def _chosen(names: Mapping[str, tuple[str, str, Free]], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for every free name, each one that the actor was fitted for."""
    for name in given:
        if name not in names:
            close = nearest(name, list(names), count=1)
            known = f"did you mean {close[0]}?" if close else f"free: {', '.join(names) or 'nothing'}"
            raise LCError(f"nothing called {name!r} is free in this actor ({known})")
    if missing := [name for name in names if name not in given]:
        ranges = {name: own.params.get(key) or own.bounds[key] for name, (_, key, own) in names.items()}
        ranged = "; ".join(f"{name}: {_range(ranges[name], own=names[name])}" for name in missing)
        raise LCError(f"{', '.join(missing)} must be given: {ranged}", hint=f"actor.sample(64, {missing[0]}=...)")
    chosen: dict[str, Any] = {}
    for name, (_, key, own) in names.items():
        value = plain(given[name])
        if key in own.params:
            if value not in own.params[key] or isinstance(value, bool) != isinstance(own.params[key][0], bool):
                close = nearest(str(value), list(map(str, own.params[key])), count=1)
                known = f"did you mean {close[0]}?" if close else f"values: {', '.join(map(str, own.params[key]))}"
                raise LCError(f"{name} {value!r} is not among the values that the actor was fitted for ({known})")
        else:
            low, high = own.bounds[key]
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not low - SLACK <= value <= high + SLACK:
                raise LCError(f"{name} must be a number from {low:g} to {high:g}; found {value!r}")
        chosen[name] = value
    return chosen


def _range(values: Sequence[Any], *, own: tuple[str, str, Free]) -> str:
    if own[1] in own[2].bounds:
        return f"a number from {values[0]:g} to {values[1]:g}"
    return ", ".join(map(str, values))


def load_actor(folder: str | Path, *, model: Any = None) -> FittedActor:
    """Load an actor that `lc fit --out` or `save_actor` wrote.

    Args:
        folder: Its folder.
        model: The model that it was fitted for; default the registered one that the folder names.

    Raises:
        LCError: If the folder holds no actor, or a damaged one, or the model is another one.
    """
    config, tensors = read_actor(folder)
    if model is None:
        try:
            model = build_registry().get("model", config["model"]["use"]).build(config["model"]["params"])
        except LCError as error:
            raise LCError(f"the model of the actor in {folder}: {error.message}", hint=error.hint) from error
    model = as_latent_model(model)
    check_model(config, folder, model)
    codes = sum(own.size for own in frees_of(config).values())
    return FittedActor(model, restore(config, tensors, folder, model, codes), config)


def save_actor(spec: Spec, folder: str | Path, *, cache: bool = True, progress: Progress = lambda _: None) -> Path:
    """Fit the actor that a spec asks for, or find it in the cache, and write it into a folder.

    Args:
        spec: From `load_spec`, with the engine `actor`.
        folder: The folder; an actor that it holds is replaced.
        cache: Keep fitted parts in the user's cache folder, and use those that are there.
        progress: Called with a line of text now and then.

    Raises:
        LCError: If the spec's engine is no actor, or the folder holds something else or cannot be written.
    """
    from lc_core.runs.build import build_problem

    problem = build_problem(spec)
    fit_into(Path(folder), spec, problem, Cache() if cache else None, progress)
    return Path(folder)


def fit_into(folder: Path, spec: Spec, problem: Problem, cache: Cache | None, progress: Progress) -> Prepared:
    """Fit a spec's actor, or find it in the cache, measure it and write it into a folder; return the fit."""
    from lc_core.runs.build import prepare_problem

    if isinstance(problem.engine, FolderActor):
        raise LCError("this actor is from a folder already", hint="copy the folder, or leave out folder to fit one")
    if not isinstance(problem.engine, Actor):
        raise LCError(
            f"engine {spec.engine.use} has no weights to be written into a folder; an actor has",
            hint="--engine actor, or load_spec(path, engine='actor')",
        )
    with claim_folder(folder) as owned:
        prepared = prepare_problem(problem, spec.fit, cache, progress)
        figures = measure_actor(Evaluator(problem.model, problem.entries), prepared.engine, progress=progress)
        write_actor(owned, spec, problem, prepared, figures)
    return prepared
