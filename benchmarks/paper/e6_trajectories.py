"""E6, the optimiser's trajectories, and actor against optimiser: `python -m benchmarks.paper.e6_trajectories`.

Avatars: each row of the sheet is one prior sample on its way to the attributes of a held-out picture. Melodies: both
engines on one spec, no realism, fit seed 0.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks.melody import TRIES, first_tries, prior_rate, say
from benchmarks.paper.attributes import descend
from benchmarks.paper.e5_attributes import judged
from benchmarks.tables import out_option, percent, table, write_results
from lc_core import load_model
from lc_core.common.cache import Cache
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.energy.energy import Energy
from lc_core.engines.loop import run_engine
from lc_core.runs.build import build_problem, prepare_problem
from lc_core.sampling.problem import Problem
from lc_core.spec import load_spec
from lc_plugins.avatars.dataset import read_avatars
from lc_plugins.images.sheet import write_sheet

STEPS = (0, 10, 30, 50, 100)
SHOWN = 12
SPEC = "melody/busy_c_major"
SECONDS = 3.0
"""Least time that a speed is measured for."""


def trajectories(count: int, realism: float, lr: float, out: Path) -> dict[int, dict[str, float]]:
    """Write the sheet and return at each step what the judge says of the pictures."""
    model = load_model("avatars.64")
    held = read_avatars("test", progress=say).held[:count]
    decode = Evaluator(model, ()).decode
    pictures = [decode(z) for z in descend(model, held, visit=STEPS, realism=realism, lr=lr)]
    shown = np.stack([one[:SHOWN] for one in pictures], axis=1)
    write_sheet(shown.reshape(-1, *shown.shape[2:]), out / "trajectories.png", columns=len(STEPS), scale=2)
    return {step: judged(one, held)["summary"] for step, one in zip(STEPS, pictures, strict=True)}


def latents_per_second(problem: Problem, energy: Energy | None) -> float:
    """Return how many latents an engine makes in a second, every step taken, with no decoding."""
    block, made, began = problem.engine.block, 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS:
        run_engine(problem.engine, problem.model, problem.model.sample_prior(block, block_generator(9, made)), energy)
        made += block
    return made / spent


def engines() -> dict[str, dict[str, float]]:
    """Return for both engines the share of first tries that satisfy a melody spec, and times."""
    found = {}
    for name in ("gradient", "actor"):
        spec = load_spec(SPEC, overrides=["base=prior", "realism=0"], engine=name)
        problem = build_problem(spec, device="cpu")
        prepared = prepare_problem(problem, spec.fit, Cache(), say)
        problem = replace(problem, engine=prepared.engine)
        began = time.perf_counter()
        x, met, decodes = first_tries(problem, prepared.energy)
        found[name] = {
            "satisfied": float(met.mean()),
            "unique": len(np.unique(x, axis=0)) / len(x),
            "decodes a try": decodes,
            "verified a second": met.sum() / (time.perf_counter() - began),
            "latents a second": latents_per_second(problem, prepared.energy),
            "fit, s": prepared.seconds,
        }
    return found


@click.command()
@out_option("e6")
@click.option("--count", default=1_000, show_default=True, help="Avatars whose way the judge looks at.")
@click.option("--realism", default=8.0, show_default=True, help="Weight of realism for avatars.")
@click.option("--lr", default=0.1, show_default=True, help="Learning rate of the gradient engine for avatars.")
def main(out: Path, count: int, realism: float, lr: float) -> None:
    """Write the trajectories of avatars, and compare both engines on melodies."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    way = trajectories(count, realism, lr, out)
    keys = ("accuracy", "weighted F1", "macro-F1", "all attributes right")
    first = table(["step", *keys], [[step, *(percent(row[key]) for key in keys)] for step, row in way.items()])
    both = engines()
    rate, hits, _, _ = prior_rate(build_problem(load_spec(SPEC), device="cpu"))
    rows: list[list[Any]] = []
    for name, row in both.items():
        share = row["satisfied"]
        odds = f"{share / (1 - share) / (rate / (1 - rate)):,.0f}x" if share < 1 else "no miss"
        rows.append([name, percent(share), odds, percent(row["unique"]), f"{row['decodes a try']:.2f}"])
        rows[-1] += [f"{row[key]:,.0f}" for key in ("verified a second", "latents a second", "fit, s")]
    head = ["engine", "satisfied", "lift in odds", "unique", "decodes a try", "verified/s", "latents/s", "fit, s"]
    text = f"""# E6: the optimiser's way, and actor against optimiser

Judge on {count:,} avatars, each on its way to the attributes of a held-out picture (gradient engine, lr {lr:g}, realism
{realism:g}); `trajectories.png` shows steps {", ".join(map(str, STEPS))}.

{first}

`{SPEC}`, no realism, {TRIES:,} first tries, prior's rate {100 * rate:.2f} % ({hits} hits). A fit of 0 s was
in the cache.

{table(head, rows)}"""
    write_results(out, text, {"trajectories": way, "engines": both, "prior": rate})


if __name__ == "__main__":
    main()
