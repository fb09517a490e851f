"""Cache keys of fitted parts, and fits that are looked up by them first."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lc_core.common.cache import Cache, key_of
from lc_core.constraints.constraint import describe
from lc_core.constraints.digest import code_digest, engine_digest, measurement_digest
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.want import Want
from lc_core.critics.critic import Critic, critic_tensors, load_critic
from lc_core.critics.heads import Family, families
from lc_core.energy.decoder_guide import guided
from lc_core.energy.energy import Energy
from lc_core.engines.base import Engine
from lc_core.fitting.critics import CriticFitter, FitSettings
from lc_core.fitting.expect import say_fit
from lc_core.fitting.refine import Refined, refine_critics

__all__ = ["cached_critic", "cached_refinement", "critic_key", "is_cached"]


def critic_key(evaluator: Evaluator, family: Family, settings: FitSettings) -> str | None:
    """Return the key of a critic, or None if a measurement's behaviour cannot be told from its source."""
    digests = [measurement_digest(one) for one in family.variants]
    if None in digests:
        return None
    return key_of(
        {
            "model": evaluator.model.digest,
            "name": family.name,  # part of the fit's seed
            "measurements": digests,
            "settings": _keyed(settings, refined=False),
            "code": code_digest("lc_core.fitting.critics", "lc_core.bank.stream"),
            "precision": "float32",
            "device": evaluator.model.device.partition(":")[0],
        }
    )


def _keyed(settings: FitSettings, *, refined: bool) -> dict[str, Any]:
    """Return the settings that decide what a fit makes; the key of one without a share to stop at is as it was."""
    found = settings.as_dict()
    stop_at = found.pop("stop_at")
    return found | ({"stop_at": stop_at} if refined and stop_at is not None else {})


def is_cached(key: str | None, cache: Cache | None) -> bool:
    """Return whether a critic is in the cache."""
    return cache is not None and key is not None and cache.has("critic", key)


def cached_critic(
    fitter: CriticFitter,
    family: Family,
    key: str | None,
    cache: Cache | None,
    progress: Callable[[str], None],
    spent: list[float],
    *,
    since: float,
) -> tuple[Critic, np.ndarray, np.ndarray]:
    """Return a critic, what each head's measurement is on held-out samples `(N, H)`, and its ends `(2, H)`."""

    def fit() -> tuple[dict[str, Any], dict[str, Tensor]]:
        critic, ends = fitter.fit(family)
        what = f"critic of {family.name} for {fitter.evaluator.model.name}"
        values = torch.from_numpy(family.gather(fitter.held_out.values))
        told = {"held_out": values, "ends": torch.from_numpy(ends)}
        config = {"what": what, "hidden": critic.hidden, "seconds": time.monotonic() - since}
        return config, {**critic_tensors(critic), **told}

    if cache is None or key is None:
        config, tensors = fit()
    else:
        config, tensors, _ = cache.get_or_fit("critic", key, fit, progress=progress)
    spent.append(config.get("seconds", math.nan))
    held_out, ends = tensors.pop("held_out").numpy(), tensors.pop("ends").numpy()
    return load_critic(tensors, config["hidden"]), held_out, ends


def cached_refinement(
    fitter: CriticFitter,
    energy: Energy,
    engine: Engine,
    keys: Sequence[str | None],
    cache: Cache | None,
    progress: Callable[[str], None],
    spent: list[float],
    *,
    said: bool,
) -> Refined:
    """Return critics and an engine refined for one energy, from the cache or refined now."""
    labels = [list(family.heads()) for family in families(fitter.evaluator.leaves)]
    through = [measurement_digest(leaf.measurement) for leaf in guided(fitter.evaluator.entries)]
    if not labels and not engine.amortised:
        return Refined({})

    def fit() -> tuple[dict[str, Any], dict[str, Tensor]]:
        if not said:
            say_fit(fitter.evaluator, engine, fitter.settings, 0, progress)
        began = time.monotonic()
        refined = refine_critics(fitter, energy, engine, progress)
        tensors = {
            f"{number}.{name}": tensor
            for number, (label, *_) in enumerate(labels)
            for name, tensor in critic_tensors(refined.critics[label]).items()
        }
        tensors |= {f"engine.{name}": tensor for name, tensor in refined.weights.items()}
        hidden = [refined.critics[label].hidden for label, *_ in labels]
        model = fitter.evaluator.model.name
        what = f"critics of {', '.join(energy.critics)} refined for {type(engine).__name__.lower()} on {model}"
        thresholds = {label: want.as_dict() for label, want in refined.thresholds.items()}
        seconds = time.monotonic() - began
        return {"what": what, "hidden": hidden, "aims": thresholds, "card": refined.card, "seconds": seconds}, tensors

    if cache is None or None in keys or None in through:
        config, tensors = fit()
    else:
        flow = fitter.evaluator.model.flow() if energy.realism_weight > 0 and engine.begins_real else None
        key = key_of(
            {
                "critics": keys,
                **({"through the decoder": through} if through else {}),
                "model": fitter.evaluator.model.digest,
                "settings": _keyed(fitter.settings, refined=True),
                "entries": [describe(entry) for entry in energy.entries],
                "realism": energy.realism_weight,
                **({"flow": getattr(flow, "digest", "")} if flow else {}),
                "engine": f"{type(engine).__module__}.{type(engine).__qualname__}",
                "engine settings": engine.settings(),
                "engine code": engine_digest(engine),
                "code": code_digest("lc_core.fitting.refine"),
            }
        )
        config, tensors, _ = cache.get_or_fit("refined", key, fit, progress=progress)
    spent.append(config.get("seconds", math.nan))
    critics: dict[str, Critic] = {}
    for number, (some, hidden) in enumerate(zip(labels, config["hidden"], strict=True)):
        own = {name.partition(".")[2]: t for name, t in tensors.items() if name.partition(".")[0] == str(number)}
        critics |= dict.fromkeys(some, load_critic(own, hidden))
    thresholds = {label: Want(**want) for label, want in config["aims"].items()}
    weights = {name.removeprefix("engine."): t for name, t in tensors.items() if name.startswith("engine.")}
    return Refined(critics, thresholds, weights, config["card"])
