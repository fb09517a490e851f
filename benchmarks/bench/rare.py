"""Verified outputs a second, where few prior samples satisfy: the sampler beside rejection and black-box searches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.bench.compared import OURS, Compared
from benchmarks.bench.figure import Clock, Figure, Sizes, in_turn, spent
from benchmarks.bench.peers import PEERS, Mark, Objective, count_apart, installed, search
from lc_core import load_model
from lc_core.constraints.constraint import Entry
from lc_core.constraints.evaluator import Evaluator
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import LatentModel
from lc_core.sampler.engine import Sampler
from lc_core.sampling.block import run_block
from lc_core.sampling.problem import Problem
from lc_core.spec import load_spec

__all__ = ["MODEL", "Composition", "compositions", "rare"]

FILE = Path(__file__).with_name("compositions.json")
LONGEST = 40.0
"""Seconds after which one search ends."""


@dataclass(frozen=True)
class Composition:
    """A random composition of `benchmarks.random_specs`, seed 3.

    Attributes:
        name: Its name there.
        decade: k, where its rate is nearest to 1e-k.
        rate: Share of 1,000,000 prior samples that meets it.
        constraints: As a spec has them.
    """

    name: str
    decade: int
    rate: float
    constraints: Sequence[Mapping[str, Any]]

    def entries(self) -> tuple[Entry, ...]:
        """Return its constraints."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"{self.name}.yaml")
            path.write_text(yaml.safe_dump({"lc": 1, "model": MODEL, "constraints": [*self.constraints]}))
            return load_spec(str(path)).entries


@lru_cache
def _known() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


MODEL = str(_known()["model"])


def compositions(decade: int) -> list[Composition]:
    """Return the compositions of a decade, those whose rate is nearest to 1e-k first."""
    return [Composition(**one) for one in _known()["compositions"] if one["decade"] == decade]


def ours(model: LatentModel, entries: Sequence[Entry], seed: int) -> Mark:
    """Run a block of tries of the sampler."""
    prepared = prepare(Evaluator(model, entries), Sampler().sized_for(model))
    problem = Problem(model=model, entries=tuple(entries), engine=prepared.engine, count=10**6, seed=seed)
    began = spent()
    block = run_block(problem, prepared.energy, 0)
    seconds = spent() - began
    found = np.unique(block.outputs[block.satisfied[block.rows]], axis=0)
    return Mark(block.decodes, seconds, len(found), count_apart(list(found)))


def rare(sizes: Sizes, clock: Clock) -> Figure:
    """Compare the sampler with rejection, pycma and ribs at several rarities."""
    figure = Figure(
        "Verified distinct outputs, by how rare they are",
        "A block of the sampler, then each search with as many decodes and with ten times as many, on the same random "
        "compositions of melody.folk-2bar's rules.",
    )
    model = load_model(MODEL)
    names = [name for name in PEERS if installed(name)]
    figure.notes += [f"{name} is not installed: pip install '.[bench]'" for name in PEERS if name not in names]
    seconds = _starts([OURS, *names], sizes, clock)
    easy = compositions(1)[0].entries()
    ours(model, easy, 0)
    for name in names:  # to warm up: ribs compiles a part of itself in its first steps
        search(name, Objective(model, easy, (256,), LONGEST), 0)
    runs: list[dict[str, Any]] = []
    for number in range(sizes.compositions):
        for decade in reversed(sizes.decades):
            if number and clock.over:
                continue
            one = compositions(decade)[number]
            runs += _round(model, one, names[:: 1 if number % 2 else -1], sizes, number)
    figure.details = {"runs": runs, "start": seconds}
    Compared(runs, names, seconds, sizes.tenfold, sizes.decades).tell(figure)
    return figure


def _round(model: LatentModel, one: Composition, names: Sequence[str], sizes: Sizes, seed: int) -> list[dict[str, Any]]:
    """Run the sampler and all searches on a composition."""
    entries = one.entries()
    mark = ours(model, entries, seed)
    about = {"composition": one.name, "decade": one.decade, "rate": one.rate}
    found = [{**about, "by": OURS, "times": 1, **asdict(mark)}]
    for name in names:
        budgets = (mark.decodes, sizes.tenfold * mark.decodes)
        marks = search(name, Objective(model, entries, budgets, LONGEST), seed)
        found += [
            {**about, "by": name, "times": times, **asdict(one)}
            for times, one in zip((1, sizes.tenfold), marks, strict=True)
        ]
    return found


def _starts(names: Sequence[str], sizes: Sizes, clock: Clock) -> dict[str, list[float]]:
    """Return the seconds of fresh processes that get ready for a first block, and run a small one."""

    def begun(name: str) -> Any:
        command = [sys.executable, "-m", "benchmarks.bench.ready", name]
        return lambda _: subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})

    return in_turn({name: begun(name) for name in names}, sizes.rounds, clock)
