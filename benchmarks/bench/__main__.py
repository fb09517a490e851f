"""The command: see `benchmarks.bench`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import click
import torch

from benchmarks.bench import engines, growth
from benchmarks.bench.alike import alike
from benchmarks.bench.figure import Clock, Figure, Sizes, spent
from benchmarks.bench.fitted import fitted
from benchmarks.bench.page import header, write
from benchmarks.bench.processes import processes
from benchmarks.bench.rare import rare
from benchmarks.bench.startup import startup
from benchmarks.tables import say

FIGURES: dict[str, Callable[[Sizes, Clock], Figure]] = {
    "decode": engines.decode,
    "loop": engines.loop,
    "critic": engines.critic,
    "startup": startup,
    "constraints": growth.constraints,
    "latent": growth.latent,
    "bank": growth.bank,
    "outputs": growth.outputs,
    "rare": rare,
    "fitted": fitted,
    "alike": alike,
    "processes": processes,
}
NAMED = ("alike", "processes")
"""Figures that are measured only where they are named: they take long, and `processes` needs a machine to itself."""
LIMITS = {"rare": 800.0}
"""Seconds after which a figure begins no new round, where they are not those of `Sizes`."""
SIZES = {
    "small": Sizes(
        rounds=1, limit=1.0, latents=64, large=128, steps=2, compositions=1, tenfold=2, counts=(16, 64),
        dimensions=(4, 8), pairs=1, many=20, fit_rounds=1, alike=12, constraints=(1, 2), banks=(1_024, 2_048),
    ),
    "full": Sizes(),
    "large": replace(
        Sizes(), rounds=1, limit=1e6, counts=(10_000, 100_000, 1_000_000), engine="sampler", decades=(1, 2, 3, 4),
    ),
}  # fmt: skip


@click.command()
@click.option(
    "--only",
    "names",
    multiple=True,
    type=click.Choice(list(FIGURES)),
    help="Only this figure; repeatable; by default all but alike and processes.",
)
@click.option("--size", default="full", show_default=True, type=click.Choice(list(SIZES)), help="How much is measured.")
@click.option("--limit", type=float, help="Seconds after which each figure begins no new round.")
@click.option("--set", "changes", multiple=True, metavar="KEY=NUMBER", help="One of the sizes; repeatable.")
@click.option("--out", default=Path("runs/bench"), show_default=True, type=click.Path(path_type=Path))
def main(names: tuple[str, ...], size: str, limit: float | None, changes: tuple[str, ...], out: Path) -> None:
    """Measure figures, all by default, and write bench.json and bench.html."""
    os.environ["OMP_NUM_THREADS"] = "1"  # of the commands that are timed
    torch.set_num_threads(1)
    sizes = replace(SIZES[size], **_numbers(changes))
    told, found = header(size), {}
    for name in names or [name for name in FIGURES if name not in NAMED]:
        most = limit or (LIMITS.get(name, sizes.limit) if size == "full" else sizes.limit)
        say(f"{name}: {most:.0f} s at most for its rounds")
        began = time.monotonic()
        found[name] = FIGURES[name](sizes, Clock(most, now=spent))  # a busy machine has as many rounds
        found[name].seconds = time.monotonic() - began
        write(out, told, found)  # what is measured is kept if the rest is stopped
        say(f"{name}: {found[name].seconds:.0f} s")
    print(out / "bench.html")


def _numbers(changes: tuple[str, ...]) -> dict[str, int]:
    """Return the sizes that were given."""
    known = {one.name for one in fields(Sizes) if one.type == "int"}
    found = {}
    for one in changes:
        key, _, value = one.partition("=")
        if key not in known or not value.isdigit():
            raise click.UsageError(f"--set {one}: expected KEY=NUMBER, with a KEY of {', '.join(sorted(known))}")
        found[key] = int(value)
    return found


if __name__ == "__main__":
    main()
