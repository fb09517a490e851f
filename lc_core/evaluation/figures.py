"""How good samples are: how many satisfy, how many differ, and how like exact samples they are distributed.

Satisfaction is measured again on the outputs. What is delivered is compared with exact samples under the same
conditions, and so is a second set of exact samples, which is the best that can be had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from lc_core.common.guard import blaming
from lc_core.common.progress import Progress
from lc_core.common.words import counted
from lc_core.constraints.constraint import Group
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import verdict
from lc_core.errors import LCError
from lc_core.evaluation.exact import BUDGET, FEWEST, PACK, Asked, Pair, draw_exact, split_pair
from lc_core.evaluation.intervals import wilson
from lc_core.evaluation.neighbours import K, neighbour_figures
from lc_core.evaluation.run import Run
from lc_core.evaluation.space import Space
from lc_core.evaluation.two_sample import STEPS, VERSION, two_sample_auc
from lc_core.plugins.discover import build_registry
from lc_core.plugins.installed import installed_version
from lc_core.plugins.registry import Registry, space_of
from lc_core.sampling.result import SampleResult

__all__ = ["SCHEMA", "evaluate"]

Against = Run | SampleResult | Pair | str | None
SCHEMA = 1
"""Version of what `evaluate` returns."""
TRAINED_ON = 0.5
"""Share of each set that the two-sample classifier is trained on; it is measured on the rest."""
FEW = 500
"""With fewer outputs in each set, chance moves figures by some hundredths; said where they are fewer."""


def evaluate(
    runs: Sequence[Run | SampleResult],
    *,
    exact: int | None = None,
    against: Against = None,
    budget: int = BUDGET,
    steps: int = STEPS,
    registry: Registry | None = None,
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """Return how good the outputs of runs of one model are.

    Args:
        runs: Runs from `read_runs`, or what `lc_core.sample` returned.
        exact: Outputs in each of the two exact sets; default as many as a run delivered.
        against: What to compare with: exact samples by rejection from each run's own base (None), a run of exact
            samples under the same conditions, two sets that were drawn before, or `data`, the model's held-out data
            that meet the conditions.
        budget: Most draws for exact samples.
        steps: Training steps of the two-sample classifier. AUCs of other steps cannot be compared.
        registry: What is installed; looked up if not given.
        progress: Called with a line of text now and then.

    Returns:
        `schema`, `lc`, `model`, `space`, `classifier`, `k`, and `runs`. Of each run: `satisfied` (for each entry
        counts, shares and 95 % intervals of `tries` and `delivered`), `engines`, `distinct`; `against`, what it was
        compared with; `figures` and those of the second set, `best`: `n`, `auc`, `precision`, `recall`, `density`,
        `coverage`; and `notes`. With fewer than `FEWEST` outputs nothing is compared, and these three are None.

    Raises:
        LCError: If a run delivered nothing, runs are of different models, or what to compare with cannot be had.
    """
    given = [_checked(one) for one in runs]
    model = given[0].model
    for one in given[1:]:
        if one.model is not model and one.model.digest != model.digest:
            raise LCError(f"runs of different models cannot be compared: {model.name} and {one.model.name}")
    registry = registry or build_registry()
    space = Space(space_of(registry, model.output_type, model.name))
    compared = partial(_compared, space=space, output_type=model.output_type, steps=steps, progress=progress)
    pairs = _pairs(given, exact, against, budget, progress)
    seconds: dict[tuple[int, int], dict[str, Any]] = {}

    def told(run: Run, pair: Pair | None) -> dict[str, Any]:
        if pair is None:
            notes = _notes(run, len(run.outputs), exact, against)
            return {**_about(run), "against": None, "figures": None, "best": None, "notes": notes}
        progress(f"comparing {run.name} with {pair.source}")
        n = min(len(pair), len(run.outputs))
        if (id(pair), n) not in seconds:
            seconds[id(pair), n] = compared(pair.reference, pair.second, n)
        return {
            **_about(run),
            "against": pair.about(),
            "figures": compared(pair.reference, _mixed(run.outputs), n),
            "best": seconds[id(pair), n],
            "notes": _notes(run, n, exact, against),
        }

    return {
        "schema": SCHEMA,
        "lc": installed_version("latent-constraints"),
        "model": {"name": model.name, "digest": model.digest},
        "space": space.about(),
        "classifier": {"name": VERSION, "steps": steps, "trained_on": TRAINED_ON},
        "k": K,
        "runs": [told(run, pair) for run, pair in zip(given, pairs, strict=True)],
    }


def _checked(one: Run | SampleResult) -> Run:
    run = Run.of(one) if isinstance(one, SampleResult) else one
    if len(run.outputs) == 0:
        raise LCError(f"{run.name} delivered no output in {run.report['tried']:,} tries", hint="a larger budget helps")
    return run


def _pairs(
    runs: Sequence[Run],
    exact: int | None,
    against: Against,
    budget: int,
    progress: Progress,
) -> list[Pair | None]:
    """Return what each run is compared with; runs under the same conditions share a pair. None for a few outputs."""
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
            made[at] = _data_pair(some[0], outputs)
    elif isinstance(against, Pair):
        made = dict.fromkeys(range(len(members)), against)
    elif against is not None:
        other = _checked(against)
        for at, some in enumerate(members):
            made[at] = _run_pair(other, some)
    else:
        for base in {base for _, base in kinds}:
            chosen = [at for at, one in enumerate(kinds) if one[1] == base]
            counts = [exact or max(len(run.outputs) for run in members[at]) for at in chosen]
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


def _data_pair(run: Run, data: np.ndarray) -> Pair:
    evaluator = Evaluator(run.model, run.conditions)
    kept = data[evaluator.satisfied(evaluator.measure(data), len(data))]
    source = f"held-out data of {run.model.name} that meet all conditions"
    pack = min(PACK, max(1, len(kept) // 10))
    return split_pair(kept, source, len(data), pack=pack, name="held-out data")


def _run_pair(other: Run, runs: Sequence[Run]) -> Pair:
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
    source = f"exact samples of {other.name}"
    return split_pair(other.outputs, source, len(other.outputs))


def _compared(
    reference: np.ndarray,
    outputs: np.ndarray,
    n: int,
    *,
    space: Space,
    output_type: str,
    steps: int,
    progress: Progress,
) -> dict[str, Any]:
    """Return how like the first n of a reference the first n of some outputs are."""
    features = space.fitted(reference[:n])
    sets = [_as_stored(one[:n], output_type) for one in (reference, outputs)]
    found = {"n": n, "auc": two_sample_auc(*sets, steps=steps, trained_on=TRAINED_ON, progress=progress)}
    return found | neighbour_figures(features(reference[:n]), features(outputs[:n]))


def _mixed(outputs: np.ndarray) -> np.ndarray:
    """Return outputs in another order, always the same: what one engine of a run made stands together."""
    mixed: np.ndarray = outputs[np.random.default_rng(0).permutation(len(outputs))]
    return mixed


def _as_stored(outputs: np.ndarray, output_type: str) -> np.ndarray:
    """Return pictures as bytes, as a PNG rounds them, so that nothing is told by what no picture file keeps."""
    if not output_type.startswith("image.") or outputs.dtype.kind != "f":
        return outputs
    pixels: np.ndarray = np.rint(np.clip(outputs, 0, 1) * 255).astype(np.uint8)
    return pixels


def _about(run: Run) -> dict[str, Any]:
    report = run.report
    tried = report["tried"]
    engines = report.get("engines") or [
        {
            "engine": report["engine"],
            "exact": run.exact,
            "tried": tried,
            "satisfied": round(report["all"]["satisfied_before"] * tried),
            "delivered": report["delivered"],
        }
    ]
    return {
        "run": run.name,
        **{key: report[key] for key in ("spec", "engine", "seed", "status", "tried", "delivered", "decodes")},
        "base": run.base,
        "satisfied": list(_satisfied(run)),
        "engines": [{**one, "tries": _counted(one["satisfied"], one["tried"])} for one in engines],
        "distinct": {key: report["distinct"][key] for key in ("count", "share", "view")},
    }


def _satisfied(run: Run) -> Iterator[dict[str, Any]]:
    """Yield, of every entry and of all conditions, how many tries and delivered outputs satisfy."""
    evaluator = Evaluator(run.model, run.entries)
    values = evaluator.measure(run.outputs)
    tried, delivered = run.report["tried"], len(run.outputs)

    def of(entries: Sequence[Any], told: Sequence[Mapping[str, Any]], depth: int) -> Iterator[dict[str, Any]]:
        for entry, one in zip(entries, told, strict=True):
            yield {
                "label": entry.label,
                "depth": depth,
                "require": entry.require,
                "tries": _counted(round(one["satisfied_before"] * tried), tried),
                "delivered": _counted(int(verdict(entry, values).met.sum()), delivered),
            }
            if isinstance(entry, Group):
                yield from of(entry.entries, one["entries"], depth + 1)

    yield from of(run.entries, run.report["constraints"], 0)
    yield {
        "label": "all conditions",
        "depth": 0,
        "require": True,
        "tries": _counted(round(run.report["all"]["satisfied_before"] * tried), tried),
        "delivered": _counted(int(evaluator.satisfied(values, delivered).sum()), delivered),
    }


def _counted(hits: int, of: int) -> dict[str, Any]:
    """Return a share with its 95 % interval."""
    low, high = wilson(hits, of)
    return {"count": hits, "of": of, "share": hits / of, "low": low, "high": high}


def _notes(run: Run, n: int, exact: int | None, against: Against) -> list[str]:
    notes = []
    if n < FEWEST:
        notes.append(f"{counted(n, 'output')}: too few to compare with exact samples; {FEWEST} are needed")
    elif n < FEW:
        notes.append(f"{n:,} outputs in each set are few: chance moves the figures by some hundredths")
    if n < (wanted := min(exact or len(run.outputs), len(run.outputs))) and against is None:
        notes.append(f"exact samples are rare: {n:,} of {wanted:,} were found before the budget was spent (--budget)")
    if run.base == "prior" and run.realism > 0 and not run.exact and against is None:
        notes.append("realism is in this run's energy and in no exact sample of the prior: base: data has exact ones")
    if run.report["status"] != "done":
        notes.append(f"the run is not complete: {run.report['status']}")
    return notes
