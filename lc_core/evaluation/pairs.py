"""What runs are compared with: exact samples, another run, or held-out data, each as two sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lc_core.common.guard import blaming
from lc_core.common.progress import Progress
from lc_core.constraints.evaluator import Evaluator
from lc_core.errors import LCError
from lc_core.evaluation.exact import FEWEST, PACK, Asked, Pair, draw_exact, split_pair
from lc_core.evaluation.run import Run
from lc_core.sampling.result import SampleResult

__all__ = ["Against", "checked", "pairs_for"]

Against = Run | SampleResult | Pair | str | None


def checked(one: Run | SampleResult) -> Run:
    """Return a run, or what `lc_core.sample` returned, as a run. One that delivered nothing is refused."""
    run = Run.of(one) if isinstance(one, SampleResult) else one
    if len(run.outputs) == 0:
        raise LCError(f"{run.name} delivered no output in {run.report['tried']:,} tries", hint="a larger budget helps")
    return run


def pairs_for(
    runs: Sequence[Run],
    exact: int,
    against: Against,
    budget: int,
    progress: Progress,
) -> list[Pair | None]:
    """Return what each run is compared with; runs under the same conditions share a pair. None for a few outputs.

    The arguments are those of `evaluate`.
    """
    kinds: list[tuple[Any, str]] = []
    members: list[list[Run]] = []
    for run in (one for one in runs if len(one.outputs) >= FEWEST):
        kind = (run.conditions, run.base)
        if kind not in kinds:
            kinds.append(kind)
            members.append([])
        members[kinds.index(kind)].append(run)
    if isinstance(against, str) and against != "data":
        raise LCError(f"against is a run, or data; found {against!r}")
    made: dict[int, Pair] = {}
    if isinstance(against, str):
        outputs = _held_out(runs[0], progress)
        for at, some in enumerate(members):
            made[at] = _data_pair(some[0], outputs, exact)
    elif isinstance(against, Pair):
        made = dict.fromkeys(range(len(members)), against)
    elif against is not None:
        other = checked(against)
        for at, some in enumerate(members):
            made[at] = _run_pair(other, some, exact)
    else:
        for base in {base for _, base in kinds}:
            chosen = [at for at, one in enumerate(kinds) if one[1] == base]
            counts = [min(exact, max(len(run.outputs) for run in members[at])) for at in chosen]
            asked = [Asked(kinds[at][0], count) for at, count in zip(chosen, counts, strict=True)]
            drawn = draw_exact(runs[0].model, asked, base=base, budget=budget, progress=progress)
            made |= dict(zip(chosen, drawn, strict=True))
    return [made[kinds.index((run.conditions, run.base))] if len(run.outputs) >= FEWEST else None for run in runs]


def _held_out(run: Run, progress: Progress) -> np.ndarray:
    progress(f"reading the held-out data of {run.model.name}")
    with blaming(f"held_out of {run.model.name}"):
        found = run.model.unwrapped.held_out()
    if found is None:
        raise LCError(
            f"{run.model.name} has no held-out data to compare with", hint="leave --against out, or give a run"
        )
    return np.asarray(found)


def _data_pair(run: Run, data: np.ndarray, most: int) -> Pair:
    evaluator = Evaluator(run.model, run.conditions)
    kept = data[evaluator.satisfied(evaluator.measure(data), len(data))]
    source = f"held-out data of {run.model.name} that meet all conditions"
    pack = min(PACK, max(1, len(kept) // 10))
    pair = split_pair(kept, source, len(data), pack=pack, name="held-out data")
    return replace(pair, reference=pair.reference[:most], second=pair.second[:most])


def _run_pair(other: Run, runs: Sequence[Run], most: int) -> Pair:
    """Return a run of exact samples as two sets for runs under the same conditions."""
    for run in runs:
        if not other.exact:
            hint = "lc sample SPEC --engine rejection makes exact samples"
            raise LCError(f"{other.name} is no run of exact samples: its engine is {other.report['engine']}", hint=hint)
        if other.model.digest != run.model.digest:
            raise LCError(f"{other.name} and {run.name} are runs of different models")
        if other.conditions != run.conditions:
            raise LCError(
                f"{other.name} has other conditions than {run.name}",
                hint="compare runs of one spec, or leave --against out: exact samples are then drawn for each",
            )
        if other.base != run.base:
            raise LCError(
                f"{other.name} has base: {other.base}, and {run.name} base: {run.base}",
                hint="make the exact run with the same base, or leave --against out",
            )
        if other.report["seed"] == run.report["seed"]:
            raise LCError(
                f"{other.name} and {run.name} have the seed {run.report['seed']}, so they begin with the same draws",
                hint="make the exact run with another --seed",
            )
    count = len(other.outputs)
    rows = np.arange(min(count, 2 * most))
    return replace(split_pair(other.outputs.take(rows), f"exact samples of {other.name}", count), met=count)
