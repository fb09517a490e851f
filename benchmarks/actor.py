"""Speed and variety of the engine `actor` on melodies: `python -m benchmarks.actor [SECTION]...`.

Speeds are ratios of runs side by side on one thread: blocks of both kinds in turn, the median over pairs. Realism is
left out unless a line says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks.melody import prior_rate, say
from benchmarks.sections import Sections
from lc_core.common.cache import Cache
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.energy.energy import Energy
from lc_core.engines.base import Engine
from lc_core.engines.gradient import Gradient
from lc_core.engines.loop import run_engine
from lc_core.engines.rejection import Rejection
from lc_core.evaluation import neighbour_figures
from lc_core.models.latent_model import draw_prior
from lc_core.runs.build import build_problem, prepare_problem
from lc_core.sampling.block import run_block
from lc_core.sampling.problem import Problem
from lc_core.spec import load_spec

PAIRS = 31
"""Pairs of runs that a ratio is the median of."""
LATENTS = 1_024
"""Latents in a run that is timed."""
SET = 5_000
"""Outputs in a set whose coverage is measured."""
K = 3
section = Sections()


def fitted(name: str, engine: str, *overrides: str) -> tuple[Problem, Energy | None]:
    """Return a shipped spec's problem from the prior with a fitted engine, and its energy."""
    spec = load_spec(name, overrides=["base=prior", *overrides], engine=engine)
    problem = build_problem(spec, device="cpu")
    prepared = prepare_problem(problem, spec.fit, Cache(), say)
    return replace(problem, engine=prepared.engine), prepared.energy


def ratio(
    ours: Callable[[int], object], theirs: Callable[[int], object], pairs: int = PAIRS
) -> tuple[float, float, float]:
    """Return how many times as fast the first is as the second: the median over pairs, and the quartiles."""
    found = []
    for number in range(pairs + 1):
        seconds = []
        for run in (ours, theirs) if number % 2 else (theirs, ours):
            began = time.perf_counter()
            run(number)
            seconds.append(time.perf_counter() - began)
        first, second = seconds if number % 2 else reversed(seconds)
        found.append(second / first)
    low, middle, high = np.quantile(found[1:], [0.25, 0.5, 0.75])  # the first pair is for warming up
    return float(middle), float(low), float(high)


def told(found: tuple[float, float, float]) -> str:
    return f"{found[0]:.3f} (quartiles {found[1]:.3f} to {found[2]:.3f})"


@section
def verified() -> None:
    """Verified outputs a second, decoding and measuring included, against rejection, as a share of 1 / prior's rate."""
    print("\nverified outputs a second, actor against rejection; the limit is 1 / the prior's rate (bar: 0.7 of it)")
    for name, realism in (
        ("melody/busy_c_major", 0),
        ("melody/rare", 0),
        ("melody/busy_c_major", 28),
        ("melody/rare", 8),
    ):
        problem, energy = fitted(name, "actor", f"realism={realism}")
        plain = replace(problem, engine=Rejection(block=problem.engine.block))
        rate, hits, tries, _ = prior_rate(plain)
        blocks = [run_block(problem, energy, number) for number in range(5)]
        share = float(np.mean([block.satisfied.mean() for block in blocks]))
        x = np.concatenate([block.outputs[block.satisfied[block.rows]] for block in blocks])
        unique = len(np.unique(x, axis=0)) / len(x)
        tries_ratio = ratio(lambda n, p=problem, e=energy: run_block(p, e, n), lambda n, p=plain: run_block(p, None, n))
        times = share / rate * tries_ratio[0]
        print(
            f"{name}, realism {problem.realism:g}: satisfied {share:.2%}, unique {unique:.1%}, prior {rate:.4%}"
            f" ({hits} of {tries:,}); tries a second against rejection {told(tries_ratio)}; verified outputs"
            f" {times:,.1f}x of rejection's, {share * tries_ratio[0]:.3f} of the limit",
            flush=True,
        )


@section
def with_decode() -> None:
    """Actor and decode together against unconditional decode of as many prior samples, both in float32."""
    problem, energy = fitted("melody/busy_c_major", "actor", "realism=0")
    evaluator, model = Evaluator(problem.model, ()), problem.model
    z = draw_prior(model, LATENTS, block_generator(5, 0))

    def ours(_: int) -> None:
        evaluator.decode(run_engine(problem.engine, model, z, energy).z)

    print(f"\nactor and decode / decode, speed: {told(ratio(ours, lambda _: evaluator.decode(z)))} (bar: 0.85)")


@section
def latents() -> None:
    """Latents a second without decoding: actor against the gradient engine at its default steps."""
    problem, energy = fitted("melody/busy_c_major", "actor", "realism=0")
    other, slope = fitted("melody/busy_c_major", "gradient")
    model, z = problem.model, draw_prior(problem.model, LATENTS, block_generator(5, 0))
    engine = Gradient(check_every=0)

    def run(one: Engine, down: Energy | None) -> Callable[[int], object]:
        return lambda _: run_engine(one, model, z, down)

    found = ratio(run(problem.engine, energy), run(engine, slope), 7)
    print(
        f"\nlatents a second, actor / gradient of {engine.steps} steps (energy of the spec, realism {other.realism:g}):"
        f" {told(found)} (bar: 50)"
    )


@section
def variety() -> None:
    """Unique share, and coverage of what satisfies: the actor's beside a second rejection set's."""
    problem, energy = fitted("melody/c_major", "actor", "realism=0")
    plain = replace(problem, engine=Rejection())
    ours = accepted(problem, energy, 10)
    real, second = accepted(plain, None, 20), accepted(plain, None, 30)
    print(f"\nmelody/c_major: {SET:,} outputs that satisfy of each; rejection is the prior, given the rule")
    for label, x in (("actor", ours), ("rejection", second)):
        print(f"  {label:10s} unique {len(np.unique(x, axis=0)) / len(x):.2%}")
    features = {one: posterior_mean(problem, x) for one, x in (("real", real), ("actor", ours), ("second", second))}
    own, best = (neighbour_figures(features["real"], features[one], k=K)["coverage"] for one in ("actor", "second"))
    print(f"  coverage of a rejection set, k = {K}, space: posterior mean of {problem.model.name}")
    print(f"  actor {own:.4f}, a second rejection set {best:.4f}, ratio {own / best:.3f} (bar: 0.9)")


def accepted(problem: Problem, energy: Energy | None, seed: int, count: int = SET) -> np.ndarray:
    """Return the first `count` outputs that satisfy."""
    problem, found, number = replace(problem, seed=seed), [], 0
    while sum(map(len, found)) < count:
        block = run_block(problem, energy, number)
        found.append(block.outputs[block.satisfied[block.rows]])
        number += 1
    return np.concatenate(found)[:count]


def posterior_mean(problem: Problem, outputs: np.ndarray) -> np.ndarray:
    mean: np.ndarray = problem.model.encode(outputs).mean.numpy()
    return mean


if __name__ == "__main__":
    section.main()
