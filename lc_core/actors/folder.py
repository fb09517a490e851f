"""A fitted actor as a folder: `config.json`, `weights.safetensors` and `MODEL_CARD.md`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from lc_core.actors.card import model_card
from lc_core.common.owned import Owned
from lc_core.common.trained_folder import CARD, CONFIG, WEIGHTS, Told, ToldModel, TrainedFolder
from lc_core.constraints.constraint import describe, leaves
from lc_core.constraints.digest import measurement_digest
from lc_core.constraints.free import Free, frees_of
from lc_core.engines.presets import fresh_actor
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel
from lc_core.plugins.installed import installed_version
from lc_core.spec.values import Spec, plain

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.constraints.evaluator import Evaluator
    from lc_core.engines.actor import Actor
    from lc_core.fitting.prepare import Prepared
    from lc_core.sampling.problem import Problem

__all__ = ["check_asked", "check_model", "read_actor", "read_config", "restore", "write_actor"]


class ToldModelOfSpec(ToldModel):
    """The model that an actor was fitted for, as a spec names it."""

    use: str
    params: dict[str, Any]


class ToldFree(TypedDict):
    """What is free in a constraint."""

    label: str
    params: dict[str, list[Any]]
    bounds: dict[str, tuple[float, float]]


class ToldEngine(TypedDict):
    """How large an actor's network is; more is there."""

    hidden: Annotated[int, Field(ge=1, le=8_192)]
    layers: Annotated[int, Field(ge=1, le=8)]


class ToldActor(Told):
    """What `config.json` of an actor holds."""

    model: ToldModelOfSpec
    constraints: list[dict[str, Any]]
    free: list[ToldFree]
    realism: float
    engine: ToldEngine
    figures: dict[str, Any]
    sources: NotRequired[dict[str, list[str | None]]]


FOLDER = TrainedFolder(
    "actor",
    command="lc fit --out",
    mend="write it again with lc fit --out",
    form=ToldActor,
)
PARAMS = ("preset", "hidden", "layers", "distance", "kl", "lr", "round_steps", "block")


@contextmanager
def claim_folder(folder: Path) -> Iterator[Owned]:
    """Open a folder for an actor, or refuse it before anything is fitted for it.

    Raises:
        LCError: If it is a file, holds something else, is in use, or cannot be written.
    """
    try:
        with Owned.open(folder, "actor", writes=(CONFIG, WEIGHTS, CARD)) as owned:
            yield owned
    except OSError as error:
        raise LCError(f"{folder} cannot be written: {error.strerror or error}", hint="choose another folder") from error


def write_actor(folder: Owned, spec: Spec, problem: Problem, prepared: Prepared, figures: Mapping[str, Any]) -> None:
    """Write a fitted actor into a folder, in place of one that is there.

    Args:
        folder: The folder, open.
        spec: What it was fitted for.
        problem: The same, built.
        prepared: The fit.
        figures: From `lc_core.actors.card.measure_actor`.
    """
    from safetensors.torch import save

    model, engine = problem.model, prepared.engine
    weights = save({name: tensor.contiguous().cpu() for name, tensor in engine.tensors().items()})
    rules = list(leaves(problem.entries))
    config = {
        "kind": FOLDER.kind,
        "format": FOLDER.format,
        "lc": installed_version("latent-constraints"),
        "name": spec.name,
        "model": {
            "use": spec.model.use,
            "params": plain(spec.model.params),
            "name": model.name,
            "digest": model.digest,
            "latent_shape": list(model.latent_shape),
        },
        "constraints": [plain(describe(entry)) for entry in problem.entries],
        "sources": {leaf.label: [measurement_digest(one) for one in leaf.variants] for leaf in rules},
        "free": [
            {"label": leaf.label, "params": plain(leaf.free.params), "bounds": plain(leaf.free.bounds)}
            for leaf in rules
            if leaf.free
        ],
        "realism": problem.realism,
        "engine": {name: getattr(engine, name) for name in PARAMS},
        "fit": prepared.card["settings"],
        "fit_seconds": None if math.isnan(prepared.fit_seconds) else round(prepared.fit_seconds, 1),
        "figures": figures,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    folder.write(WEIGHTS, weights)
    folder.write(CONFIG, json.dumps(config, indent=2).encode())
    folder.write(CARD, model_card(config, spec).encode())


def read_config(folder: str | Path) -> dict[str, Any]:
    """Return what `config.json` of an actor's folder says; raise as `TrainedFolder.config` does."""
    return FOLDER.config(folder)


def read_actor(folder: str | Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the configuration and the weights in an actor's folder.

    Raises:
        LCError: If one of them is missing or damaged, or the weights are not those that were written with it.
    """
    config = FOLDER.config(folder)
    return config, FOLDER.tensors(folder, config)


def restore(
    config: Mapping[str, Any],
    tensors: dict[str, Tensor],
    folder: str | Path,
    model: LatentModel,
    codes: int,
    *,
    block: int | None = None,
) -> Actor:
    """Return the actor with its weights.

    Args:
        config: From `read_actor`.
        tensors: From `read_actor`.
        folder: Where they are from, for errors.
        model: The model it was fitted for.
        codes: How many numbers give it what is free.
        block: Tries in a block, in place of its own.
    """
    try:
        engine = fresh_actor(**{**config["engine"], **({} if block is None else {"block": block})})
        return engine.restored(tensors, model, codes)
    except Exception as error:  # settings of any kind, and weights of any shape
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FOLDER.damaged(folder, f"the weights do not fit {CONFIG}: {why}") from error


def check_model(config: Mapping[str, Any], folder: str | Path, model: LatentModel) -> None:
    """Refuse another model than the one that an actor was fitted for.

    Raises:
        LCError: If the digests differ.
    """
    if model.unwrapped is not model:
        raise LCError(
            f"the actor in {folder} was fitted to move prior samples; lc transform moves encodings",
            hint="leave folder out, and lc transform fits an actor for edits",
        )
    fitted = config["model"]
    if fitted["digest"] != model.digest:
        raise LCError(
            f"the actor in {folder} was fitted for the model {fitted['name']} with digest {fitted['digest'][:12]};"
            f" this is {model.name} with digest {model.digest[:12]}",
            hint="use the model that its config.json names, or fit an actor for this one",
        )


def check_asked(config: Mapping[str, Any], folder: str | Path, evaluator: Evaluator, realism: float) -> list[str]:
    """Refuse an actor that was fitted for something else than what is asked; return what a user should know.

    Weights and which entries are required may differ: every output is measured in any case.

    Raises:
        LCError: If the model, what is measured and wanted, what is free, or realism differs.
    """
    check_model(config, folder, evaluator.model)
    fitted, asked = config["constraints"], [plain(describe(entry)) for entry in evaluator.entries]
    frees, free = frees_of(config), {leaf.label: leaf.free for leaf in evaluator.leaves if leaf.free}
    if [one.as_dict() for one in frees.values()] != [plain(one.as_dict()) for one in free.values()]:
        raise LCError(
            f"the actor in {folder} was fitted for other free values: {_listed(frees)}; this asks for {_listed(free)}",
            hint="give the constraints the free: that is in its MODEL_CARD.md, or fit another actor",
        )
    if _essence(fitted) != _essence(asked):
        raise LCError(
            f"the actor in {folder} was fitted for other constraints: {_essence(fitted)}; this asks for"
            f" {_essence(asked)}",
            hint="sample under the spec that is in its MODEL_CARD.md, or fit another actor",
        )
    if config["realism"] != realism:
        raise LCError(
            f"the actor in {folder} was fitted with realism {config['realism']:g}; this asks for {realism:g}",
            hint=f"realism: {config['realism']:g}",
        )
    sources = {leaf.label: [measurement_digest(one) for one in leaf.variants] for leaf in evaluator.leaves}
    changed = [
        leaf.measurement.name
        for leaf, before in zip(evaluator.leaves, config.get("sources", {}).values(), strict=False)
        if before != sources[leaf.label]
    ]
    end = "changed since the actor was fitted; outputs are measured by what is installed"
    return [f"the source of {', '.join(changed)} has {end}"] if changed else []


def _essence(tree: Any) -> str:
    """Return what is measured and wanted in a description of entries, without what does not bear on it."""
    if isinstance(tree, Mapping):
        kept = {key: value for key, value in tree.items() if key not in ("weight", "require", "guide")}
        if kept.get("params") == {}:
            del kept["params"]
        return "{" + ", ".join(f"{key}: {_essence(value)}" for key, value in kept.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(map(_essence, tree)) + "]"
    return str(tree)


def _listed(frees: Mapping[str, Free]) -> str:
    parts = [f"{name} of {label} in {values}" for label, one in frees.items() for name, values in one.as_dict().items()]
    return "; ".join(parts) or "nothing free"
