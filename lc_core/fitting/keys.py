"""Cache keys of fitted parts, and fits that are looked up by them first."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lc_core.common.cache import Cache, key_of
from lc_core.constraints.constraint import describe
from lc_core.constraints.digest import code_digest, engine_digest, measurement_digest
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import check_reachable, only_value
from lc_core.constraints.want import Want
from lc_core.critics.critic import Critic, critic_tensors, load_critic
from lc_core.critics.heads import Heads, critic_heads
from lc_core.energy.decoder_guide import guided
from lc_core.energy.energy import Energy
from lc_core.engines.base import Engine
from lc_core.fitting.critics import CriticFitter, FitSettings
from lc_core.fitting.expect import say_fit
from lc_core.fitting.refine import Refined, refine_critics

__all__ = ["CachedFits"]

Fit = tuple[dict[str, Any], dict[str, Tensor]]
"""A configuration, with what it is of, and tensors: what the cache keeps."""


def _critic_key(evaluator: Evaluator, heads: Heads, settings: FitSettings) -> str | None:
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


class CachedFits:
    """What is fitted for one evaluator, each part looked up in the cache first.

    Args:
        fitter: Fits what is not there.
        cache: Where fitted parts are kept; None keeps nothing.

    Attributes:
        critics: Fitted critics, by the labels of their leaves.
        first: The number of each leaf's first head, by label.
        held_out: What each leaf measures on held-out samples, `(N,)` or `(N, V)`, by label.
        spent: Seconds that each part took when it was fitted, NaN if not known.
    """

    def __init__(self, fitter: CriticFitter, cache: Cache | None) -> None:
        self.fitter, self.cache = fitter, cache
        self._heads = critic_heads(fitter.evaluator.leaves)
        self._keys = [_critic_key(fitter.evaluator, heads, fitter.settings) for heads in self._heads]
        self._new: list[Heads] = []
        self.critics: dict[str, Critic] = {}
        self.first: dict[str, int] = {}
        self.held_out: dict[str, np.ndarray] = {}
        self.spent: list[float] = []

    def fit_critics(self, engine: Engine, only: Mapping[str, float]) -> None:
        """Fit all critics, or find them.

        Args:
            engine: What they are fitted for.
            only: The value of each leaf, by label, that is known to have only one.

        Raises:
            LCError: If a condition cannot be met since its measurement has one value on every sample.
        """
        fitter, conditions, only = self.fitter, self.fitter.evaluator.conditions, dict(only)
        keyed = list(zip(self._heads, self._keys, strict=True))
        self._new = [heads for heads, key in keyed if not (self.cache and key and self.cache.has("critic", key))]
        looked = time.monotonic()
        if self._new:
            say_fit(fitter.evaluator, engine, fitter.settings, len(self._new), fitter.progress)
            only |= fitter.constants(self._new)
            check_reachable(conditions, only)
        for heads, key in keyed:
            # Prior samples are part of the first fit.
            since = looked if self._new and heads is self._new[0] else time.monotonic()
            ends = self._critic(heads, key, since=since)
            found = {label: only_value(*part.reshape(2, -1)) for label, part in heads.scatter(ends).items()}
            only |= {label: value for label, value in found.items() if value is not None}
            check_reachable(conditions, only)

    def _critic(self, heads: Heads, key: str | None, *, since: float) -> np.ndarray:
        """Take in a critic whose fit began at `since`; return its lowest and highest values, `(2, H)`."""

        def fit() -> Fit:
            critic, ends = self.fitter.fit(heads)
            what = f"critic of {heads.name} for {self.fitter.evaluator.model.name}"
            values = torch.from_numpy(heads.gather(self.fitter.held_out.values))
            measured = {"held_out": values, "ends": torch.from_numpy(ends)}
            config = {"what": what, "hidden": critic.hidden, "seconds": time.monotonic() - since}
            return config, {**critic_tensors(critic), **measured}

        config, tensors = self._found("critic", key, fit)
        held_out, ends = tensors.pop("held_out").numpy(), tensors.pop("ends").numpy()
        self.critics |= dict.fromkeys(heads.first(), load_critic(tensors, config["hidden"]))
        self.first |= heads.first()
        self.held_out |= heads.scatter(held_out)
        return ends

    def refinement(self, energy: Energy, engine: Engine) -> Refined:
        """Return critics and an engine refined for one energy; critics as they are where there is nothing to refine."""
        fitter, evaluator = self.fitter, self.fitter.evaluator
        labels = [list(heads.first()) for heads in self._heads]
        if not engine.amortised and (not labels or fitter.settings.rounds == 0):
            return Refined(dict(energy.critics))

        def fit() -> Fit:
            if not self._new:  # else it is said already
                say_fit(evaluator, engine, fitter.settings, 0, fitter.progress)
            began = time.monotonic()
            refined = refine_critics(fitter, energy, engine, fitter.progress)
            config, tensors = _packed(refined, labels)
            critics, name = ", ".join(energy.critics), type(engine).__name__.lower()
            what = f"critics of {critics} refined for {name} on {evaluator.model.name}"
            return {"what": what, **config, "seconds": time.monotonic() - began}, tensors

        key = None if self.cache is None else _refinement_key(fitter, energy, engine, self._keys)
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
