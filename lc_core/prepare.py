"""Build the energy of a problem: its critics fitted or found in the cache, refined, and its realism."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lc_core.cache import Cache, engine_source, key_of, measurement_digest
from lc_core.conditioning import Space, without_free
from lc_core.constraint import describe
from lc_core.critics.critic import Bins, Critic
from lc_core.critics.typical import realism_of
from lc_core.energy import Energy
from lc_core.engines.base import Engine
from lc_core.errors import LCError
from lc_core.expect_fit import say_fit
from lc_core.families import Family, families
from lc_core.fitting import CriticFitter, FitSettings
from lc_core.guiding import DecoderGuide, guided, spreads_of
from lc_core.measuring import PluginFault, Want
from lc_core.reachable import check_reachable, only_value
from lc_core.refining import Refined, aimed, refine_critics
from lc_core.verify import Verifier

__all__ = ["Prepared", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """An energy ready to be descended, the engine with its weights, what is known of the fit, and its seconds.

    `seconds` is what preparing took now, `fit_seconds` what the fits took when they were made, NaN if not known.
    """

    energy: Energy | None
    engine: Engine
    card: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    fit_seconds: float = 0.0


def prepare(
    verifier: Verifier,
    engine: Engine,
    *,
    realism: float = 0.0,
    settings: FitSettings | None = None,
    cache: Cache | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Prepared:
    """Fit, or find in the cache, all that an engine needs for a tree of constraints.

    Args:
        verifier: The model and the constraints.
        engine: The engine.
        realism: Weight of realism.
        settings: How to fit.
        cache: Where fitted parts are kept; None keeps nothing.
        progress: Called with a line of text now and then.

    Raises:
        LCError: If realism is asked for and the model has none (`lc_core.critics.typical`), or if a condition
            cannot be met since its measurement has one value on every sample.
    """
    if not engine.needs_energy:
        return Prepared(None, engine)
    if (ready := engine.ready(verifier, realism, progress)) is not None:
        return Prepared(*ready)
    if not engine.amortised and Space.of(verifier.entries).leaves:
        verifier = Verifier(verifier.model, tuple(map(without_free, verifier.entries)))
    settings = settings or FitSettings()
    began = time.monotonic()
    critic_of_realism = realism_of(verifier.model)[0] if realism > 0 else None
    if realism > 0 and not verifier.entries and engine.begins_real and verifier.model.realism_alone():
        return Prepared(None, engine)  # where it carries prior samples is all that is wanted
    if realism > 0 and critic_of_realism is None:
        raise LCError(
            f"realism {realism} is asked for, but {verifier.model.name} has no realism critic",
            hint="leave realism out, or use a model that ships one; without an encoder, log_prior(z) is enough",
        )
    fitter = CriticFitter(verifier, settings, progress)
    critics: dict[str, Critic] = {}
    heads: dict[str, int] = {}
    held_out: dict[str, np.ndarray] = {}
    spent: list[float] = []
    some = families(verifier.leaves)
    keys = [_critic_key(verifier, family, settings) for family in some]
    with _placed("a number counts the samples that were decoded together for a fit"):
        spreads = spreads_of(verifier.model, verifier.entries, settings.seed, cache)
        only = {label: one.low for label, one in spreads.items() if not one.low < one.high}
        check_reachable(verifier.conditions, only)
        new = [family for family, key in zip(some, keys, strict=True) if not _is_cached(key, cache)]
        looked = time.monotonic()
        if new:
            say_fit(verifier, engine, settings, len(new), progress)
            only |= fitter.constants(new)
            check_reachable(verifier.conditions, only)
        for family, key in zip(some, keys, strict=True):
            since = looked if new and family is new[0] else time.monotonic()  # prior samples are part of the first fit
            critic, values, ends = _cached_critic(fitter, family, key, cache, progress, spent, since=since)
            critics |= dict.fromkeys(family.heads(), critic)
            heads |= family.heads()
            held_out |= family.scatter(values)
            found = {label: only_value(*part.reshape(2, -1)) for label, part in family.scatter(ends).items()}
            only |= {label: value for label, value in found.items() if value is not None}
            check_reachable(verifier.conditions, only)
        space = Space.of(verifier.entries)
        decoder = DecoderGuide(verifier.model, spreads) if spreads else None
        energy = Energy(verifier.entries, critics, heads, critic_of_realism, realism, space, decoder=decoder)
        cards = fitter.cards(energy, held_out)
        refined = _cached_refinement(fitter, energy, engine, keys, cache, progress, spent, said=bool(new))
    card = {"settings": asdict(settings), "held_out": cards, "refinement": refined.card}
    entries = tuple(aimed(entry, refined.aims) for entry in verifier.entries)
    energy = replace(energy, entries=entries, critics=refined.critics).at(energy.space.own())
    fitted = engine.with_tensors(refined.weights, verifier.model, energy.space)
    return Prepared(energy, fitted, card, time.monotonic() - began, sum(spent))


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Say with a plugin's fault which outputs its numbers count."""
    try:
        yield
    except PluginFault as error:
        raise PluginFault(error.message, hint="; ".join(filter(None, (error.hint, place)))) from error


def _critic_key(verifier: Verifier, family: Family, settings: FitSettings) -> str | None:
    digests = [measurement_digest(one) for one in family.variants]
    if None in digests:
        return None
    return key_of(
        {
            "model": verifier.model.digest,
            "name": family.name,  # part of the fit's seed
            "measurements": digests,
            "settings": _keyed(settings, refined=False),
            "precision": "float32",
            "device": verifier.model.device.partition(":")[0],
        }
    )


def _keyed(settings: FitSettings, *, refined: bool) -> dict[str, Any]:
    """Return the settings that decide what a fit makes; the key of one without a share to stop at is as it was."""
    found = asdict(settings)
    stop_at = found.pop("stop_at")
    return found | ({"stop_at": stop_at} if refined and stop_at is not None else {})


def _is_cached(key: str | None, cache: Cache | None) -> bool:
    return cache is not None and key is not None and cache.has("critic", key)


def _cached_critic(
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
        what = f"critic of {family.name} for {fitter.verifier.model.name}"
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


def _cached_refinement(
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
    labels = [list(family.heads()) for family in families(fitter.verifier.leaves)]
    through = [measurement_digest(leaf.measurement) for leaf in guided(fitter.verifier.entries)]
    if not labels and not engine.amortised:
        return Refined({})

    def fit() -> tuple[dict[str, Any], dict[str, Tensor]]:
        if not said:
            say_fit(fitter.verifier, engine, fitter.settings, 0, progress)
        began = time.monotonic()
        refined = refine_critics(fitter, energy, engine, progress)
        tensors = {
            f"{number}.{name}": tensor
            for number, (label, *_) in enumerate(labels)
            for name, tensor in critic_tensors(refined.critics[label]).items()
        }
        tensors |= {f"engine.{name}": tensor for name, tensor in refined.weights.items()}
        hidden = [refined.critics[label].hidden for label, *_ in labels]
        model = fitter.verifier.model.name
        what = f"critics of {', '.join(energy.critics)} refined for {type(engine).__name__.lower()} on {model}"
        aims = {label: want.as_dict() for label, want in refined.aims.items()}
        seconds = time.monotonic() - began
        return {"what": what, "hidden": hidden, "aims": aims, "card": refined.card, "seconds": seconds}, tensors

    if cache is None or None in keys or None in through:
        config, tensors = fit()
    else:
        flow = fitter.verifier.model.flow() if energy.realism_weight > 0 and engine.begins_real else None
        key = key_of(
            {
                "critics": keys,
                **({"through the decoder": through} if through else {}),
                "model": fitter.verifier.model.digest,
                "settings": _keyed(fitter.settings, refined=True),
                "entries": [describe(entry) for entry in energy.entries],
                "realism": energy.realism_weight,
                **({"flow": getattr(flow, "digest", "")} if flow else {}),
                "engine": f"{type(engine).__module__}.{type(engine).__qualname__}",
                "engine settings": engine.settings(),
                **engine_source(engine),
            }
        )
        config, tensors, _ = cache.get_or_fit("refined", key, fit, progress=progress)
    spent.append(config.get("seconds", math.nan))
    critics: dict[str, Critic] = {}
    for number, (some, hidden) in enumerate(zip(labels, config["hidden"], strict=True)):
        own = {name.partition(".")[2]: t for name, t in tensors.items() if name.partition(".")[0] == str(number)}
        critics |= dict.fromkeys(some, load_critic(own, hidden))
    aims = {label: Want(**want) for label, want in config["aims"].items()}
    weights = {name.removeprefix("engine."): t for name, t in tensors.items() if name.startswith("engine.")}
    return Refined(critics, aims, weights, config["card"])


def critic_tensors(critic: Critic) -> dict[str, Tensor]:
    """Return a critic's weights and bins, ready to be saved."""
    low, high = (torch.tensor(edge) for edge in (critic.bins.low, critic.bins.high))  # copies: atoms share one array
    bins = {"bins.low": low, "bins.high": high}
    return {**critic.state_dict(), **bins}


def load_critic(tensors: Mapping[str, Tensor], hidden: int) -> Critic:
    """Return the critic that `critic_tensors` described."""
    bins = Bins(tensors["bins.low"].numpy(), tensors["bins.high"].numpy())
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith("bins.")}
    with torch.random.fork_rng(devices=[]):  # the weights it starts with are replaced
        outputs = len(weights[max(weights)])  # the last layer's
        critic = Critic(weights["net.0.weight"].shape[1], bins, hidden=hidden, heads=outputs // (len(bins) + 1))
    critic.load_state_dict(weights)
    return critic.requires_grad_(False).eval()
