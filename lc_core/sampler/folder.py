"""A trained sampler as a folder: `config.json`, `weights.safetensors` and `MODEL_CARD.md`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import torch
from pydantic import Field
from safetensors.torch import save
from torch import Tensor
from typing_extensions import TypedDict

from lc_core.common.cache import default_folder
from lc_core.common.nets import built_for
from lc_core.common.seeds import block_generator
from lc_core.common.trained_folder import CARD, CONFIG, WEIGHTS, Told, ToldModel, TrainedFolder
from lc_core.constraints.measurement import Measurement
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel, decode_array, draw_prior
from lc_core.plugins.installed import installed_version
from lc_core.sampler.base import Base, learn_base
from lc_core.sampler.card import sampler_card
from lc_core.sampler.network import Predictor
from lc_core.sampler.packing import packed, unpacked
from lc_core.sampler.rules import Rule, Rules
from lc_core.sampler.training import Trainer
from lc_core.spec.values import plain

if TYPE_CHECKING:
    from lc_core.common.owned import Owned

__all__ = [
    "CONFIG",
    "Trained",
    "add_figures",
    "find_sampler",
    "own_folder",
    "read_config",
    "read_sampler",
    "write_sampler",
]


class ToldProbe(TypedDict):
    """What a rule was on a few prior samples, under some settings."""

    params: dict[str, Any]
    values: list[float | None]


class ToldRule(TypedDict):
    """A rule that a sampler learned."""

    name: str
    fixed: dict[str, Any] | None
    size: Annotated[int, Field(ge=0)]
    probes: list[ToldProbe]


class ToldSampler(Told):
    """What `config.json` of a sampler holds."""

    model: ToldModel
    rules: list[ToldRule]
    predictor: dict[str, Any]


FOLDER = TrainedFolder(
    "sampler",
    command="lc amortise MODEL --restart",
    mend="install it again, or train it again: lc amortise MODEL --restart",
    form=ToldSampler,
    format=2,
)
PROBED, PROBES = 32, 3
"""Prior samples, and settings of each rule, whose values tell whether a rule still measures what it did."""
ALIKE = 0.9
"""Share of these values that must be as they were; processors round differently, so that a few outputs differ."""


@dataclass(frozen=True)
class Trained:
    """A sampler that was read from a folder.

    Attributes:
        rules: Its rules, those that are asked for with their functions.
        predictor: Its predictor.
        digest: Hash of its weights.
        config: What its `config.json` says.
        reads_decoder: Whether the model's features come through its decoder.
        base: What it has learned of how data differ from prior samples, if anything.
    """

    rules: Rules
    predictor: Predictor
    digest: str
    config: Mapping[str, Any]
    reads_decoder: bool
    base: Base | None


def own_folder(model: LatentModel) -> Path:
    """Return where in the cache folder the user's own sampler for a model is kept."""
    return default_folder() / f"sampler-{model.digest[:24]}"


def find_sampler(model: LatentModel) -> Path | None:
    """Return the folder of the sampler for a model: the user's own in the cache, else the one that comes with it."""
    places = [model.unwrapped.sampler()]
    with suppress(LCError):  # without a cache folder there is no sampler of the user's own
        places.insert(0, own_folder(model))
    return next((one for one in places if one is not None and (one / CONFIG).is_file()), None)


def write_sampler(folder: Owned, trainer: Trainer, *, left_out: Mapping[str, str] | None = None) -> None:
    """Write a trained sampler into a folder, in place of one that is there; `add_figures` completes it.

    Args:
        folder: The folder, open.
        trainer: The training, at its end.
        left_out: Rules that it was not trained for, and why: told in its card.
    """
    model, rules = trainer.model, trainer.rules
    weights = save(_tensors(trainer))
    config = {
        "kind": FOLDER.kind,
        "format": FOLDER.format,
        "lc": installed_version("latent-constraints"),
        "model": {"name": model.name, "digest": model.digest, "latent_shape": list(model.latent_shape)},
        "rules": [
            {"name": rule.name, "fixed": rule.fixed, "size": rule.size, "shape": rule.shape}
            | {"probes": _probes(trainer, number)}
            for number, rule in enumerate(rules.rules)
        ],
        "left_out": left_out or {},
        "base": learn_base(model, rules, trainer.table),
        "predictor": trainer.predictor.settings,
        "training": {
            **trainer.settings.as_dict(), "steps_done": trainer.step, "seconds": round(trainer.seconds, 1)
        },
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }  # fmt: skip
    folder.write(WEIGHTS, weights)
    folder.write(CONFIG, _text(config))


def add_figures(folder: Owned, figures: Mapping[str, Any]) -> None:
    """Write the card of a sampler, and last its figures into `config.json`, which say that all is there."""
    config = read_config(folder.path) | {"figures": figures}
    folder.write(CARD, sampler_card(config).encode())
    folder.write(CONFIG, _text(config))


def _text(config: Mapping[str, Any]) -> bytes:
    return json.dumps(plain(config), indent=1).encode()


def _tensors(trainer: Trainer) -> dict[str, Tensor]:
    """Return the averaged weights, packed, and the rules' bins."""
    found = packed(trainer.average.state_dict())
    for number, rule in enumerate(trainer.rules.rules):
        found[f"rules.{number}.edges"] = torch.from_numpy(rule.edges.astype(np.float64))
        found[f"rules.{number}.quantiles"] = torch.from_numpy(rule.quantiles.astype(np.float64))
    return found


def _probes(trainer: Trainer, number: int) -> list[dict[str, Any]]:
    """Return a rule's values on a few prior samples, under some of the settings that it was trained on."""
    outputs = _probed(trainer.model)
    found = []
    for column in trainer.table.columns[number][:PROBES]:
        values = column.measurement(outputs)
        found.append({"params": plain(column.measurement.params), "values": _rounded(values)})
    return found


def _probed(model: LatentModel) -> np.ndarray:
    return decode_array(model, draw_prior(model, PROBED, block_generator(0, 0, "probe")))


def _rounded(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(one) else float(f"{one:.6g}") for one in values]


def read_config(folder: str | Path) -> dict[str, Any]:
    """Return what `config.json` of a sampler's folder says; raise as `TrainedFolder.config` does."""
    return FOLDER.config(folder)


def read_sampler(folder: str | Path, model: LatentModel, asked: Sequence[Measurement] = ()) -> Trained:
    """Return a trained sampler.

    Args:
        folder: Its folder.
        model: The model that it is to be used with.
        asked: Measurements that it is asked for; those that are its rules are checked to be as they were.

    Raises:
        LCError: If it is damaged, of another model, or a rule measures something else than when it was trained.
    """
    config = read_config(folder)
    if config["model"]["digest"] != model.digest:
        raise LCError(
            f"the sampler in {folder} was trained for another model, {config['model']['name']}: expected "
            f"{model.name} with digest {model.digest[:12]}; found {config['model']['digest'][:12]}",
            hint="train one for this model: lc amortise",
        )
    tensors = FOLDER.tensors(folder, config)
    try:
        predictor = _predictor(config, tensors)
        if predictor.codes != [one["size"] for one in config["rules"]]:
            raise ValueError(f"{CONFIG} has other rules than its network")
        rules = [
            replace(
                rule,
                edges=tensors[f"rules.{number}.edges"].numpy(),
                quantiles=tensors[f"rules.{number}.quantiles"].numpy(),
            )
            for number, rule in enumerate(Rules.told(config).rules)
        ]
        base = config.get("base")
        learned = Base(int(base["rule"]), np.array(base["ratio"])) if base else None
    except Exception as error:
        raise FOLDER.damaged(folder, error) from error
    bound = [
        _bound(rule, one["probes"], model, asked, folder) for rule, one in zip(rules, config["rules"], strict=True)
    ]
    reads = type(model.unwrapped).features is not LatentModel.features
    return Trained(
        Rules(tuple(bound)),
        predictor.to(model.device),
        config["weights_sha256"],
        config,
        reads,
        learned,
    )


def _predictor(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Predictor:
    weights = unpacked({key: one for key, one in tensors.items() if not key.startswith("rules.")})
    found = built_for(Predictor, weights, config["predictor"])
    found.load_state_dict(weights)
    return found.requires_grad_(False).eval()


def _bound(
    rule: Rule,
    probes: Sequence[Mapping[str, Any]],
    model: LatentModel,
    asked: Sequence[Measurement],
    folder: str | Path,
) -> Rule:
    """Return a rule with its function, if it is asked for, checked to measure what it did in training."""
    same = [one for one in asked if rule.knows(one)]
    if not same:
        return rule
    found = replace(rule, function=same[0].function, fixed=None if rule.fixed is None else same[0].settings())
    if rule.fixed is None and found.code.size != rule.size:
        raise LCError(
            f"{rule.name} tells its settings by {found.code.size} numbers; the sampler in {folder} learned {rule.size}",
            hint="train it again: lc amortise",
        )
    outputs = _probed(model)
    for probe in probes:
        before = np.array([np.nan if one is None else one for one in probe["values"]])
        values = found.measurement(probe["params"])(outputs)
        alike = np.isclose(values, before, rtol=1e-3, atol=1e-3, equal_nan=True)
        if alike.mean() < ALIKE:
            raise LCError(
                f"{rule.name} measures something else than when the sampler in {folder} was trained: "
                f"{int((~alike).sum())} of {len(alike)} values differ",
                hint="train it again: lc amortise; or use --engine gradient",
            )
    return found
