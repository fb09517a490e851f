"""How costs grow: with the number of outputs, the size of a latent, the number of constraints, and the bank."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.bench.figure import Clock, Figure, Run, Sizes, exponent, in_turn, spent
from benchmarks.bench.rare import Composition
from lc_core import load_model
from lc_core.bank.bank import Bank
from lc_core.bank.rate import rates
from lc_core.common.cache import Cache
from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint, Entry
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.measurement import Measurement
from lc_core.critics.critic import Bins, Critic
from lc_core.energy.energy import Energy
from lc_core.engines.gradient import Gradient
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import LatentModel, draw_prior
from lc_core.runs.build import build_problem
from lc_core.sampler.engine import Sampler
from lc_core.sampling.block import run_block
from lc_core.sampling.problem import Problem
from lc_core.sampling.sample import collect
from lc_core.spec import load_spec
from lc_plugins.melody import measurements

__all__ = ["bank", "constraints", "latent", "outputs"]

MODEL = "melody.folk-2bar"
RULES: tuple[dict[str, Any], ...] = (
    {"use": "melody.note_density", "at_least": 0.3},
    {"use": "melody.span", "at_most": 30},
    {"use": "melody.max_leap", "at_most": 16},
    {"use": "melody.stepwise_share", "at_least": 0.2},
    {"use": "melody.pitch_class_entropy", "at_least": 1.0},
    {"use": "melody.lowest", "at_least": 50},
    {"use": "melody.highest", "at_most": 90},
    {"use": "melody.rest_share", "at_most": 0.5},
    {"use": "melody.rhythm_complexity", "at_most": 8},
    {"use": "melody.syncopation", "at_most": 5},
    {"use": "melody.contour", "at_least": 5},
    {"use": "melody.arch", "at_least": 0.01},
    {"use": "melody.in_scale", "params": {"tonic": "C", "mode": "major"}, "at_least": 0.5},
    {"use": "melody.in_scale", "params": {"tonic": "G", "mode": "major"}, "at_least": 0.5},
    {"use": "melody.chord_fit", "params": {"chords": ["C", "G"]}, "at_least": 0.1},
    {"use": "melody.likeness", "at_least": -10},
)
"""Sixteen rules that most outputs meet."""


def costs(
    sizes: Sequence[int], cost: Callable[[int], Run], rounds: int, clock: Clock, *, warm: bool = False
) -> dict[int, list[float]]:
    """Return the seconds of each round, by size, measured in turn.

    Args:
        sizes: The sizes, rising.
        cost: Returns for a size what is to be timed.
        rounds: How many rounds.
        clock: After its time no new round begins.
        warm: Whether all is warm already.
    """
    found = in_turn({str(size): cost(size) for size in sizes}, rounds, clock, warm=warm)
    return {size: found[str(size)] for size in sizes}


def outputs(sizes: Sizes, clock: Clock) -> Figure:
    """Time how long so many outputs take, the files of a result included."""
    figure = Figure(
        "Growth with the number of outputs",
        f"Seconds of `{sizes.engine}` until N outputs are found and written; no bank.",
    )
    spec = load_spec("melody/busy_c_major" if sizes.engine == "sampler" else "melody/free", engine=sizes.engine)
    rules = (Constraint(Measurement(measurements.note_density), at_least=0.5),)
    problem = replace(build_problem(spec, device="cpu"), base="prior", realism=0.0, budget=10**9)
    if sizes.engine == "rejection":
        problem = replace(problem, entries=rules)
    prepared = prepare(Evaluator(problem.model, problem.entries), problem.engine)
    problem = replace(problem, engine=prepared.engine)
    run_block(problem, prepared.energy, 0)

    def cost(count: int) -> Run:
        def found(_: int) -> None:
            with tempfile.TemporaryDirectory() as folder:
                collect(replace(problem, count=count), prepared.energy)[0].save(folder)

        return found

    found = costs(sizes.counts, cost, sizes.rounds, clock, warm=True)
    figure.exponents.append(exponent(f"outputs by {sizes.engine}", "N", found))
    return figure


class Linear(LatentModel):
    """A decoder that is one matrix, to 64 values."""

    output_type = "any/1"

    def __init__(self, dimensions: int) -> None:
        self.name, self.latent_shape, self.digest = f"linear-{dimensions}", (dimensions,), f"linear-{dimensions}"
        self.matrix = torch.randn(dimensions, 64, generator=torch.Generator().manual_seed(0)) / dimensions**0.5

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """Return values `(B, 64)`."""
        return z @ self.matrix


def highest_mean(values: np.ndarray) -> np.ndarray:
    """Return the mean of the first eight values, `(B,)`."""
    found: np.ndarray = values[:, :8].mean(axis=1).astype(np.float64)
    return found


def latent(sizes: Sizes, clock: Clock) -> Figure:
    """Time a block of the gradient engine on latents of different sizes."""
    figure = Figure(
        "Growth with the size of a latent",
        "Seconds of a block of 256 tries of `gradient`, without checks, with a decoder that is one matrix and a critic "
        "of 256 units.",
    )

    def cost(size: int) -> Run:
        model = Linear(size)
        rule = Constraint(Measurement(highest_mean), at_least=0.5, label="mean")
        z = draw_prior(model, 4_096, block_generator(6, 0))
        evaluator = Evaluator(model, (rule,))
        bins = Bins.of(evaluator.measure(evaluator.decode(z))["mean"])
        energy = Energy((rule,), critics={"mean": Critic(size, bins).requires_grad_(False)})
        problem = Problem(model=model, entries=(rule,), engine=Gradient(check_every=0))
        return lambda number: run_block(problem, energy, number)

    found = costs(sizes.dimensions, cost, sizes.rounds, clock)
    figure.exponents.append(exponent("a block of gradient", "values", found))
    return figure


def constraints(sizes: Sizes, clock: Clock) -> Figure:
    """Time a block of the sampler that is asked more and more."""
    figure = Figure(
        "Growth with the number of constraints",
        "Seconds of a block of 64 tries of `sampler`, without checks and moves, and of decoding and measuring 1,024 "
        "prior samples. The rules are such that most outputs meet them.",
    )
    model = load_model(MODEL)
    z = draw_prior(model, 1_024, block_generator(5, 0))

    def asked(size: int) -> tuple[Entry, ...]:
        return Composition("growth", 0, 1.0, RULES[:size]).entries()

    def tried(size: int) -> Run:
        entries = asked(size)
        prepared = prepare(Evaluator(model, entries), Sampler(check_every=0, moves=0))
        problem = Problem(model=model, entries=entries, engine=prepared.engine)
        return lambda number: run_block(problem, prepared.energy, number)

    def measured(size: int) -> Run:
        evaluator = Evaluator(model, asked(size))
        return lambda _: evaluator.satisfied_latents(z)

    for name, cost in (("a block of sampler", tried), ("decoding and measuring", measured)):
        found = costs(sizes.constraints, cost, sizes.rounds, clock)
        figure.exponents.append(exponent(name, "constraints", found))
    return figure


def bank(sizes: Sizes, clock: Clock) -> Figure:
    """Time how long filling a bank takes, and asking one of a new rule and of a known one."""
    figure = Figure(
        "Growth with the bank",
        "Seconds of filling a bank of so many prior samples; of telling from it how many meet a rule that it has not "
        "measured; and of one that it has.",
    )
    model = load_model(MODEL)
    known = (Constraint(Measurement(measurements.span), at_most=12),)
    new = (Constraint(Measurement(measurements.note_density), at_least=0.5),)
    asked = (("filling", known), ("a new rule", new), ("a known rule", known))
    found: dict[str, dict[int, list[float]]] = {name: {size: [] for size in sizes.banks} for name, _ in asked}
    for number in range(sizes.rounds):
        if number and clock.over:
            break
        for size in sizes.banks:
            with tempfile.TemporaryDirectory() as folder:
                for name, rule in asked:
                    began = spent()
                    rates(Bank(model, cache=Cache(Path(folder))), rule, size)
                    found[name][size].append(spent() - began)
    figure.exponents += [exponent(name, "samples", seconds) for name, seconds in found.items()]
    return figure
