"""How good samples are: how many satisfy, how many differ, and how like exact samples they are distributed.

Satisfaction is measured again on the outputs. What is delivered is compared with exact samples under the same
conditions, and so is a second set of exact samples, which is the best that can be had.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from lc_core.common.progress import Progress
from lc_core.common.words import counted
from lc_core.constraints.constraint import Group, walk
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import verdict
from lc_core.errors import LCError
from lc_core.evaluation.exact import BUDGET, FEWEST, MOST, Pair
from lc_core.evaluation.intervals import wilson
from lc_core.evaluation.neighbours import K, neighbour_figures
from lc_core.evaluation.outputs import Outputs
from lc_core.evaluation.pairs import Against, checked, pairs_for
from lc_core.evaluation.run import Run
from lc_core.evaluation.space import Space
from lc_core.evaluation.two_sample import STEPS, VERSION, two_sample_auc
from lc_core.plugins.discover import build_registry
from lc_core.plugins.installed import installed_version
from lc_core.plugins.registry import Registry, space_of
from lc_core.sampling.result import SampleResult

__all__ = ["SCHEMA", "evaluate"]

SCHEMA = 1
"""Version of what `evaluate` returns."""
TRAINED_ON = 0.5
"""Share of each set that the two-sample classifier is trained on; it is measured on the rest."""
FEW = 500
"""With fewer outputs in each set, chance moves figures by some hundredths; said where they are fewer."""


def evaluate(
    runs: Sequence[Run | SampleResult],
    *,
    exact: int = MOST,
    against: Against = None,
    budget: int = BUDGET,
    steps: int = STEPS,
    registry: Registry | None = None,
    progress: Progress = lambda _: None,
) -> dict[str, Any]:
    """Return how good the outputs of runs of one model are.

    Args:
        runs: Runs from `read_runs`, or what `lc_core.sample` returned.
        exact: Outputs in each of the two exact sets at most; as many as a run delivered if these are fewer. Of a run
            that delivered more, as many are drawn at random to be compared.
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
    given = [checked(one) for one in runs]
    model = given[0].model
    for one in given[1:]:
        if one.model is not model and one.model.digest != model.digest:
            raise LCError(f"runs of different models cannot be compared: {model.name} and {one.model.name}")
    registry = registry or build_registry()
    space = Space(space_of(registry, model.output_type, model.name))
    compared = partial(_compared, space=space, output_type=model.output_type, steps=steps, progress=progress)
    pairs = pairs_for(given, exact, against, budget, progress)
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
            "figures": compared(pair.reference, _mixed(run.outputs, n), n),
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


def _mixed(outputs: Outputs, n: int) -> np.ndarray:
    """Return n outputs from anywhere, always the same: what one engine of a run made stands together."""
    return outputs.take(np.random.default_rng(0).permutation(len(outputs))[:n])


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
    tried, delivered = run.report["tried"], len(run.outputs)
    *met, satisfied = _met(run)
    each = iter(met)

    def of(entries: Sequence[Any], told: Sequence[Mapping[str, Any]], depth: int) -> Iterator[dict[str, Any]]:
        for entry, one in zip(entries, told, strict=True):
            yield {
                "label": entry.label,
                "depth": depth,
                "require": entry.require,
                "tries": _counted(round(one["satisfied_before"] * tried), tried),
                "delivered": _counted(next(each), delivered),
            }
            if isinstance(entry, Group):
                yield from of(entry.entries, one["entries"], depth + 1)

    yield from of(run.entries, run.report["constraints"], 0)
    yield {
        "label": "all conditions",
        "depth": 0,
        "require": True,
        "tries": _counted(round(run.report["all"]["satisfied_before"] * tried), tried),
        "delivered": _counted(satisfied, delivered),
    }


def _met(run: Run) -> list[int]:
    """Return how many outputs meet each entry of the tree, in the order of `walk`, and how many meet all conditions."""
    evaluator = Evaluator(run.model, run.entries)
    counts = np.zeros(len(list(walk(run.entries))) + 1, dtype=int)
    for first, outputs in run.outputs.pieces():
        values = evaluator.measure(outputs, first_index=first)
        met = [verdict(entry, values).met for entry in walk(run.entries)]
        counts += [int(one.sum()) for one in (*met, evaluator.satisfied(values, len(outputs)))]
    found: list[int] = counts.tolist()
    return found


def _counted(hits: int, of: int) -> dict[str, Any]:
    """Return a share with its 95 % interval."""
    low, high = wilson(hits, of)
    return {"count": hits, "of": of, "share": hits / of, "low": low, "high": high}


def _notes(run: Run, n: int, exact: int, against: Against) -> list[str]:
    notes, delivered = [], len(run.outputs)
    if n < FEWEST:
        notes.append(f"{counted(n, 'output')}: too few to compare with exact samples; {FEWEST} are needed")
    elif n < FEW:
        notes.append(f"{n:,} outputs in each set are few: chance moves the figures by some hundredths")
    if n == exact < delivered:
        notes.append(f"{n:,} of {delivered:,} outputs are compared, drawn at random (--exact)")
    if n < (wanted := min(exact, delivered)) and against is None:
        notes.append(f"exact samples are rare: {n:,} of {wanted:,} were found before the budget was spent (--budget)")
    if run.base == "prior" and run.realism > 0 and not run.exact and against is None:
        notes.append("realism is in this run's energy and in no exact sample of the prior: base: data has exact ones")
    if any(not entry.require for entry in run.entries) and against is None:
        notes.append("preferences shape this run, and exact samples do not follow them")
    if run.report["status"] != "done":
        notes.append(f"the run is not complete: {run.report['status']}")
    return notes
