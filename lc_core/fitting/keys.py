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
from lc_core.critics.heads import Heads, critic_heads
from lc_core.energy.decoder_guide import guided
from lc_core.energy.energy import Energy
from lc_core.engines.base import Engine
from lc_core.fitting.critics import CriticFitter, FitSettings
from lc_core.fitting.expect import say_fit
from lc_core.fitting.refine import Refined, refine_critics

__all__ = ["CachedFits", "critic_key"]

Fit = tuple[dict[str, Any], dict[str, Tensor]]
"""A configuration, with what it is of, and tensors: what the cache keeps."""


def critic_key(evaluator: Evaluator, heads: Heads, settings: FitSettings) -> str | None:
    """Return the key of a critic, or None if a measurement's behaviour is not known from its source."""
    digests = [measurement_digest(one) for one in heads.variants]
    if None in digests:
        return None
    return key_of(
        {
            "model": evaluator.model.digest,
            "name": heads.name,  # part of the fit's seed
            "measurements": digests,
            "settings": _keyed(settings, refined=False),
            "code": code_digest("lc_core.fitting.critics"),
            "precision": "float32",
            "device": evaluator.model.device.partition(":")[0],
        }
    )


def _keyed(settings: FitSettings, *, refined: bool) -> dict[str, Any]:
    """Return the settings that decide what a fit makes; the key of one without a share to stop at is as it was."""
    found = settings.as_dict()
    stop_at = found.pop("stop_at")
    return found | ({"stop_at": stop_at} if refined and stop_at is not None else {})


class CachedFits:
    """What is fitted for one evaluator, each part looked up in the cache first.

    Args:
        fitter: Fits what is not there.
        cache: Where fitted parts are kept; None keeps nothing.

    Attributes:
        spent: Seconds that each part took when it was fitted, NaN if not known.
    """

    def __init__(self, fitter: CriticFitter, cache: Cache | None) -> None:
        self.fitter, self.cache = fitter, cache
        self.spent: list[float] = []

    def has_critic(self, key: str | None) -> bool:
        """Return whether a critic is in the cache."""
        return self.cache is not None and key is not None and self.cache.has("critic", key)

    def critic(self, heads: Heads, key: str | None, *, since: float) -> tuple[Critic, np.ndarray, np.ndarray]:
        """Return a critic, what each head's measurement is on held-out samples `(N, H)`, and its ends `(2, H)`.

        Args:
            heads: What it learns.
            key: From `critic_key`.
            since: When its fit began, by `time.monotonic()`.
        """

        def fit() -> Fit:
            critic, ends = self.fitter.fit(heads)
            what = f"critic of {heads.name} for {self.fitter.evaluator.model.name}"
            values = torch.from_numpy(heads.gather(self.fitter.held_out.values))
            measured = {"held_out": values, "ends": torch.from_numpy(ends)}
            config = {"what": what, "hidden": critic.hidden, "seconds": time.monotonic() - since}
            return config, {**critic_tensors(critic), **measured}

        config, tensors = self._found("critic", key, fit)
        held_out, ends = tensors.pop("held_out").numpy(), tensors.pop("ends").numpy()
        return load_critic(tensors, config["hidden"]), held_out, ends

    def refinement(self, energy: Energy, engine: Engine, keys: Sequence[str | None], *, said: bool) -> Refined:
        """Return critics and an engine refined for one energy.

        Args:
            energy: The energy.
            engine: The engine.
            keys: Those of its critics.
            said: Whether what the fit takes was said already.
        """
        fitter, evaluator = self.fitter, self.fitter.evaluator
        labels = [list(heads.first()) for heads in critic_heads(evaluator.leaves)]
        if not labels and not engine.amortised:
            return Refined({})

        def fit() -> Fit:
            if not said:
                say_fit(evaluator, engine, fitter.settings, 0, fitter.progress)
            began = time.monotonic()
            refined = refine_critics(fitter, energy, engine, fitter.progress)
            config, tensors = _packed(refined, labels)
            critics, name = ", ".join(energy.critics), type(engine).__name__.lower()
            what = f"critics of {critics} refined for {name} on {evaluator.model.name}"
            return {"what": what, **config, "seconds": time.monotonic() - began}, tensors

        key = None if self.cache is None else _refinement_key(fitter, energy, engine, keys)
        return _unpacked(*self._found("refined", key, fit), labels)

    def _found(self, kind: str, key: str | None, fit: Callable[[], Fit]) -> Fit:
        """Return a part from the cache, or fit it; note how long its fit took."""
        if self.cache is None or key is None:
            config, tensors = fit()
        else:
            config, tensors, _ = self.cache.get_or_fit(kind, key, fit, progress=self.fitter.progress)
        self.spent.append(config.get("seconds", math.nan))
        return config, tensors


def _refinement_key(fitter: CriticFitter, energy: Energy, engine: Engine, keys: Sequence[str | None]) -> str | None:
    """Return the key of a refinement, or None if a measurement's behaviour is not known from its source."""
    model = fitter.evaluator.model
    through = [measurement_digest(leaf.measurement) for leaf in guided(fitter.evaluator.entries)]
    if None in keys or None in through:
        return None
    flow = model.flow() if energy.realism_weight > 0 and engine.begins_real else None
    return key_of(
        {
            "critics": keys,
            **({"through the decoder": through} if through else {}),
            "model": model.digest,
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


def _packed(refined: Refined, labels: Sequence[Sequence[str]]) -> Fit:
    """Return what is kept of a refinement: each critic once, with the number of its labels before its tensors."""
    critics = [refined.critics[label] for label, *_ in labels]
    tensors = {
        f"{number}.{name}": tensor
        for number, critic in enumerate(critics)
        for name, tensor in critic_tensors(critic).items()
    }
    tensors |= {f"engine.{name}": tensor for name, tensor in refined.weights.items()}
    thresholds = {label: want.as_dict() for label, want in refined.thresholds.items()}
    return {"hidden": [critic.hidden for critic in critics], "aims": thresholds, "card": refined.card}, tensors


def _unpacked(config: dict[str, Any], tensors: dict[str, Tensor], labels: Sequence[Sequence[str]]) -> Refined:
    """Return the refinement that `_packed` was given."""
    parts: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        part, _, inner = name.partition(".")
        parts.setdefault(part, {})[inner] = tensor
    critics: dict[str, Critic] = {}
    for number, (some, hidden) in enumerate(zip(labels, config["hidden"], strict=True)):
        critics |= dict.fromkeys(some, load_critic(parts[str(number)], hidden))
    thresholds = {label: Want(**want) for label, want in config["aims"].items()}
    return Refined(critics, thresholds, parts.get("engine", {}), config["card"])
