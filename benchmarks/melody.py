"""Figures of the melody specs: `python -m benchmarks.melody [SECTION]...`.

Every share is measured on decoded outputs by the rule itself, over first tries, before any selection. Speeds are
ratios of runs side by side on one thread.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from safetensors.numpy import load_file

from benchmarks.sections import Sections
from lc_core.common.cache import Cache
from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.measurement import Measurement
from lc_core.critics.critic import Critic
from lc_core.energy.energy import Energy
from lc_core.engines.adam import BETA1, BETA2, EPSILON
from lc_core.engines.gradient import Gradient
from lc_core.engines.loop import run_engine
from lc_core.fitting.critics import FitSettings
from lc_core.fitting.prepare import prepare
from lc_core.runs.build import build_problem, prepare_problem
from lc_core.sampling.block import run_block
from lc_core.sampling.problem import Problem
from lc_core.spec import load_spec
from lc_core.spec.files import shipped_names
from lc_plugins.melody import measurements
from lc_plugins.melody.evaluate import descriptors, distances
from lc_plugins.melody.midi import read_midi

TRIES = 5_000
SECONDS = 5.0
"""Least time that a speed is measured for."""
section = Sections()


LC = (sys.executable, "-m", "lc_core")


def melody_specs() -> list[str]:
    return [name for name in shipped_names() if name.startswith("melody/")]


def say(text: str) -> None:
    click.echo(text, err=True)


def load(name: str, *, seed: int = 0, **changes: Any) -> tuple[Problem, Energy | None, float]:
    """Return a shipped spec's problem for `gradient` from the prior, its fitted energy, and the seconds of the fit."""
    spec = load_spec(name, overrides=[f"fit.seed={seed}", "base=prior"], engine="gradient")
    problem = replace(build_problem(spec, device="cpu"), **changes)
    prepared = prepare_problem(problem, spec.fit, Cache(), say)
    return problem, prepared.energy, prepared.seconds


def first_tries(problem: Problem, energy: Energy | None, *, seed: int = 1_000) -> tuple[np.ndarray, np.ndarray, float]:
    """Return outputs and satisfied flags of the first 5,000 tries, and decodes a try, without selection."""
    evaluator = Evaluator(problem.model, problem.entries)
    outputs, satisfied = [], []
    for number in range(-(-TRIES // problem.engine.block)):
        start = problem.model.sample_prior(problem.engine.block, block_generator(seed, number))
        result = run_engine(problem.engine, problem.model, start, energy, satisfied=evaluator.satisfied_latents)
        x = evaluator.decode(result.z)
        outputs.append(x)
        satisfied.append(evaluator.satisfied(evaluator.measure(x), len(x)))
    each = evaluator.decodes / sum(map(len, outputs))
    return np.concatenate(outputs)[:TRIES], np.concatenate(satisfied)[:TRIES], each


def prior_rate(problem: Problem, *, hits: int = 100, most: int = 4_000_000) -> tuple[float, int, int, float]:
    """Return the rate at which prior samples satisfy, from at least `hits` hits; hits, tries and seconds."""
    evaluator = Evaluator(problem.model, problem.entries)
    found = tries = number = 0
    began = time.perf_counter()
    while (found < hits and tries < most) or time.perf_counter() - began < SECONDS:
        z = problem.model.sample_prior(1024, block_generator(2_000, number))
        found += int(evaluator.satisfied_latents(z).sum())
        tries, number = tries + 1024, number + 1
    return found / tries, found, tries, time.perf_counter() - began


@section
def satisfaction() -> None:
    """Share of first tries that satisfy, over three fit seeds; decodes a sample; one decode only; unique."""
    for name in ("melody/c_major", "melody/busy_c_major"):
        print(f"\n{name}: {TRIES:,} first tries, engine gradient from the prior")
        print("fit seed  satisfied  unique  decodes/sample  satisfied with one decode  fit seconds")
        worst = 1.0
        for seed in (0, 1, 2):
            problem, energy, seconds = load(name, seed=seed)
            x, met, each = first_tries(problem, energy)
            engine = problem.engine
            assert isinstance(engine, Gradient)
            plain = Gradient(steps=engine.steps, lr=engine.lr, block=engine.block, check_every=0)
            once = replace(problem, engine=plain)
            _, met_once, _ = first_tries(once, energy)
            unique = len(np.unique(x, axis=0)) / len(x)
            worst = min(worst, met.mean())
            print(
                f"{seed:8d}  {met.mean():9.2%}  {unique:6.2%}  {each:14.2f}  {met_once.mean():25.2%}  {seconds:11.1f}"
            )
        rate, found, tries, _ = prior_rate(problem)
        odds = worst / (1 - worst) / (rate / (1 - rate)) if worst < 1 else float("inf")
        print(f"prior: {rate:.3%} ({found} of {tries:,}); worst seed {worst:.2%}, odds lifted {odds:,.0f} times")


@section
def musicality() -> None:
    """Distance to held-out posterior samples of what is sampled, beside the prior's own distance."""
    from lc_plugins.melody.corpus import read_corpus

    corpus = read_corpus()
    held_out = corpus.windows[corpus.is_test]
    for name in ("melody/c_major", "melody/busy_c_major"):
        problem, energy, _ = load(name)
        model = problem.model
        posterior = model.encode(held_out)
        generator = block_generator(3_000, 0)
        noise = torch.randn(posterior.mean.shape, generator=generator)
        reference = Evaluator(model, ()).decode(posterior.mean + posterior.std * noise)
        prior = Evaluator(model, ()).decode(model.sample_prior(TRIES, block_generator(3_000, 1)))
        x, _, _ = first_tries(problem, energy)
        rows = {"prior samples": distances(prior, reference), name: distances(x, reference)}
        print(f"\n{name}: distances to decoded posterior samples of held-out tunes")
        for label, row in rows.items():
            print(f"  {label:22s} " + "  ".join(f"{key} {value:.4f}" for key, value in row.items()))
        for label, batch in (("held-out posterior", reference), ("prior", prior), (name, x)):
            print(f"  {label:22s} " + "  ".join(f"{key} {value:.3f}" for key, value in descriptors(batch).items()))


@section
def speed() -> None:
    """Verified outputs a second against rejection, for every spec; decoding and measuring included, fits left out."""
    print("\nverified outputs a second, one thread, and decodes for each verified output")
    print(f"{'spec':36s}  prior rate  (hits)  rejection  gradient    ratio  decodes: rejection  gradient  fit, s")
    for name in melody_specs():
        problem, energy, fitting = load(name)
        rate, found, tries, seconds = prior_rate(problem)
        verified = decodes = number = 0
        began = time.perf_counter()
        while (spent := time.perf_counter() - began) < SECONDS:
            block = run_block(problem, energy, number)
            verified, decodes, number = verified + int(block.satisfied.sum()), decodes + block.decodes, number + 1
        ours, theirs = verified / spent, found / seconds
        print(
            f"{name:36s}  {rate:9.4%}  {found:7d}  {theirs:9.2f}  {ours:8.1f}  {ours / theirs:6.2f}x"
            f"  {tries / found:18.1f}  {decodes / verified:8.2f}  {fitting:6.1f}"
        )


def fine_arch(tokens: np.ndarray) -> np.ndarray:
    """A rule that says yes or no: an arch as good as that of one prior sample in a thousand."""
    return (measurements.arch(tokens) >= 0.9268).astype(float)


RARE: list[tuple[Callable[..., Any] | str, dict[str, Any], dict[str, Any]]] = [
    ("pitch_class_entropy", {}, {"at_most": 0.971}),
    ("pitch_class_entropy", {}, {"at_least": 3.295}),
    ("lowest", {}, {"at_least": 81}),
    ("highest", {}, {"at_most": 64}),
    ("span", {}, {"at_least": 37}),
    ("contour", {}, {"at_least": 261}),
    ("contour", {}, {"at_most": 6}),
    ("arch", {}, {"at_least": 0.9268}),
    ("max_leap", {}, {"at_least": 34}),
    ("max_leap", {}, {"at_most": 2}),
    ("stepwise_share", {}, {"at_least": 0.846}),
    ("note_density", {}, {"at_most": 0.125}),
    ("rest_share", {}, {"at_least": 0.3125}),
    ("rhythm_complexity", {}, {"at_least": 9}),
    ("syncopation", {}, {"at_least": 5}),
    ("in_scale", {"pitch_classes": [0, 4, 7]}, {}),
    (fine_arch, {}, {"at_least": 1}),
]
"""Every graded rule at a threshold that about one prior sample in a thousand meets, and one that is not graded."""


@section
def rare_rules() -> None:
    """Single rules that about 0.1 % of prior samples meet: what fitting and refinement make of them."""
    base, _, _ = load("melody/free")
    print(f"\nsingle rules, gradient engine, no realism, {TRIES:,} first tries of each of two fit seeds")
    for use, params, want in RARE:
        function = getattr(measurements, use) if isinstance(use, str) else use
        rule = Constraint(Measurement(function, params), **want)
        problem = replace(base, entries=(rule,), realism=0.0)
        rate, found, tries, _ = prior_rate(problem, hits=20, most=400_000)
        evaluator = Evaluator(problem.model, problem.entries)
        for seed in (0, 1):
            settings = FitSettings(seed=seed)
            prepared = prepare(evaluator, problem.engine, settings=settings, cache=Cache(), progress=say)
            _, met, each = first_tries(problem, prepared.energy)
            print(
                f"{rule.measurement.name:20s} {params or ''} {rule.want}: prior {rate:.4%} ({found} of {tries:,}); fit"
                f" seed {seed}: satisfied {met.mean():.2%}, {each:.2f} decodes a sample, fit {prepared.seconds:.0f} s",
                flush=True,
            )


@section
def step() -> None:
    """The gradient engine's step against a bare loop of the same mathematics: 4,096 latents, float32, one thread."""
    problem, energy, _ = load("melody/busy_c_major")
    assert energy is not None
    engine = Gradient(steps=40, check_every=0, block=4_096)
    z = problem.model.sample_prior(4_096, block_generator(5, 0))
    ratios = []
    for _ in range(7):
        began = time.perf_counter()
        run_engine(engine, problem.model, z, energy)
        ours = time.perf_counter() - began
        began = time.perf_counter()
        bare_loop(energy, z, 40)
        ratios.append((time.perf_counter() - began) / ours)
    ratios.sort()
    print(f"\nengine's step / bare loop, speed: median {ratios[3]:.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f})")


def bare_loop(energy: Energy, z: torch.Tensor, steps: int) -> torch.Tensor:
    """Adam on the same terms, written out, with no framework around it."""
    critics: list[tuple[torch.nn.Module, torch.Tensor, torch.Tensor]] = []
    for entry in energy.entries:
        critic: Critic = energy.critics[entry.label]
        share = torch.from_numpy(critic.bins.share(entry.want)).float()  # type: ignore[union-attr]
        critics.append((critic.net, share.log(), (1 - share).log()))
    norm = z.norm(dim=1, keepdim=True)
    first, second = torch.zeros_like(z), z.new_zeros(len(z), 1)
    for number in range(1, steps + 1):
        z = z.detach().requires_grad_()
        total = energy.realism_weight * torch.nn.functional.softplus(-energy.realism(z))  # type: ignore[misc]
        for net, inside, outside in critics:
            logits = net(z)
            yes = torch.logsumexp(logits[:, :-1] + inside, 1)
            no = torch.logaddexp(torch.logsumexp(logits[:, :-1] + outside, 1), logits[:, -1])
            total = total + torch.nn.functional.softplus(no - yes)
        (gradient,) = torch.autograd.grad(total.sum(), z)
        z = z.detach()
        gradient = gradient - (gradient * z).sum(1, keepdim=True) / (z * z).sum(1, keepdim=True) * z
        first = BETA1 * first + (1 - BETA1) * gradient
        second = BETA2 * second + (1 - BETA2) * (gradient * gradient).mean(1, keepdim=True)
        moved = z - 0.1 * (first / (1 - BETA1**number)) / ((second / (1 - BETA2**number)).sqrt() + EPSILON)
        z = moved * (norm / moved.norm(dim=1, keepdim=True))
    return z


@section
def cold() -> None:
    """From a rule nobody fitted to 64 verified outputs: the whole process, an empty cache, one core."""
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"LC_CACHE_DIR": f"{folder}/cache", "OMP_NUM_THREADS": "1"}
        command = [*LC, "sample", "melody/c_major", "--count", "64", "--out", f"{folder}/run"]
        began = time.perf_counter()
        done = subprocess.run([*command, "--json"], env=env, capture_output=True, text=True, check=True)
        report = json.loads(done.stdout)
        spent = time.perf_counter() - began
    print(f"\ncold c_major: {report['delivered']} outputs, {spent:.1f} s in all, of which {report['seconds']}")


@section
def violations() -> None:
    """Delivered outputs that violate a condition, over all specs, measured on the MIDI files read back."""
    total = broken = 0
    for name in melody_specs():
        with tempfile.TemporaryDirectory() as folder:
            command = [*LC, "sample", name, "--count", "64", "--out", f"{folder}/run"]
            subprocess.run([*command, "--quiet", "--set", "render=[midi]"], check=True)
            spec = load_spec(name)
            evaluator = Evaluator(build_problem(spec, device="cpu").model, spec.entries)
            files = sorted(Path(folder, "run/outputs").glob("*.mid"))
            x = np.concatenate([read_midi(path) for path in files])
            met = evaluator.satisfied(evaluator.measure(x), len(x))
            total, broken = total + len(x), broken + int((~met).sum())
            print(f"{name}: {len(x)} MIDI files, {int((~met).sum())} violate")
    print(f"violations: {broken} of {total}")


@section
def seeds() -> None:
    """The same index has the same bytes whatever the count."""
    counts = (1, 7, 64, 1_000)
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            command = [*LC, "sample", "melody/busy_c_major", "--count", str(count), "--out", f"{folder}/{count}"]
            subprocess.run([*command, "--quiet", "--set", "render=[midi]"], check=True)
        most = load_file(f"{folder}/{counts[-1]}/samples.safetensors")
        print()
        for count in counts[:-1]:
            some = load_file(f"{folder}/{count}/samples.safetensors")
            same = all(some[name].tobytes() == most[name][:count].tobytes() for name in most)
            files = [Path(folder, str(count), "outputs", f"{number:06d}.mid") for number in range(count)]
            same_files = all(
                file.read_bytes() == Path(folder, str(counts[-1]), "outputs", file.name).read_bytes() for file in files
            )
            print(f"count {count}: arrays {'equal' if same else 'DIFFER'}, files {'equal' if same_files else 'DIFFER'}")


if __name__ == "__main__":
    section.main()
