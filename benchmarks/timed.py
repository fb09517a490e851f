"""Commands that are timed, each a process on one thread with a cache folder of its own kind; and tables of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tables import say, table

__all__ = ["Bench", "Job", "quartiles", "table_against", "table_of_runs"]

STOPPED = 3.0
"""Times `auto`'s seconds after which another engine is stopped."""
LONGEST = 600.0
"""Seconds after which `auto` is stopped."""
BANK = 262_144
QUARTERS = (25, 50, 75)


@dataclass(frozen=True)
class Job:
    """A command to time.

    Attributes:
        spec: The spec's file.
        decade: Of its rate.
        mode: `cold`, `warm`, `changed` or `new rule`.
        engine: The engine.
        seed: Of sampling.
        more: Further arguments of `lc sample`.
    """

    spec: Path
    decade: int
    mode: str
    engine: str
    seed: int
    more: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What tells it from others in a folder."""
        return f"{self.spec.stem} {self.mode} {self.engine} {self.seed}"


class Bench:
    """Runs commands and keeps what they took.

    Args:
        out: Folder of the results.
        cache: A folder that every cache begins as a copy of, such as one with a sampler; None for an empty one.
        model: The model whose bank is filled for warm commands.
        count: Outputs that each command delivers.
    """

    def __init__(self, out: Path, cache: Path | None, model: str, count: int) -> None:
        self.out, self.cache, self.model, self.count = out, cache, model, count
        self.path = out / f"runs-{count}.jsonl"
        lines = self.path.read_text().splitlines() if self.path.is_file() else []
        self.done: dict[str, dict[str, Any]] = {one["key"]: one for one in map(json.loads, lines)}

    def run(self, job: Job) -> None:
        """Run a job, unless it was run before."""
        if job.key in self.done:
            return
        limit = LONGEST
        if job.engine != "auto":
            auto = self.done.get(f"{job.spec.stem} {job.mode} auto {job.seed}")
            if auto is None:
                return
            limit = STOPPED * auto["seconds"]
        cache = self._warm() if job.mode in ("warm", "changed") else self._fresh("cold")
        found = {"key": job.key, "decade": job.decade, "mode": job.mode, "engine": job.engine, "seed": job.seed}
        found["torch"] = _timed([sys.executable, "-c", "import torch"], cache, LONGEST)[0]
        folder = self.out / "run"
        shutil.rmtree(folder, ignore_errors=True)
        command = [
            *_lc("sample", str(job.spec)),
            "--count",
            str(self.count),
            "--seed",
            str(job.seed),
            "--out",
            str(folder),
        ]
        found["seconds"], status, error = _timed([*command, "--engine", job.engine, "--quiet", *job.more], cache, limit)
        found |= {"status": status} if status in (0, 3) else {"status": status, "error": error[-500:]}
        found |= _of_report(folder / "report.json") if status in (0, 3) else {}
        self.done[job.key] = found
        with self.path.open("a") as file:
            file.write(json.dumps(found) + "\n")
        say(f"{job.key}: {found['seconds']:.1f} s ({found['torch']:.1f} s of torch), {found.get('plan', status)}")

    def _fresh(self, name: str) -> Path:
        """Return an empty cache folder, or one with a copy of what was given."""
        folder = self.out / name
        shutil.rmtree(folder, ignore_errors=True)
        if self.cache:
            shutil.copytree(self.cache, folder)
        else:
            folder.mkdir(parents=True)
        return folder

    def _warm(self) -> Path:
        """Return the cache folder that warm commands share; its bank is filled if this lc has one."""
        if (self.out / "warm").is_dir():
            return self.out / "warm"
        folder = self._fresh("warm")
        if _timed(_lc("bank", "--help"), folder, LONGEST)[1] == 0:
            _timed(_lc("bank", self.model, "--samples", str(BANK)), folder, 10 * LONGEST)
        return folder


def _lc(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "lc_core", *arguments]


def _timed(command: Sequence[str], cache: Path, limit: float) -> tuple[float, int | str, str]:
    """Run a command on one thread; return its seconds, its status or `stopped`, and what it said on stderr."""
    env = {key: value for key, value in os.environ.items() if not key.startswith("LC_")}
    env |= {"OMP_NUM_THREADS": "1", "LC_CACHE_DIR": str(cache)}
    began = time.monotonic()
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        error = process.communicate(timeout=limit)[1]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the session holds this command and its workers, nothing else
        process.communicate()
        return time.monotonic() - began, "stopped", ""
    return time.monotonic() - began, process.returncode, error


def _of_report(path: Path) -> dict[str, Any]:
    """Return what a run's report says of its engines."""
    report = json.loads(path.read_text())
    planned = report.get("fit", {}).get("plan", {}).get("engines", [report["engine"]])
    found = {"plan": " + ".join(planned), "delivered": report["delivered"], "tried": report["tried"]}
    found |= {"decodes": report["decodes"], "distinct": report["distinct"]["share"], "within": report["seconds"]}
    if "engines" in report:
        exact = [one for one in report["engines"] if one["exact"]]
        (other,) = (one for one in report["engines"] if not one["exact"])
        decodes = report["decodes"] - sum(one["tried"] for one in exact)
        found |= {"first": other["satisfied"] / other["tried"], "beyond": decodes / max(other["satisfied"], 1)}
    return found


def quartiles(values: Sequence[float | None], digits: int = 1) -> str:
    """Return the median and the quartiles of the values that there are, as text."""
    known = [one for one in values if one is not None]
    if not known:
        return ""
    low, middle, high = np.percentile(known, QUARTERS)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table_of_runs(runs: Sequence[dict[str, Any]]) -> str:
    """Return the table of commands, by mode, engine and decade."""
    head = ("mode", "engine", "rate", "runs", "seconds", "longest", "less torch's import", "stopped or failed",
            "decodes for each verified, beyond exact tries", "90th percentile", "first tries that satisfy, %",
            "distinct, %", "plans")  # fmt: skip
    rows = []
    for mode, engine, decade in sorted({(one["mode"], one["engine"], one["decade"]) for one in runs}):
        some = [one for one in runs if (one["mode"], one["engine"], one["decade"]) == (mode, engine, decade)]
        beyond = [one["beyond"] for one in some if "beyond" in one]
        plans = [one["plan"] for one in some if "plan" in one]
        rows.append((
            mode,
            engine,
            f"1e-{decade}",
            len(some),
            quartiles([one["seconds"] for one in some]),
            f"{max(one['seconds'] for one in some):.1f}",
            quartiles([one["seconds"] - one["torch"] for one in some]),
            sum(one["status"] != 0 for one in some),
            quartiles(beyond),
            f"{np.percentile(beyond, 90):.1f}" if beyond else "",
            quartiles([100 * one["first"] for one in some if "first" in one]),
            quartiles([None if one.get("distinct") is None else 100 * one["distinct"] for one in some]),
            ", ".join(f"{plans.count(one)} {one}" for one in sorted(set(plans))),
        ))  # fmt: skip
    return table(head, rows)


def table_against(runs: Sequence[dict[str, Any]]) -> str:
    """Return how `auto` compares with the better of `rejection` and `gradient` on the same specs, by decade."""
    cold: dict[tuple[str, int], dict[str, dict[str, Any]]] = {}
    for one in runs:
        if one["mode"] == "cold":
            cold.setdefault((one["key"].split()[0], one["seed"]), {})[one["engine"]] = one
    rows = []
    pairs = [one for one in cold.values() if len(one) > 1 and "auto" in one]
    for decade in sorted({one["auto"]["decade"] for one in pairs}):
        some = [one for one in pairs if one["auto"]["decade"] == decade]
        others = [[one[name] for name in one if name != "auto" and one[name]["status"] == 0] for one in some]
        best = [min((other["seconds"] for other in every), default=None) for every in others]
        over = [
            one["auto"]["seconds"] - 1.3 * least - 1.0
            for one, least in zip(some, best, strict=True)
            if least is not None
        ]
        ratios = [
            one["auto"]["seconds"] / least if least is not None else None for one, least in zip(some, best, strict=True)
        ]
        rows.append((f"1e-{decade}", len(some), best.count(None), quartiles(ratios, 2), sum(one > 0 for one in over)))
    head = ("rate", "runs", "no other in three times its time", "times the better other", "over 1.3 times + 1 s")
    return table(head, rows)
