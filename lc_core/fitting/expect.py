"""What a fit may take, said before it starts: decodes, time at most, and the cheaper ways."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from lc_core.common.progress import LONG, time_of
from lc_core.common.seeds import block_generator
from lc_core.common.words import counted
from lc_core.constraints.evaluator import Evaluator
from lc_core.critics.critic import Bins, Critic
from lc_core.critics.heads import critic_heads
from lc_core.engines.base import Engine
from lc_core.errors import LCError
from lc_core.fitting.critics import FitSettings
from lc_core.fitting.refine import visited_steps
from lc_core.models.latent_model import draw_prior

__all__ = ["fit_decodes", "refinement_decodes", "say_fit"]

TRIED, MORE = 4, 32
"""Outputs that are decoded and measured to see how long it takes; the second number where the first took no time."""
QUICK = 0.1
"""Seconds below which it took no time."""


def fit_decodes(settings: FitSettings, critics: int) -> int:
    """Return the outputs that are decoded and measured to fit so many critics."""
    shared = settings.prior_samples + settings.prior_samples // 4
    return shared + 2 * settings.push_samples * critics if critics else 0


def refinement_decodes(settings: FitSettings, engine: Engine, *, followed: bool) -> int:
    """Return the outputs that are decoded in a refinement that uses all its rounds, but for copies of what is rare.

    Args:
        settings: The settings.
        engine: The engine.
        followed: Whether it follows a rule through the decoder, which decodes in every step.
    """
    if not engine.amortised and settings.rounds == 0:
        return 0
    each = settings.round_samples * settings.refine.visits
    tries = each // len(visited_steps(engine, settings.refine.visits))
    return (settings.rounds + 1) * (each + (tries * engine.steps if followed else 0))


def say_fit(
    evaluator: Evaluator, engine: Engine, settings: FitSettings, critics: int, progress: Callable[[str], None]
) -> None:
    """Say what a fit that is about to start takes, if that is more than some seconds.

    A few outputs are decoded and measured to see how long that takes. It changes nothing but what is said.

    Args:
        evaluator: The model and the constraints.
        engine: The engine that critics are refined for.
        settings: How critics are fitted.
        critics: How many are to be fitted; 0 if they are there and only refined.
        progress: Called with lines of text.
    """
    followed = any(leaf.guide == "decoder" for leaf in evaluator.leaves)
    some = len(critic_heads(evaluator.leaves))
    first, then = fit_decodes(settings, critics), refinement_decodes(settings, engine, followed=followed)
    try:
        each = _seconds_each(evaluator)
    except LCError:
        return  # an error where outputs are needed
    step = _seconds_step(evaluator, settings)
    trained = critics * (1.25 * settings.steps) * step
    rounds = settings.rounds + 1 if then else 0
    refined = rounds * some * step * (settings.round_steps + engine.steps * settings.round_samples / settings.batch)
    seconds = first * each + trained
    more = then * each + refined
    if seconds + more < LONG:
        return
    parts = [f"fit: {first:,} decodes for {counted(critics, 'critic')}, about {time_of(seconds)}"] if first else []
    if then:
        parts.append(f"refinement: at most {then:,} decodes, {time_of(more)}; it ends earlier once tries satisfy")
    for part in parts:
        progress(part)
    if ways := _cheaper(evaluator, fitted=critics > 0, refined=then > 0):
        progress(f"cheaper: {'; '.join(ways)}")


def _seconds_each(evaluator: Evaluator) -> float:
    """Return how long one output takes to be decoded and measured."""
    own = Evaluator(evaluator.model, evaluator.entries)
    spent = 0.0
    for count in (TRIED, TRIED, MORE):  # the first is slower than all others
        z = draw_prior(evaluator.model, count, block_generator(0, 0, "expect"))
        began = time.perf_counter()
        own.measure_variants(own.decode(z))
        spent = (time.perf_counter() - began) / count
        if spent * count > QUICK * 10:
            break
    return spent


def _seconds_step(evaluator: Evaluator, settings: FitSettings) -> float:
    """Return how long one training step of a critic takes."""
    import numpy as np

    generator = block_generator(0, 0, "expect/step")
    with torch.random.fork_rng(devices=[]):
        critic = Critic(evaluator.model.dimensions, Bins.of(np.linspace(0.0, 1.0, 512)), hidden=settings.hidden)
    critic = critic.to(evaluator.model.device)
    z = draw_prior(evaluator.model, min(settings.batch, 512), generator)
    spent = 0.0
    with torch.enable_grad():
        for _ in range(3):
            began = time.perf_counter()
            critic.every(z).sum().backward()  # type: ignore[no-untyped-call]
            spent = time.perf_counter() - began
    return spent


def _cheaper(evaluator: Evaluator, *, fitted: bool, refined: bool) -> list[str]:
    """Return what takes less, in words.

    Args:
        evaluator: The model and the constraints.
        fitted: Whether critics are to be fitted.
        refined: Whether they are to be refined for the spec.
    """
    ways = []
    able = [leaf for leaf in evaluator.leaves if leaf.guide != "decoder" and leaf.measurement.info.differentiable]
    if able and evaluator.model.differentiable:
        ways.append(f"guide: decoder on {', '.join(leaf.label for leaf in able)}, which needs no critic")
    if len(evaluator.conditions) == len(evaluator.entries):  # it does not follow preferences
        ways.append("engine: rejection, which needs no fit, where a rule is not rare")
    if fitted:
        ways.append("fit: {prior_samples: 4096, push_samples: 1024}")
    if refined:
        ways.append("fit: {stop_at: 0.9}, which refines until 90 % of tries satisfy")
    else:
        ways.append("for many specs of this model: lc amortise, whose sampler needs no fit for the rules that it knows")
    return ways
