"""Build the energy of a problem: its critics fitted or found in the cache, refined, and its realism."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from lc_core.bank.bank import Bank
from lc_core.common.cache import Cache
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import check_reachable
from lc_core.critics.realism import realism_of
from lc_core.energy.decoder_guide import DecoderGuide, spreads_of
from lc_core.energy.energy import Energy
from lc_core.energy.targets import Space, without_free
from lc_core.engines.base import Engine
from lc_core.errors import LCError, PluginFault
from lc_core.fitting.critics import CriticFitter, FitSettings
from lc_core.fitting.keys import CachedFits
from lc_core.fitting.refine import with_thresholds
from lc_core.models.latent_model import LatentModel

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
    evaluator: Evaluator,
    engine: Engine,
    *,
    realism: float = 0.0,
    settings: FitSettings | None = None,
    cache: Cache | None = None,
    progress: Callable[[str], None] = lambda _: None,
    base: str = "prior",
    bank: Bank | None = None,
) -> Prepared:
    """Fit, or find in the cache, all that an engine needs for a tree of constraints.

    Args:
        evaluator: The model and the constraints.
        engine: The engine.
        realism: Weight of realism.
        settings: How to fit.
        cache: Where fitted parts are kept; None keeps nothing.
        progress: Called with a line of text now and then.
        base: What tries begin from, `prior` or `data`.
        bank: The bank of what tries begin from, if it is open.

    Raises:
        LCError: If realism is asked for and the model has none (`lc_core.critics.realism`), or if a condition
            cannot be met since its measurement has one value on every sample.
    """
    if not engine.needs_energy:
        return Prepared(None, engine)
    began = time.monotonic()
    ready = engine.ready(evaluator, realism, progress, settings=settings, cache=cache, base=base, bank=bank)
    if ready is not None:
        return Prepared(*ready, seconds=time.monotonic() - began)
    if not engine.amortised and Space.of(evaluator.entries).leaves:
        evaluator = Evaluator(evaluator.model, tuple(map(without_free, evaluator.entries)))
    settings = settings or FitSettings()
    critic_of_realism = realism_of(evaluator.model)[0] if realism > 0 else None
    if realism > 0 and not evaluator.entries and engine.begins_real and evaluator.model.realism_alone():
        return Prepared(None, engine)  # where it transports prior samples is all that is wanted
    if realism > 0 and critic_of_realism is None:
        raise LCError(
            f"realism {realism} is asked for, but {evaluator.model.name} has no realism critic",
            hint="leave realism out, or use a model that ships one; without an encoder, log_prior(z) is enough",
        )
    fitter = CriticFitter(evaluator, settings, progress, bank=_bank(evaluator.model, settings, cache, progress))
    fits = CachedFits(fitter, cache)
    with _placed("a number counts the samples that were decoded together for a fit"):
        spreads = spreads_of(evaluator.model, evaluator.entries, settings.seed, cache)
        only = {label: one.low for label, one in spreads.items() if not one.low < one.high}
        check_reachable(evaluator.conditions, only)
        fits.fit_critics(engine, only)
        space = Space.of(evaluator.entries)
        decoder = DecoderGuide(evaluator.model, spreads) if spreads else None
        energy = Energy(evaluator.entries, fits.critics, fits.first, critic_of_realism, realism, space, decoder=decoder)
        cards = fits.fitter.cards(energy, fits.held_out)
        refined = fits.refinement(energy, engine)
    card = {"settings": settings.as_dict(), "held_out": cards, "refinement": refined.card}
    entries = tuple(with_thresholds(entry, refined.thresholds) for entry in evaluator.entries)
    energy = replace(energy, entries=entries, critics=refined.critics).at(energy.space.own())
    engine = engine.with_tensors(refined.weights, evaluator.model, energy.space)
    return Prepared(energy, engine, card, time.monotonic() - began, sum(fits.spent))


def _bank(
    model: LatentModel, settings: FitSettings, cache: Cache | None, progress: Callable[[str], None]
) -> Bank | None:
    """Return the bank that a fit reads; a model that stands in for another has starts of its own, which none holds."""
    return None if model.unwrapped is not model else Bank(model, seed=settings.seed, cache=cache, say=progress)


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """Say with a plugin's fault which outputs its numbers count."""
    try:
        yield
    except PluginFault as error:
        raise PluginFault(error.message, hint="; ".join(filter(None, (error.hint, place)))) from error
