"""E8, zero-shot melodies: `python -m benchmarks.paper.e8_melodies`.

An actor is fitted without labels, from what a music rule measures on decoded outputs. Every share is over 5,000 prior
samples moved by one forward pass, decoded and measured by the rule, before any selection; realism is left out.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import numpy as np
import torch

from benchmarks.melody import first_tries, prior_rate, say
from lc_core.cache import Cache
from lc_core.run import build_problem, prepare_spec
from lc_core.spec import load_spec

SEEDS = (0, 1, 2)
"""Fit seeds; the worst counts."""
NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
ANY_KEY = """\
lc: 1
model: melody.folk-2bar
constraints:
  - {use: melody.in_scale, params: {tonic: C, mode: major}, free: {tonic: all}}
engine: actor
"""


def measure(spec: str | Path, overrides: list[str]) -> tuple[float, float, float]:
    """Return the share of first tries that satisfy, the share of distinct outputs, and the seconds of the fit."""
    loaded = load_spec(spec, overrides=overrides, engine="actor")
    problem = build_problem(loaded, device="cpu")
    prepared = prepare_spec(loaded, problem, Cache(), say)
    x, met, _ = first_tries(replace(problem, engine=prepared.engine), prepared.energy)
    return float(met.mean()), len(np.unique(x, axis=0)) / len(x), prepared.seconds


@click.command()
@click.option("--seeds", default=len(SEEDS), show_default=True, help="Fit seeds.")
def main(seeds: int) -> None:
    """Print the figures of experiment 8."""
    torch.set_num_threads(1)
    print("rule                     fit seed  satisfied   unique  fit, s")
    for name in ("melody/c_major", "melody/busy_c_major"):
        for seed in range(seeds):
            share, unique, seconds = measure(name, [f"fit.seed={seed}", "realism=0"])
            print(f"{name:24s} {seed:8d}  {share:9.2%}  {unique:7.2%}  {seconds:6.1f}", flush=True)
        rate, hits, _, _ = prior_rate(build_problem(load_spec(name), device="cpu"))
        print(f"{name:24s}    prior  {rate:9.2%}  ({hits} hits)", flush=True)
    with TemporaryDirectory() as folder:
        spec = Path(folder) / "any_key.yaml"
        spec.write_text(ANY_KEY)
        for seed in range(seeds):
            rows = [measure(spec, [f"fit.seed={seed}", f"constraints.0.params.tonic={note}"]) for note in NOTES]
            worst = int(np.argmin([share for share, _, _ in rows]))
            share, unique, _ = rows[worst]
            fit = max(seconds for _, _, seconds in rows)
            told = f"twelve keys, worst ({NOTES[worst]})"
            print(f"{told:24s} {seed:8d}  {share:9.2%}  {unique:7.2%}  {fit:6.1f}", flush=True)


if __name__ == "__main__":
    main()
