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

from lc_core.constraint import Constraint, Entry, leaves, verdict
from lc_core.engines.base import Engine, run_engine
from lc_core.errors import LCError, blaming
from lc_core.latent_model import LatentModel, block_generator, draw_carried
from lc_core.nearest import NEAREST, nearest_missed, order
from lc_core.verify import Verifier

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.energy import Energy

__all__ = ["Block", "Collector", "Problem", "SampleResult", "collect", "run_block", "walk"]


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
        budget: Most tries, rounded up to whole blocks.
        unique: Whether delivered outputs must be distinct.
    """

    model: LatentModel
    entries: tuple[Entry, ...]
    engine: Engine
    realism: float = 0.0
    count: int = 16
    seed: int = 0
    budget: int = 32_000
    unique: bool = False

    def __post_init__(self) -> None:
        for name in ("count", "budget"):
            if getattr(self, name) < 1:
                raise LCError(f"{name} must be 1 or more; found {getattr(self, name)}")
        if self.seed < 0:
            raise LCError(f"seed must be 0 or more; found {self.seed}")
        object.__setattr__(self, "engine", self.engine.sized_for(self.model))
        reason = self.engine.unfit(self.model, self.entries, self.realism)
        if reason is not None:
            raise LCError(f"engine {type(self.engine).__name__.lower()} cannot serve this: {reason}")
        if self.engine.needs_energy and any(leaf.guide == "decoder" for leaf in leaves(self.entries)):
            from lc_core.guiding import check_guides

            check_guides(self.model, self.entries)

    @property
    def most_tries(self) -> int:
        """The budget in whole blocks."""
        return -(-self.budget // self.engine.block) * self.engine.block


@dataclass(frozen=True)
class Block:
    """All that is kept of one block of tries.

    Attributes:
        number: Its number, from 0.
        met: For each entry's label, groups and inner entries included, which tries meet it, `(B,)` bool.
        values: For each leaf's label, the measured values `(B,)` float64.
        satisfied: Which tries meet every condition, `(B,)` bool.
        rows: Rows that are kept, rising: those that meet all conditions, and those that come nearest.
        z: Their latents `(len(rows), *latent_shape)` float32.
        outputs: Their decoded outputs.
        realism: Their realism logits `(len(rows),)`, or None where the model has no realism critic.
        decodes: Outputs decoded for this block, the last decode of every try included.
        size: B.
        seconds: What running it took; 0 if it was read from a folder.
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
    seconds: float = field(default=0.0, compare=False)

    @property
    def index(self) -> np.ndarray:
        """Indices of the tries that are kept."""
        return self.number * self.size + self.rows


def walk(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield every entry of a tree, each before what it holds."""
    for entry in entries:
        yield entry
        if not isinstance(entry, Constraint):
            yield from walk(entry.entries)


def run_block(problem: Problem, energy: Energy | None, number: int) -> Block:
    """Run, decode and measure one block of tries: a function of (problem, number) alone."""
    import torch

    began = time.monotonic()
    verifier = Verifier(problem.model, problem.entries)
    size = problem.engine.block
    first = number * size
    guided = energy.decodes if energy else 0
    carry = _carry(problem)
    z = _end_points(problem, energy, number, verifier, carry)
    guided = energy.decodes - guided if energy else 0
    carried = size * getattr(carry, "decodes", 0)
    outputs = verifier.decode(z, first_index=first)
    values = verifier.measure(outputs, first_index=first)
    satisfied = verifier.satisfied(values, size)
    rows = np.union1d(np.flatnonzero(satisfied), nearest_missed(verifier.conditions, values, satisfied))
    kept = torch.from_numpy(rows)
    return Block(
        number=number,
        met={entry.label: verdict(entry, values).met for entry in walk(problem.entries)},
        values=values,
        satisfied=satisfied,
        rows=rows,
        z=z[kept].float().cpu().numpy(),
        outputs=outputs[rows],
        realism=_realism(problem, z, kept),
        decodes=verifier.decodes + guided + carried,
        size=size,
        seconds=time.monotonic() - began,
    )


def _carry(problem: Problem) -> Callable[[Tensor], Tensor] | None:
    """Return what carries prior samples to where tries begin, if anything does."""
    if problem.realism == 0 or not problem.engine.begins_real:
        return None
    return problem.model.flow() if problem.entries else problem.model.realism_alone()


def _end_points(
    problem: Problem,
    energy: Energy | None,
    number: int,
    verifier: Verifier,
    carry: Callable[[Tensor], Tensor] | None,
) -> Tensor:
    """Return where the engine brings every try of a block, `(B, *latent_shape)`."""
    import torch

    def check(latents: Tensor) -> np.ndarray:
        try:
            return verifier.satisfied_latents(latents)
        except LCError as error:
            place = f"outputs are counted among {len(latents)} that the engine decoded on its way in block {number}"
            raise LCError(error.message, hint="; ".join(filter(None, (error.hint, place)))) from error

    start = draw_carried(problem.model, problem.engine.block, block_generator(problem.seed, number), carry)
    # Where nothing is required every try would count as satisfied, and stop before it has gone anywhere.
    z = run_engine(problem.engine, problem.model, start, energy, satisfied=check if verifier.conditions else None).z
    finite = torch.isfinite(z).flatten(1).all(dim=1)
    if not bool(finite.all()):
        at = number * problem.engine.block + int((~finite).nonzero()[0])
        name = type(problem.engine).__name__.lower()
        raise LCError(f"engine {name} ended try {at} at a latent that is not finite", hint="try smaller steps")
    return z


def _realism(problem: Problem, z: Tensor, rows: Tensor) -> np.ndarray | None:
    """Return the realism logits of some rows, computed with the whole block.

    None without a realism critic; what is typical of the prior is told only if it was asked for.
    """
    import torch

    from lc_core.critics.typical import realism_of

    with blaming(f"the realism critic of {problem.model.name}"), torch.inference_mode():
        critic = realism_of(problem.model)[0] if problem.realism > 0 else problem.model.realism()
        if critic is None:
            return None
        logits: np.ndarray = critic(z)[rows.to(z.device)].float().cpu().numpy()
        return logits


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
        nearest: The tries that came nearest to meeting the conditions, if too few did; None if enough did.
    """

    problem: Problem
    status: str
    index: np.ndarray
    latents: np.ndarray
    outputs: np.ndarray
    measurements: dict[str, np.ndarray]
    satisfied: dict[str, np.ndarray]
    report: dict[str, Any] = field(default_factory=dict)
    nearest: SampleResult | None = None

    def __len__(self) -> int:
        return len(self.index)

    def save(self, folder: str | Path) -> Path:
        """Write `samples.safetensors` and `report.json` into a folder and return it.

        Raises:
            LCError: If it cannot be written.
        """
        from lc_core.store import save_result

        return save_result(self, Path(folder))


class Collector:
    """Takes blocks in order and knows when enough is delivered.

    Attributes:
        blocks: The blocks so far.
        picked: What is delivered: block, and position in what it keeps.
        repeats: Tries that met all conditions and were left out since their output is delivered already.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.blocks: list[Block] = []
        self.picked: list[tuple[int, int]] = []
        self.repeats = 0
        self._seen: set[bytes] = set()

    @property
    def tried(self) -> int:
        """Tries so far: all of every block."""
        return sum(block.size for block in self.blocks)

    @property
    def most_seconds_left(self) -> float:
        """How long the rest of the budget would take, going by the blocks that were run; 0 before there is one."""
        spent = [block.seconds for block in self.blocks if block.seconds]
        if not spent or self.complete:
            return 0.0
        return sum(spent) / len(spent) * (self.problem.most_tries - self.tried) / self.problem.engine.block

    @property
    def complete(self) -> bool:
        """Whether enough is delivered, or the budget is spent."""
        return len(self.picked) >= self.problem.count or self.tried >= self.problem.budget

    def add(self, block: Block) -> None:
        """Take the next block."""
        self.blocks.append(block)
        for position in np.flatnonzero(block.satisfied[block.rows]):
            if len(self.picked) >= self.problem.count:
                break
            if self.problem.unique:
                content = block.outputs[position].tobytes()
                if content in self._seen:
                    self.repeats += 1
                    continue
                self._seen.add(content)
            self.picked.append((len(self.blocks) - 1, int(position)))

    def over_tries(self, of: Callable[[Block], np.ndarray]) -> np.ndarray:
        """Return a value of every try, `(tried,)`."""
        return np.concatenate([of(block) for block in self.blocks])

    def result(self) -> SampleResult:
        """Return what is delivered."""
        done = len(self.picked) >= self.problem.count
        result = self._taken(self.picked, "done" if done else "budget spent")
        result.nearest = None if done else self._nearest()
        return result

    def _taken(self, picked: Sequence[tuple[int, int]], status: str) -> SampleResult:
        """Return some of the tries that are kept, as a result."""
        kept = [(self.blocks[number], position) for number, position in picked]
        empty = self.blocks[0]

        def of(values: Callable[[Block], dict[str, np.ndarray]], label: str) -> np.ndarray:
            picked = [values(block)[label][block.rows[position]] for block, position in kept]
            return np.array(picked, dtype=values(empty)[label].dtype)

        return SampleResult(
            problem=self.problem,
            status=status,
            index=np.array([block.index[position] for block, position in kept], dtype=np.int64),
            latents=np.stack([block.z[position] for block, position in kept]) if kept else empty.z[:0],
            outputs=np.stack([block.outputs[position] for block, position in kept]) if kept else empty.outputs[:0],
            measurements={label: of(lambda block: block.values, label) for label in empty.values},
            satisfied={label: of(lambda block: block.met, label) for label in empty.met},
        )

    def _nearest(self) -> SampleResult:
        """Return the few tries that came nearest without meeting the conditions."""
        verifier = Verifier(self.problem.model, self.problem.entries)
        missed = [
            (number, int(position))
            for number, block in enumerate(self.blocks)
            for position in np.flatnonzero(~block.satisfied[block.rows])
        ]
        found = self._taken(missed, "nearest")
        best = order(verifier.conditions, found.measurements, len(found))[:NEAREST]
        return self._taken([missed[at] for at in best], "nearest")

    def realism(self) -> float | None:
        """Return the mean realism logit of what is delivered, or None."""
        logits = [(self.blocks[number].realism, position) for number, position in self.picked]
        known = [float(values[position]) for values, position in logits if values is not None]
        return float(np.mean(known)) if known else None


def collect(
    problem: Problem,
    energy: Energy | None,
    *,
    blocks: Iterator[Block] | None = None,
    progress: Callable[[Collector], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[SampleResult, float]:
    """Sample until enough is delivered or the budget is spent.

    Args:
        problem: What is asked.
        energy: What the engine descends.
        blocks: Blocks in order, from number 0; default runs each with `run_block`.
        progress: Called after each block.
        say: Called with a line on what it may take at most: before the first block, and when one was timed.

    Returns:
        The result, its report filled in, and the seconds it took.
    """
    from lc_core.expect import at_most, time_at_most
    from lc_core.summary import build_report

    began = time.monotonic()
    blocks = blocks or (run_block(problem, energy, number) for number in itertools.count())
    collector = Collector(problem)
    say(at_most(problem))
    timed = False
    for block in blocks:
        collector.add(block)
        if block.seconds and not timed and (line := time_at_most(collector)):
            say(line)
        timed = timed or block.seconds > 0
        progress(collector)
        if collector.complete:
            break
    result = collector.result()
    result.report = build_report(collector, result)
    return result, time.monotonic() - began
