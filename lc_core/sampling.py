"""Verified sampling: run blocks of tries until enough outputs meet every condition or the budget is spent.

Try i is row i mod B of block i // B, and depends on (seed, i) alone. Every try is decoded, in float32, and measured;
what is delivered are the first `count` that meet all conditions, in the order of their index.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.constraint import Constraint, Entry, Want, verdict
from lc_core.engines.base import Engine, run_engine
from lc_core.errors import LCError
from lc_core.latent_model import LatentModel, block_generator
from lc_core.verify import Verifier

if TYPE_CHECKING:
    from lc_core.energy import Energy

__all__ = ["Block", "Problem", "SampleResult", "blocking_table", "collect", "run_block"]

NEAREST = 4
"""How many of the tries that come nearest are kept of each block, for a run that delivers nothing."""


@dataclass(frozen=True)
class Problem:
    """What is to be sampled: model, constraints, engine, and how much of it.

    Attributes:
        model: The latent model.
        entries: Top-level entries with distinct labels.
        engine: The engine.
        realism: Weight of realism.
        count: Outputs to deliver.
        seed: Sampling seed.
        budget: Most tries.
        unique: Whether delivered outputs must be distinct.
    """

    model: LatentModel
    entries: tuple[Entry, ...]
    engine: Engine
    realism: float = 0.0
    count: int = 16
    seed: int = 0
    budget: int = 3_200
    unique: bool = False

    def __post_init__(self) -> None:
        for name in ("count", "budget"):
            if getattr(self, name) < 1:
                raise LCError(f"{name} must be 1 or more; found {getattr(self, name)}")
        if self.seed < 0:
            raise LCError(f"seed must be 0 or more; found {self.seed}")
        reason = self.engine.unfit(self.model, self.entries, self.realism)
        if reason is not None:
            raise LCError(f"engine {type(self.engine).__name__.lower()} cannot serve this: {reason}")


@dataclass(frozen=True)
class Block:
    """All that is kept of one block of tries.

    Attributes:
        number: Its number, from 0.
        met: For each entry's label, groups and inner entries included, which tries meet it, `(B,)` bool.
        values: For each leaf's label, the measured values `(B,)` float64.
        rows: Rows that are kept: those that meet all conditions, and the few that come nearest.
        z: Their latents `(len(rows), *latent_shape)` float32.
        outputs: Their decoded outputs.
        realism: Their realism logits `(len(rows),)`, or None where the model has no realism critic.
        decodes: Outputs decoded for this block, the last decode of every try included.
        size: B.
    """

    number: int
    met: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    satisfied: np.ndarray
    rows: np.ndarray
    z: np.ndarray
    outputs: np.ndarray
    realism: np.ndarray | None
    decodes: int
    size: int


def walk(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield every entry of a tree, each before what it holds."""
    for entry in entries:
        yield entry
        if not isinstance(entry, Constraint):
            yield from walk(entry.entries)


def run_block(problem: Problem, energy: Energy | None, number: int) -> Block:
    """Run, decode and measure one block of tries: a function of (problem, number) alone."""
    import torch

    verifier = Verifier(problem.model, problem.entries)
    size = problem.engine.block
    start = problem.model.sample_prior(size, block_generator(problem.seed, number)).to(problem.model.device)
    result = run_engine(problem.engine, problem.model, start, energy, satisfied=verifier.satisfied_latents)
    first = number * size
    outputs = verifier.decode(result.z, first_index=first)
    values = verifier.measure(outputs, first_index=first)
    satisfied = verifier.satisfied(values, size)
    rows = np.union1d(np.flatnonzero(satisfied), _nearest(verifier, values, size))
    critic = problem.model.realism()
    realism = None
    if critic is not None and len(rows):
        with torch.inference_mode():
            realism = critic(result.z)[torch.from_numpy(rows)].float().cpu().numpy()
    return Block(
        number=number,
        met={entry.label: verdict(entry, values).met for entry in walk(problem.entries)},
        values=values,
        satisfied=satisfied,
        rows=rows,
        z=result.z[torch.from_numpy(rows)].float().cpu().numpy(),
        outputs=outputs[rows],
        realism=realism,
        decodes=verifier.decodes,
        size=size,
    )


def _nearest(verifier: Verifier, values: dict[str, np.ndarray], size: int) -> np.ndarray:
    """Return the rows that come nearest to meeting the conditions: most met first, then least violation."""
    met = sum((verdict(entry, values).met.astype(float) for entry in verifier.conditions), np.zeros(size))
    violation = sum((_violation(leaf.want, values[leaf.label]) for leaf in verifier.leaves), np.zeros(size))
    return np.lexsort((violation, -met))[:NEAREST]


def _violation(want: Want, values: np.ndarray) -> np.ndarray:
    """How far values lie outside a want, as a share of its bounds' size; a value that is undefined is far out."""
    outside = np.maximum(np.maximum(want.low - values, values - want.high), 0.0)
    bounds = [abs(bound) for bound in (want.low, want.high) if np.isfinite(bound)]
    return np.where(np.isnan(outside), 1e9, outside / max(1.0, *bounds))


@dataclass
class SampleResult:
    """What a run delivers.

    Attributes:
        problem: What was asked.
        status: `done`, or `budget spent`.
        index: Index of each delivered try, `(N,)` int64.
        latents: Latents `(N, *latent_shape)` float32.
        outputs: Decoded outputs, first dimension N.
        measurements: For each leaf's label, the measured values `(N,)` float64.
        satisfied: For each entry's label, whether it is met, `(N,)` bool.
        report: What `report.json` holds.
        nearest: The tries that came nearest, if too few were delivered: `index`, `outputs`, `measurements`.
    """

    problem: Problem
    status: str
    index: np.ndarray
    latents: np.ndarray
    outputs: np.ndarray
    measurements: dict[str, np.ndarray]
    satisfied: dict[str, np.ndarray]
    report: dict[str, Any] = field(default_factory=dict)
    nearest: dict[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.index)

    def save(self, folder: str | Path) -> Path:
        """Write `samples.safetensors` and `report.json` into a folder and return it."""
        from lc_core.run import save_result

        return save_result(self, Path(folder))


class Collector:
    """Takes blocks in order and knows when enough is delivered."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.blocks: list[Block] = []
        self.picked: list[tuple[int, int]] = []  # block, position in its kept rows
        self._seen: set[bytes] = set()

    @property
    def tried(self) -> int:
        """Tries so far, none beyond the budget."""
        return min(sum(block.size for block in self.blocks), self.problem.budget)

    @property
    def complete(self) -> bool:
        """Whether enough is delivered, or the budget is spent."""
        return len(self.picked) >= self.problem.count or self.tried >= self.problem.budget

    def add(self, block: Block) -> None:
        """Take the next block."""
        self.blocks.append(block)
        for position, row in enumerate(block.rows):
            beyond = block.number * block.size + row >= self.problem.budget
            if beyond or not block.satisfied[row] or len(self.picked) >= self.problem.count:
                continue
            if self.problem.unique:
                content = block.outputs[position].tobytes()
                if content in self._seen:
                    continue
                self._seen.add(content)
            self.picked.append((len(self.blocks) - 1, position))

    def over_tries(self, of: Callable[[Block], np.ndarray]) -> np.ndarray:
        """Return a value of every try within the budget, `(tried,)`."""
        return np.concatenate([of(block) for block in self.blocks])[: self.tried]

    def result(self) -> SampleResult:
        """Return what is delivered."""
        problem = self.problem
        index = np.array([self.blocks[b].number * self.blocks[b].size + self.blocks[b].rows[p] for b, p in self.picked])
        empty = self.blocks[0]
        latents = [self.blocks[b].z[p] for b, p in self.picked]
        outputs = [self.blocks[b].outputs[p] for b, p in self.picked]

        def of(values: Callable[[Block], dict[str, np.ndarray]], label: str) -> np.ndarray:
            picked = [values(self.blocks[b])[label][self.blocks[b].rows[p]] for b, p in self.picked]
            return np.array(picked, dtype=values(empty)[label].dtype)

        return SampleResult(
            problem=problem,
            status="done" if len(index) >= problem.count else "budget spent",
            index=index.astype(np.int64),
            latents=np.stack(latents) if latents else empty.z[:0],
            outputs=np.stack(outputs) if outputs else empty.outputs[:0],
            measurements={label: of(lambda block: block.values, label) for label in empty.values},
            satisfied={label: of(lambda block: block.met, label) for label in empty.met},
            nearest=None if len(index) >= problem.count else self._nearest(),
        )

    def _nearest(self) -> dict[str, Any]:
        """Return the few tries of all blocks that came nearest without meeting the conditions."""
        verifier = Verifier(self.problem.model, self.problem.entries)
        kept = [
            (block, position)
            for block in self.blocks
            for position, row in enumerate(block.rows)
            if not block.satisfied[row] and block.number * block.size + row < self.problem.budget
        ]
        if not kept:
            return {"index": [], "outputs": self.blocks[0].outputs[:0], "measurements": {}}
        values = {
            label: np.array([block.values[label][block.rows[position]] for block, position in kept])
            for label in self.blocks[0].values
        }
        order = _nearest(verifier, values, len(kept))
        return {
            "index": [int(kept[i][0].number * kept[i][0].size + kept[i][0].rows[kept[i][1]]) for i in order],
            "outputs": np.stack([kept[i][0].outputs[kept[i][1]] for i in order]),
            "measurements": {label: array[order] for label, array in values.items()},
        }

    def realism(self) -> float | None:
        """Return the mean realism logit of what is delivered, or None."""
        logits = [self.blocks[b].realism for b, _ in self.picked]
        if not logits or any(part is None for part in logits):
            return None
        return float(np.mean([self.blocks[b].realism[p] for b, p in self.picked]))  # type: ignore[index]


def collect(
    problem: Problem,
    energy: Energy | None,
    *,
    blocks: Iterator[Block] | None = None,
    progress: Callable[[Collector], None] = lambda _: None,
) -> tuple[SampleResult, float]:
    """Sample until enough is delivered or the budget is spent.

    Args:
        problem: What is asked.
        energy: What the engine descends.
        blocks: Blocks in order, from number 0; default runs each with `run_block`.
        progress: Called after each block.

    Returns:
        The result, its report filled in, and the seconds it took.
    """
    began = time.monotonic()
    blocks = blocks or (run_block(problem, energy, number) for number in itertools.count())
    collector = Collector(problem)
    for block in blocks:
        collector.add(block)
        progress(collector)
        if collector.complete:
            break
    result = collector.result()
    result.report = build_report(collector, result)
    return result, time.monotonic() - began


def blocking_table(problem: Problem, collector: Collector) -> dict[str, Any]:
    """Return the share of tries that meet each condition alone, each pair, and all but one."""
    labels = [entry.label for entry in problem.entries if entry.require]
    met = {label: collector.over_tries(lambda block, label=label: block.met[label]) for label in labels}  # type: ignore[misc]
    table: dict[str, Any] = {"alone": {label: float(met[label].mean()) for label in labels}}
    if len(labels) > 1:
        pairs = itertools.combinations(labels, 2)
        table["pairs"] = {f"{a} + {b}": float((met[a] & met[b]).mean()) for a, b in pairs}
    if len(labels) > 2:
        table["all but"] = {
            label: float(np.logical_and.reduce([met[other] for other in labels if other != label]).mean())
            for label in labels
        }
    return table


def build_report(collector: Collector, result: SampleResult) -> dict[str, Any]:
    """Return what `report.json` says of the samples, without times."""
    problem = collector.problem
    report: dict[str, Any] = {
        "schema": 1,
        "model": problem.model.name,
        "engine": type(problem.engine).__name__.lower(),
        "seed": problem.seed,
        "status": result.status,
        "budget": problem.budget,
        "requested": problem.count,
        "delivered": len(result),
        "tried": collector.tried,
        "decodes": sum(block.decodes for block in collector.blocks),
        "all": {
            "satisfied_before": float(np.concatenate([block.satisfied for block in collector.blocks]).mean()),
            "satisfied_after": 1.0 if len(result) else None,
        },
        "constraints": [_entry_report(entry, collector, result) for entry in problem.entries],
        "realism": collector.realism(),
    }
    note = problem.engine.note(problem.entries, problem.realism)
    if note:
        report["notes"] = [note]
    if result.status != "done":
        report["blocking"] = blocking_table(problem, collector)
        assert result.nearest is not None
        report["nearest"] = [
            {"index": index, "measurements": {k: _number(v[at]) for k, v in result.nearest["measurements"].items()}}
            for at, index in enumerate(result.nearest["index"])
        ]
    return report


def _entry_report(entry: Entry, collector: Collector, result: SampleResult) -> dict[str, Any]:
    before = np.concatenate([block.met[entry.label] for block in collector.blocks])
    after = result.satisfied[entry.label]
    report: dict[str, Any] = {"label": entry.label}
    if isinstance(entry, Constraint):
        report |= {
            "use": entry.measurement.name,
            "params": dict(entry.measurement.params),
            "wanted": entry.want.as_dict(),
            "unit": entry.measurement.info.unit,
        }
    else:
        report["use"] = entry.kind
    report |= {
        "require": entry.require,
        "satisfied_before": float(before.mean()),
        "satisfied_after": float(after.mean()) if len(after) else None,
    }
    if isinstance(entry, Constraint):
        values = result.measurements[entry.label]
        defined = values[~np.isnan(values)]
        report["mean_measurement"] = float(defined.mean()) if len(defined) else None
    else:
        report["entries"] = [_entry_report(child, collector, result) for child in entry.entries]
    return report


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
