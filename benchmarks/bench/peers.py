"""Searches of latents for outputs that meet constraints, as their users would write them.

All of them have the same decoder and the same measurements, in batches. What they lower, where they lower something, is
the number of constraints that fail, plus a sum of how far the measured values are from what is wanted, plus a penalty
on latents whose norm the prior hardly has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
import torch

from benchmarks.bench.figure import spent
from lc_core.constraints.constraint import Entry
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import distance, verdict
from lc_core.constraints.measurement import Measurement
from lc_core.models.latent_model import LatentModel
from lc_plugins.melody.measurements import note_density, span

__all__ = ["PEERS", "Mark", "Objective", "Spent", "count_apart", "installed", "search"]

FARTHEST = 10.0
"""Most that one constraint adds for the distance of its value, which is far where it is undefined."""
TYPICAL, STEEP = 2.0, 0.1
"""Standard deviations of the squared norm that the prior has, and what each further one costs."""
BATCH = 64
"""Latents that a black-box search asks for at once; pycma's own number, 18, took twice the time for each decode."""
SIGMAS = {"pycma": 1.0, "ribs": 0.5}
"""First standard deviations of a search that begins at 0: those with which each found most, of 0.25 to 1."""
APART = 0.25
"""Share of an output's values in which it differs from one that is no near copy."""
REJECTED = 1_024
SHOWN = {"notes": (0.0, 1.0, 20), "span": (0.0, 40.0, 20)}
"""The two values that an archive is spread over: lowest, highest, cells."""


class Spent(Exception):
    """Raised where a search has had its decodes, or its time."""


@dataclass(frozen=True)
class Mark:
    """How far a search was.

    Attributes:
        decodes: Outputs that it decoded.
        seconds: What it took.
        found: Distinct outputs that meet all constraints.
        apart: How many of these differ from each that was counted before in `APART` of their values.
    """

    decodes: int
    seconds: float
    found: int
    apart: int = 0


class Objective:
    """Decodes and measures latents, and keeps what meets all constraints.

    Args:
        model: The model.
        entries: The constraints.
        budgets: Numbers of decodes, rising, at which it is marked how far the search is; the last is its end.
        limit: Seconds after which it ends too.
        enough: Distinct outputs at which it ends too; None for as many as it finds.
    """

    def __init__(
        self,
        model: LatentModel,
        entries: Sequence[Entry],
        budgets: Sequence[int],
        limit: float,
        enough: int | None = None,
    ) -> None:
        self.evaluator, self.enough = Evaluator(model, entries), enough
        self.budgets, self.limit = list(budgets), limit
        self.found: dict[bytes, np.ndarray] = {}
        self.marks: list[Mark] = []
        self.outputs = np.empty(0)
        self._began = spent()

    @property
    def dimensions(self) -> int:
        """Values in a latent."""
        return self.evaluator.model.dimensions

    def met(self, z: torch.Tensor) -> np.ndarray:
        """Decode and measure latents `(B, D)` and return which meet all constraints, `(B,)` bool.

        Raises:
            Spent: Where the search is at its end.
        """
        return self._met(self._values(z))

    def loss(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return what is to be lowered, `(B,)`, and which latents `(B, D)` meet all constraints, `(B,)` bool.

        Raises:
            Spent: Where the search is at its end.
        """
        values = self._values(torch.from_numpy(z).float())
        lost = np.zeros(len(z))
        for entry in self.evaluator.entries:
            lost += ~verdict(entry, values).met
            lost += np.minimum(distance(entry, values), FARTHEST)
        unusual = np.abs(np.square(z).sum(axis=1) - z.shape[1]) / np.sqrt(2 * z.shape[1])
        return lost + STEEP * np.maximum(unusual - TYPICAL, 0.0), self._met(values)

    def _values(self, z: torch.Tensor) -> dict[str, np.ndarray]:
        self.outputs = self.evaluator.decode(z)
        return self.evaluator.measure(self.outputs)

    def _met(self, values: dict[str, np.ndarray]) -> np.ndarray:
        met = self.evaluator.satisfied(values, len(self.outputs))
        self.found.update({self.outputs[row].tobytes(): self.outputs[row] for row in np.flatnonzero(met)})
        mark = Mark(self.evaluator.decodes, spent() - self._began, len(self.found))
        over = mark.seconds > self.limit or (self.enough is not None and mark.found >= self.enough)
        while self.budgets and (mark.decodes >= self.budgets[0] or over):
            self.budgets.pop(0)
            self.marks.append(mark)
        if not self.budgets:
            raise Spent
        return met


def rejection(objective: Objective, seed: int) -> None:
    """Draw from the prior, and keep what satisfies."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        objective.met(torch.randn(REJECTED, objective.dimensions, generator=generator))


def pycma(objective: Objective, seed: int) -> None:
    """Run CMA-ES again and again, each time until it finds something or stops by itself.

    The first latents of each run are prior samples. If a run went on it would find outputs that are nearly the same.
    """
    import cma

    rng = np.random.default_rng(seed)
    while True:
        options = {"popsize": BATCH, "verbose": -9, "seed": int(rng.integers(1, 2**31))}
        strategy = cma.CMAEvolutionStrategy(np.zeros(objective.dimensions), SIGMAS["pycma"], options)
        while not strategy.stop():
            asked = strategy.ask()
            lost, met = objective.loss(np.array(asked))
            strategy.tell(asked, lost.tolist())
            if met.any():
                break


def ribs(objective: Objective, seed: int) -> None:
    """Run CMA-ME: an archive over how many notes outputs have and how wide they are, and two emitters.

    Whatever satisfies on the way is counted, whether the archive keeps it or not.
    """
    from ribs.archives import GridArchive
    from ribs.emitters import EvolutionStrategyEmitter
    from ribs.schedulers import Scheduler

    size, shown = objective.dimensions, list(SHOWN.values())
    archive = GridArchive(
        solution_dim=size, dims=[cells for *_, cells in shown], ranges=[ends[:2] for ends in shown], seed=seed
    )
    begin = {"x0": np.zeros(size), "sigma0": SIGMAS["ribs"], "ranker": "2imp", "batch_size": BATCH // 2}
    emitters = [EvolutionStrategyEmitter(archive, **begin, seed=2 * seed + number) for number in range(2)]
    scheduler, measured = Scheduler(archive, emitters), (Measurement(note_density), Measurement(span))
    while True:
        lost, _ = objective.loss(scheduler.ask())
        two = np.stack([one(objective.outputs) for one in measured], axis=1)
        scheduler.tell(-lost, np.nan_to_num(two))


PEERS: dict[str, Callable[[Objective, int], None]] = {"rejection": rejection, "pycma": pycma, "ribs": ribs}
NEEDED = {"pycma": "cma", "ribs": "ribs"}


def installed(name: str) -> bool:
    """Return whether what a search needs is installed: the extra `bench`."""
    return name not in NEEDED or find_spec(NEEDED[name]) is not None


def search(name: str, objective: Objective, seed: int) -> list[Mark]:
    """Run a search to its end and return how far it was at each budget."""
    with suppress(Spent):
        PEERS[name](objective, seed)
    every = list(objective.found.values())
    return [replace(mark, apart=count_apart(every[: mark.found])) for mark in objective.marks]


def count_apart(outputs: Sequence[np.ndarray]) -> int:
    """Return how many outputs differ in `APART` of their values from each that is counted already."""
    kept = np.empty((len(outputs), *outputs[0].shape)) if outputs else np.empty(0)
    count = 0
    for one in outputs:
        if count == 0 or (kept[:count] != one).reshape(count, -1).mean(axis=1).min() >= APART:
            kept[count] = one
            count += 1
    return count
