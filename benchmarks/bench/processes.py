"""What several processes gain, beside what two bare matrix products gain from them in the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.bench.figure import Clock, Figure, Ratio, Sizes, quartiles_of

__all__ = ["processes"]

PRODUCTS = """
import sys, time, torch
torch.set_num_threads(1)
one = torch.randn(512, 512)
until = time.monotonic() + float(sys.argv[1])
count = 0
while time.monotonic() < until:
    one @ one
    count += 1
print(count)
"""
"""Multiplies matrices for so many seconds, and prints how many products that were."""
BARE = 6.0
"""Seconds of bare products."""
RULE = '''
import time

import numpy as np

import lc_core


@lc_core.measurement(accepts="image.gray/1", unit="", range=(0, 1), at_least=0.0)
def slow(outputs: np.ndarray) -> np.ndarray:
    """Return the mean brightness, 20 ms for each output."""
    time.sleep(0.02 * len(outputs))
    return outputs.reshape(len(outputs), -1).mean(axis=1)


@lc_core.hookimpl
def lc_register_constraints(register):
    register("slow.slow", slow)
'''
SLOW = """lc: 1
name: slow
model: digits.8x8
constraints: [{use: slow.slow}]
engine: {use: rejection, params: {block: 32}}
render: []
"""
BARS = {"sampler": 0.9, "gradient": 0.9, "bank": 0.9, "torchrun": 0.88, "ray": 0.85, "ray, slow rule": 0.95}


def processes(sizes: Sizes, clock: Clock) -> Figure:
    """Time commands with one process and with two, and bare matrix products in turn with them."""
    figure = Figure(
        "Two processes",
        "How many times as much two processes do as one, as a share of what two processes of bare matrix products do "
        "beside one, in the same round. Of samples the seconds are those of sampling: a command starts in the same "
        "time, whatever number it starts. Slow rules wait, so two of them are compared with 2.",
    )
    with tempfile.TemporaryDirectory() as folder:
        commands = _Commands(Path(folder), sizes.many)
        ways: Mapping[str, Callable[[int, int], float]] = {
            "sampler": lambda number, at: commands.sample("--engine", "sampler", number=number, at=at),
            "gradient": lambda number, at: commands.sample("--engine", "gradient", number=number, at=at),
            "bank": commands.bank,
            "torchrun": commands.torchrun,
            "ray": lambda number, at: commands.sample("--engine", "sampler", number=number, at=at, cluster=True),
            "ray, slow rule": commands.slow,
        }
        commands.sample("--engine", "gradient", number=1, at=0, few=True)  # fits the critics
        found: dict[str, list[float]] = {name: [] for name in ways}
        bare: list[float] = []
        for at in range(1, sizes.pairs + 1):
            if at > 1 and clock.over:
                break
            bare.append(_bare())
            for name, run in ways.items():
                gain = run(1, at) / run(2, at)
                found[name].append(gain / (2.0 if "slow" in name else bare[-1]))
        for name, shares in found.items():
            middle, low, high = quartiles_of(shares)
            figure.ratios.append(Ratio(name, "the gain of bare products", middle, low, high, len(shares), BARS[name]))
    figure.details["gain of bare products"] = bare
    figure.notes.append(f"Two processes of bare products do {quartiles_of(bare)[0]:.2f} times as many as one.")
    return figure


def _bare() -> float:
    """Return how many times as many products two processes do as one."""

    def count(number: int) -> int:
        command = [sys.executable, "-c", PRODUCTS, str(BARE)]
        running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)]
        return sum(int(one.communicate()[0]) for one in running)

    alone = count(1)
    return count(2) / alone


class _Commands:
    """Runs `lc` and returns the seconds that count.

    Args:
        folder: Where runs and caches lie.
        many: Outputs of a run.
    """

    def __init__(self, folder: Path, many: int) -> None:
        self._folder, self._many = folder, many
        self._env = os.environ | {"OMP_NUM_THREADS": "1", "LC_CACHE_DIR": str(folder / "cache")}
        (folder / "slow.py").write_text(RULE)
        (folder / "slow.yaml").write_text(SLOW)

    def sample(self, *more: str, number: int, at: int, cluster: bool = False, few: bool = False) -> float:
        """Sample melodies; by `--cluster ray` with two workers, beside one process here."""
        where = ("--cluster", "ray", "--workers", "2") if cluster and number > 1 else ("--workers", str(number))
        count = "1" if few else str(self._many)
        given = ("melody/c_major", "--set", "render=[]", "--count", count, "--seed", str(at), *more, *where)
        return self._sampled(given)

    def torchrun(self, number: int, at: int) -> float:
        """Sample melodies by so many ranks."""
        launcher = ("-m", "torch.distributed.run", "--nproc-per-node", str(number), "--no-python", sys.executable)
        given = ("melody/c_major", "--engine", "sampler", "--set", "render=[]", "--count", str(self._many))
        return self._sampled((*given, "--seed", str(at)), before=launcher if number > 1 else ())

    def slow(self, number: int, at: int) -> float:
        """Sample digits under a rule that waits."""
        where = ("--cluster", "ray", "--workers", "2") if number > 1 else ("--workers", "1")
        given = (str(self._folder / "slow.yaml"), "--plugin", str(self._folder / "slow.py"))
        return self._sampled((*given, "--count", str(self._many), "--seed", str(at), *where))

    def bank(self, number: int, at: int) -> float:
        """Decode prior samples; the seconds of the whole command."""
        with tempfile.TemporaryDirectory(dir=self._folder) as cache:
            began = time.monotonic()
            given = ("melody.folk-2bar", "--samples", str(100 * self._many), "--workers", str(number))
            self._run("bank", *given, cache=cache)
            return time.monotonic() - began

    def _sampled(self, given: tuple[str, ...], before: tuple[str, ...] = ()) -> float:
        with tempfile.TemporaryDirectory(dir=self._folder) as out:
            self._run("sample", *given, "--out", f"{out}/run", before=before)
            return float(json.loads(Path(out, "run", "report.json").read_text())["seconds"]["sample"])

    def _run(self, *arguments: str, before: tuple[str, ...] = (), cache: str = "") -> None:
        command = [sys.executable, *before, "-m", "lc_core", *arguments, "--quiet"]
        more = {"LC_CACHE_DIR": cache} if cache else {"LC_BANK_BYTES": "0"}  # nothing is found that another run made
        env = self._env | more
        subprocess.run(command, check=True, env=env, capture_output=True)
