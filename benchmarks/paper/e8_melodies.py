"""E8, zero-shot melodies: `python -m benchmarks.paper.e8_melodies`.

An actor is fitted without labels, from what a music rule measures on decoded outputs. Every share is over 5,000 prior
samples moved by one forward pass, decoded and measured by the rule, before any selection; realism is left out. Piano
rolls and audio of the first of them are written, beside the prior's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import torch
import yaml

from benchmarks.melody import TRIES, first_tries, prior_rate, say
from benchmarks.melody_features import transposed, tunes
from benchmarks.tables import out_option, percent, table, write_results
from lc_core.common.cache import Cache
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.runs.build import build_problem, prepare_problem
from lc_core.sampling.problem import Problem
from lc_core.spec import load_spec
from lc_plugins.melody import measurements
from lc_plugins.melody.evaluate import descriptors, distances
from lc_plugins.melody.render import Audio, PianoRoll

SPECS = ("melody/c_major", "melody/busy_c_major")
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
ANY_KEY = """\
lc: 1
model: melody.folk-2bar
constraints:
  - {use: melody.in_scale, params: {tonic: C, mode: major}, free: {tonic: all}}
engine: actor
"""
ROLLS, HEARD = 16, 4
REALISM, KL = 4.0, 0.03
LIKENESS = {"use": "melody.likeness", "require": False}
"""A preference: guides the fit of what is shown beside tunes, and decides nothing."""
DENSE = 24
"""Onsets from which the density reward is 1: the paper's 192 of 256 steps."""


@dataclass(frozen=True)
class Measured:
    """Outputs of first tries, the share that satisfies, and the seconds of the fit."""

    x: np.ndarray
    share: float
    seconds: float

    @property
    def unique(self) -> float:
        return len(np.unique(self.x, axis=0)) / len(self.x)


def measure(spec: str | Path, overrides: list[str], engine: str = "actor") -> Measured:
    """Fit an actor, or find it in the cache, and run it."""
    loaded = load_spec(spec, overrides=["base=prior", *overrides, f"engine={engine}"])
    problem = build_problem(loaded, device="cpu")
    prepared = prepare_problem(problem, loaded.fit, Cache(), say)
    x, met, _ = first_tries(replace(problem, engine=prepared.engine), prepared.energy)
    return Measured(x, float(met.mean()), prepared.seconds)


def rewards(x: np.ndarray) -> tuple[float, float]:
    """Return the paper's mean rewards: the share of notes in C major, and min(1, onsets / 24)."""
    in_scale = measurements.in_scale(x, tonic="C", mode="major")
    return float(np.nanmean(in_scale)), float(np.minimum(1, (x < 128).sum(axis=1) / DENSE).mean())


def show(x: np.ndarray, folder: Path) -> None:
    """Write a sheet of piano rolls and some audio."""
    folder.mkdir(parents=True, exist_ok=True)
    PianoRoll().write_sheet(x[:ROLLS], folder)
    for number, tokens in enumerate(x[:HEARD]):
        Audio().write(tokens, folder / f"{number}.wav")


def rules(seeds: int, out: Path) -> list[list[Any]]:
    """Return a row for each rule and fit seed, and for the prior."""
    rows: list[list[Any]] = []
    for name in SPECS:
        problem = build_problem(load_spec(name), device="cpu")
        rate, hits, _, _ = prior_rate(problem)
        prior = Evaluator(problem.model, ()).decode(problem.model.sample_prior(TRIES, block_generator(8, 0)))
        short = name.partition("/")[2]
        show(prior, out / "prior")
        rows.append([name, "prior", percent(rate), f"{hits} hits", *rewards(prior), "", ""])
        for seed in range(seeds):
            found = measure(name, [f"fit.seed={seed}", "realism=0"])
            odds = found.share / (1 - found.share) / (rate / (1 - rate)) if found.share < 1 else np.inf
            lift = f"{odds:,.0f}x in odds"
            told = [*rewards(found.x), percent(found.unique), f"{found.seconds:.0f}"]
            rows.append([name, f"actor, fit seed {seed}", f"{100 * found.share:.2f} %", lift, *told])
            say(str(rows[-1]))
            if not seed:
                show(found.x, out / short)
    return rows


def keys(seeds: int) -> list[list[Any]]:
    """Return a row for each fit seed of one actor for twelve keys: the worst of them."""
    rows: list[list[Any]] = []
    with TemporaryDirectory() as folder:
        spec = Path(folder) / "any_key.yaml"
        spec.write_text(ANY_KEY)
        for seed in range(seeds):
            found = [measure(spec, [f"fit.seed={seed}", f"constraints.0.params.tonic={note}"]) for note in NOTES]
            worst = int(np.argmin([one.share for one in found]))
            fit = max(one.seconds for one in found)
            rows.append(
                [seed, NOTES[worst], f"{100 * found[worst].share:.2f} %", percent(found[worst].unique), f"{fit:.0f}"]
            )
            say(str(rows[-1]))
    return rows


def reference(problem: Problem) -> np.ndarray:
    """Return decoded posterior samples of held-out windows, in every key, that meet a problem's rules."""
    windows = tunes()
    held_out = torch.from_numpy(windows.windows[windows.is_test])
    evaluator = Evaluator(problem.model, problem.entries)
    found = []
    for number in range(len(NOTES)):
        generator = block_generator(3_000, number)
        posterior = problem.model.encode(transposed(held_out, generator).numpy())
        x = evaluator.decode(posterior.mean + posterior.std * torch.randn(posterior.mean.shape, generator=generator))
        found.append(x[evaluator.satisfied(evaluator.measure(x), len(x))])
    return np.concatenate(found)


def like_tunes(name: str) -> list[str]:
    """Return overrides that give a shipped spec realism and a preference for what sounds like a tune."""
    rules = yaml.safe_load(Path(load_spec(name).source).read_text())["constraints"]
    return [f"realism={REALISM}", f"constraints={json.dumps([*rules, LIKENESS])}"]


def musicality(seeds: int, out: Path) -> list[list[Any]]:
    """Return what actors with realism and the preference make, beside the reference and unconstrained prior samples."""
    rows: list[list[Any]] = []
    for name in SPECS:
        problem = build_problem(load_spec(name), device="cpu")
        real = reference(problem)
        prior = Evaluator(problem.model, ()).decode(problem.model.sample_prior(TRIES, block_generator(8, 0)))
        sets = {f"{len(real):,} posterior samples under the rules": (real, None), "prior samples": (prior, None)}
        for seed in range(seeds):
            overrides = [*like_tunes(name), f"fit.seed={seed}"]
            found = measure(name, overrides, f"{{use: actor, params: {{kl: {KL}}}}}")
            sets[f"actor, fit seed {seed}"] = (found.x, found)
        show(sets["actor, fit seed 0"][0], out / f"{name.partition('/')[2]}-realism")
        for label, (x, fit) in sets.items():
            told, far = descriptors(x), distances(x, real)
            share, spent = (percent(fit.share), f"{fit.seconds:.0f}") if fit else ("", "")
            figures = [round(told["mean leap"], 3), f"{100 * told['repeated bar']:.2f} %", percent(told["unique"])]
            rows.append([name, label, share, *figures, far["mean leap (W1)"], far["intervals (JS)"], spent])
            say(str(rows[-1]))
    return rows


@click.command()
@out_option("e8")
@click.option("--seeds", default=3, show_default=True, help="Fit seeds; the worst counts.")
def main(out: Path, seeds: int) -> None:
    """Print the figures of experiment 8; write rolls and audio."""
    torch.set_num_threads(1)
    first = rules(seeds, out)
    second = keys(seeds)
    third = musicality(seeds, out)
    shown = ["spec", "", "satisfied", "mean leap", "repeated bar", "distinct", "leap, W1", "intervals, JS", "fit, s"]
    head = ["spec", "way", "satisfied", "", "mean reward: in scale", "density", "distinct", "fit, s"]
    text = f"""# E8: zero-shot melodies, {TRIES:,} of each

{table(head, first)}

One actor for twelve keys, the worst of them (a prior sample is in a given major key in about 10 of 100):

{table(["fit seed", "worst key", "satisfied", "distinct", "fit, s"], second)}

With realism {REALISM:g}, kl {KL:g} and a preference for `melody.likeness`:

{table(shown, third)}

A fit of 0 s was in the cache."""
    write_results(out, text, {"rules": first, "keys": second, "realism": third})


if __name__ == "__main__":
    main()
