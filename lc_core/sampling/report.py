"""What `report.json` says of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common.words import counted
from lc_core.constraints.constraint import Constraint, Entry, leaves
from lc_core.constraints.faults import REMEDY, not_repeated
from lc_core.critics.realism import realism_of
from lc_core.models.latent_model import notes_of
from lc_core.sampling.collector import Collector
from lc_core.sampling.expect import enough
from lc_core.sampling.problem import Task
from lc_core.sampling.result import SampleResult, ordered
from lc_core.sampling.variety import add_distinct

if TYPE_CHECKING:
    from lc_core.spec.values import Spec

__all__ = [
    "build_report",
    "entry_report",
    "finish_report",
    "mean_of",
    "shares_of",
    "task_notes",
    "values_at",
]

SCHEMA = 1
"""Version of the report's format."""
KEEP_NOTE = "keep says what lc transform must not change; sampling changes nothing, and ignores it"


def build_report(collector: Collector, result: SampleResult) -> dict[str, Any]:
    """Return what `report.json` says of the samples, without times.

    `satisfied_before` is the share of all tries, `satisfied_after` of what is delivered.
    """
    problem, tally, after = collector.problem, collector.tally, collector.after
    unsteady = _not_repeated(result)
    result.faults = (*unsteady, *tally.outside)
    tried, delivered = tally.tried, collector.delivered
    shares = {label: met / tried for label, met in tally.met.items()}
    shares_after = {label: met / delivered if delivered else None for label, met in after.met.items()}
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "spec": None,
        "model": problem.model.name,
        "engine": type(problem.engine).__name__.lower(),
        "seed": problem.seed,
        "status": result.status,
        "budget": problem.most_tries,
        "requested": problem.count,
        "delivered": delivered,
        "tried": tried,
        "decodes": tally.decodes,
        "all": {"satisfied_before": tally.satisfied / tried, "satisfied_after": 1.0 if delivered else None},
        "constraints": [
            entry_report(entry, shares, shares_after, mean_measurement=after.means) for entry in problem.entries
        ],
        "realism": after.realism,
    }
    if tally.moves is not None:
        report["moves"] = tally.moves
    if len(collector.engines) > 1:
        # If a measurement has another value the second time, nothing is exact.
        report["engines"] = [one | {"exact": one["exact"] and not unsteady} for one in collector.engines.values()]
    if notes := [*_notes(collector, result), *result.faults]:
        report["notes"] = notes
    if result.nearest is not None:
        report["blocking"] = tally.blocking()
        report["nearest"] = [
            {"index": int(index), "measurements": values_at(result.nearest.measurements, at)}
            for at, index in enumerate(result.nearest.index)
        ]
    add_distinct(report, after.variety, problem)
    return report


def finish_report(
    result: SampleResult,
    *,
    spec: Spec | None,
    card: Mapping[str, Any],
    seconds: dict[str, float],
) -> None:
    """Add to a result's report what sampling alone does not know, and put its keys in order.

    Args:
        result: The result, with the report of `build_report`.
        spec: What names the run, its model and its engine, if a spec does.
        card: What was fitted; empty if nothing was.
        seconds: What took how long.
    """
    report = result.report
    if spec is not None:
        report |= {"spec": spec.name, "model": spec.model.use, "engine": spec.engine.use}
    if spec is not None and spec.keep:
        report["notes"] = [*report.get("notes", []), KEEP_NOTE]
    if card:
        report["fit"] = card
    result.report = ordered(report | {"seconds": seconds})


def _not_repeated(result: SampleResult) -> list[str]:
    """Say of each measurement that has another value the second time what it was on an output that is at hand."""
    some = result if len(result) or result.nearest is None else result.nearest
    found = [
        not_repeated(leaf.measurement, some.measurements[leaf.label], some.outputs, some.index)
        for leaf in leaves(result.problem.entries)
    ]
    return [f"{told}: what comes of it is not exact; {REMEDY}" for told in dict.fromkeys(found) if told]


def task_notes(task: Task, latents: np.ndarray) -> list[str]:
    """Return what a user should know of the engine, the model and its realism.

    Args:
        task: What is asked.
        latents: What came of it, `(N, *latent_shape)`.
    """
    model, note = (
        task.model,
        task.engine.note(task.entries, 0.0 if getattr(task, "base", "") == "data" else task.realism),
    )
    notes = [*([note] if note else []), *notes_of(model, latents)]
    if task.realism > 0 and task.engine.needs_energy and model.realism() is None:
        notes.append(f"{model.name} has {realism_of(model)[1]}")
    return notes


def _notes(collector: Collector, result: SampleResult) -> list[str]:
    problem = collector.problem
    notes = task_notes(problem, result.latents)
    if not problem.engine.amortised and (free := [leaf.label for leaf in leaves(problem.entries) if leaf.free]):
        notes.append(f"free has no effect with this engine, which is fitted for one value: {', '.join(free)}")
    if result.status != "done":
        notes.append(f"the budget is spent: {enough(problem.count, collector.delivered, collector.tried)}")
    if collector.repeats and result.status != "done":
        tries = counted(collector.repeats, "try", "tries")
        notes.append(f"{tries} met all conditions but gave an output that is delivered already (unique: true)")
    return notes


def entry_report(
    entry: Entry,
    before: Mapping[str, float | None],
    after: Mapping[str, float | None],
    **means: Mapping[str, float | None],
) -> dict[str, Any]:
    """Return what `report.json` says of an entry, and of those inside it.

    Args:
        entry: A constraint or a group.
        before: For each entry's label, which share met it at first.
        after: For each entry's label, which share meets it at the end; None where there is nothing.
        means: By its key in the report, for each constraint's label a mean.
    """
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
        "satisfied_before": before[entry.label],
        "satisfied_after": after[entry.label],
    }
    if isinstance(entry, Constraint):
        return report | {key: values[entry.label] for key, values in means.items()}
    return report | {"entries": [entry_report(child, before, after, **means) for child in entry.entries]}


def shares_of(met: Mapping[str, np.ndarray]) -> dict[str, float | None]:
    """Return for each label which share of some outputs meets it; None where there is none."""
    return {label: float(one.mean()) if len(one) else None for label, one in met.items()}


def mean_of(values: np.ndarray) -> float | None:
    """Return the mean of the values that are defined; None where none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None


def values_at(measured: Mapping[str, np.ndarray], number: int) -> dict[str, float | None]:
    """Return what was measured on one output, by label; None where it is undefined."""
    return {label: None if np.isnan(one[number]) else float(one[number]) for label, one in measured.items()}
