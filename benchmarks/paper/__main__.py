"""Every experiment, each a process of its own, two at a time: `python -m benchmarks.paper [NAME]...`."""

from __future__ import annotations

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import click

EXPERIMENTS = (
    "e2_conditional",
    "e4_edits",
    "e8_melodies",
    "e7_digits",
    "e1_samples",
    "e6_trajectories",
    "e5_attributes",
)
"""Long ones first; the last two find critics and an actor of those before in the cache."""


def run(name: str) -> tuple[int, float]:
    """Run one experiment, print what it printed once it has ended, and return its status and seconds."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.paper.{name}"], check=False, stdout=subprocess.PIPE, text=True
    )
    print(done.stdout, flush=True)
    return done.returncode, time.perf_counter() - began


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--jobs",
    default=2,
    show_default=True,
    type=click.IntRange(min=1),
    help="Experiments at a time, each on one thread.",
)
def main(names: tuple[str, ...], jobs: int) -> None:
    """Run experiments whose names begin so (`e7`), or all of them, and print how long each took."""
    chosen = [one for one in EXPERIMENTS if not names or one.partition("_")[0] in names]
    began = time.perf_counter()
    with ThreadPoolExecutor(jobs) as pool:
        found = dict(zip(chosen, pool.map(run, chosen), strict=True))
    for name in sorted(found):
        status, seconds = found[name]
        print(f"{name:20s} {seconds / 60:5.1f} min{'  FAILED' if status else ''}")
    print(f"{'all':20s} {(time.perf_counter() - began) / 60:5.1f} min")
    sys.exit(any(status for status, _ in found.values()))


if __name__ == "__main__":
    main()
