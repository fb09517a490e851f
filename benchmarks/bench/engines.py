"""Engines against a decode and a bare loop; a critic against one product."""

from __future__ import annotations

import cProfile
import pstats
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.bench.figure import Clock, Figure, Sizes, ratio
from benchmarks.bench.rare import compositions
from benchmarks.melody import bare_loop
from lc_core import load_model
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.critics.critic import Bins, Critic
from lc_core.energy.energy import Energy
from lc_core.energy.targets import Space
from lc_core.engines.actor import Actor
from lc_core.engines.gradient import Gradient
from lc_core.engines.loop import run_engine
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import LatentModel, draw_prior
from lc_core.sampler.engine import Sampler
from lc_core.sampler.look import look
from lc_core.sampling import block as blocks
from lc_core.sampling.block import run_block
from lc_core.sampling.moves import make_moves
from lc_core.sampling.problem import Problem
from lc_core.spec import load_spec

__all__ = ["critic", "decode", "loop"]

MODEL = "melody.folk-2bar"
LARGER = 4
"""Times the sampler's default block that a larger one has."""
ACTED = 1_024
"""Latents of the actor: its block."""


def decode(sizes: Sizes, clock: Clock) -> Figure:
    """Compare the actor and the sampler with a decode of prior samples."""
    figure = Figure(
        "Actor and sampler against unconditional decode",
        "Seconds of as many plain decodes of prior samples, divided by seconds of tries, their decodes included. "
        "1 is what a network costs that does nothing.",
    )
    model = load_model(MODEL)
    evaluator = Evaluator(model, ())
    z = draw_prior(model, min(ACTED, sizes.latents), block_generator(5, 0))
    actor = Actor().begin(model, Space(), torch.Generator().manual_seed(0))

    def acted(_: int) -> object:
        return evaluator.decode(run_engine(actor, model, z, Energy(())).z)

    decoded, often = f"decode of {len(z):,}", replace(sizes, rounds=5 * sizes.rounds)
    figure.ratios.append(ratio("actor", acted, decoded, lambda _: evaluator.decode(z), often, clock, bar=0.9))
    figure.notes.append("The actor's weights are as they begin: what they are does not change what a step costs.")
    _add_sampler(figure, model, sizes, clock)
    return figure


def _add_sampler(figure: Figure, model: LatentModel, sizes: Sizes, clock: Clock) -> None:
    """Add the sampler, and what its time goes into."""
    one = compositions(4)[0]
    for block in (None, LARGER * Sampler().block):
        prepared = prepare(Evaluator(model, one.entries()), Sampler(block=block).sized_for(model))
        problem = Problem(model=model, entries=one.entries(), engine=prepared.engine, count=10**6)
        _add_blocks(figure, problem, prepared.energy, sizes, clock)
        if block is None:
            profile = cProfile.Profile()
            numbers = range(min(sizes.rounds, 4))
            profile.runcall(lambda p=problem, e=prepared.energy, n=numbers: [run_block(p, e, one) for one in n])  # type: ignore[misc]
            rows = [(name, 100 * share) for name, share in _shares(profile).items()]
            figure.tables.append((("of the sampler's time", "share, %"), rows))
    figure.notes.append(
        f"The sampler is asked composition {one.name}, which 1 prior sample in {1 / one.rate:,.0f} meets."
    )


def _add_blocks(figure: Figure, problem: Problem, energy: Energy | None, sizes: Sizes, clock: Clock) -> None:
    """Add blocks of the sampler against as many decodes, and what they find."""
    size = problem.engine.block
    evaluator, z = Evaluator(problem.model, ()), draw_prior(problem.model, size, block_generator(5, 0))
    found: list[blocks.Block] = []

    def tried(number: int) -> None:
        found.append(run_block(problem, energy, number))

    name = f"sampler, blocks of {size:,}"
    figure.ratios.append(ratio(name, tried, f"decode of {size:,}", lambda _: evaluator.decode(z), sizes, clock))
    seconds = figure.ratios[-1].seconds
    met, tries = sum(int(block.satisfied.sum()) for block in found), sum(block.size for block in found)
    decodes = sum(block.decodes for block in found)
    assert seconds is not None, "ratio tells them"
    figure.notes.append(
        f"{name}: {met:,} of {tries:,} tries satisfy, {met / len(found) / seconds[0]:.1f} a second; "
        f"{decodes / max(met, 1):.0f} decodes for each of these, {decodes / tries:.0f} for each try, with those that a "
        "step reads through the decoder."
    )


def _shares(profile: cProfile.Profile) -> dict[str, float]:
    """Return what the time of blocks of tries goes into: shares that add up to 1."""
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]

    def seconds(function: Callable[..., Any]) -> float:
        code = function.__code__
        return stats.get((code.co_filename, code.co_firstlineno, code.co_name), (0, 0, 0.0, 0.0, None))[3]

    features = type(load_model(MODEL)).features
    whole, steps, moves = seconds(run_block), seconds(Sampler.step), seconds(make_moves)
    ends, looked = seconds(blocks._end_points), seconds(look)
    back = next((one[3] for key, one in stats.items() if "run_backward" in key[2]), 0.0)
    read = seconds(features)
    parts = {
        "steps: probabilities of tokens, through the decoder": read,
        "steps: prediction": looked - read - back,
        "steps: the gradient back through both": back,
        "steps: the rest": steps - looked,
        "checks on the way: decode and measure": ends - steps,
        "exact moves": moves,
    }
    found = {name: spent / whole for name, spent in parts.items()}
    return found | {"last decode, the rest": 1 - sum(found.values())}


def energy_of(model: LatentModel, name: str, *, realism: float) -> Energy:
    """Return the energy of a shipped spec with critics that have learned nothing: it costs what a fitted one does."""
    entries = load_spec(name, engine="gradient").entries
    evaluator = Evaluator(model, entries)
    z = draw_prior(model, 4_096, block_generator(6, 0))
    values = evaluator.measure(evaluator.decode(z))
    critics = {
        leaf.label: Critic(model.dimensions, Bins.of(values[leaf.label])).requires_grad_(False)
        for leaf in evaluator.leaves
    }
    return Energy(entries, critics=critics, realism=model.realism(), realism_weight=realism)


def loop(sizes: Sizes, clock: Clock) -> Figure:
    """Compare a step of the engine `gradient` with the same mathematics written out."""
    figure = Figure(
        "The gradient engine against a bare loop",
        "Seconds of Adam on the same terms, written out in torch, divided by seconds of the engine `gradient` without "
        "checks. Spec melody/busy_c_major with realism 0.5.",
    )
    model = load_model(MODEL)
    energy = energy_of(model, "melody/busy_c_major", realism=0.5)
    for count in (sizes.latents, sizes.large):
        steps = max(1, sizes.steps * sizes.latents // count)
        engine = Gradient(steps=steps, check_every=0, block=count)
        z = draw_prior(model, count, block_generator(5, 0))
        figure.ratios.append(
            ratio(
                f"gradient, N = {count:,}, {steps} steps",
                lambda _, engine=engine, z=z: run_engine(engine, model, z, energy),  # type: ignore[misc]
                "bare loop",
                lambda _, steps=steps, z=z: bare_loop(energy, z, steps),  # type: ignore[misc]
                sizes,
                clock,
                bar=0.95,
            )
        )
    figure.notes.append("The critics have learned nothing: what they are does not change what a step costs.")
    return figure


def critic(sizes: Sizes, clock: Clock) -> Figure:
    """Compare a critic with one matrix product of as many operations."""
    figure = Figure(
        "A critic against one matrix product of its operations",
        "Seconds of one square product with as many multiplications and additions, divided by seconds of a critic of "
        "melody.in_scale; alone, and with the gradient for its latents, which doubles the operations.",
    )
    model = load_model(MODEL)
    energy = energy_of(model, "melody/c_major", realism=0.0)
    one = next(iter(energy.critics.values()))
    z = draw_prior(model, sizes.latents, block_generator(5, 0))
    operations = sum(layer.weight.numel() for layer in one.net if isinstance(layer, torch.nn.Linear))

    def slope(_: int) -> object:
        free = z.detach().requires_grad_()
        return torch.autograd.grad(one.every(free).sum(), free)

    def value(_: int) -> object:
        with torch.inference_mode():
            return one.every(z)

    for name, run, times in (("critic", value, 1), ("critic with its gradient", slope, 2)):
        side = round(float(np.sqrt(times * operations)))
        wide, square = torch.randn(len(z), side), torch.randn(side, side)
        product = f"product ({len(z):,} x {side}) ({side} x {side})"
        figure.ratios.append(
            ratio(name, run, product, lambda _, a=wide, b=square: a @ b, replace(sizes, rounds=5 * sizes.rounds), clock)  # type: ignore[misc]
        )
    return figure
