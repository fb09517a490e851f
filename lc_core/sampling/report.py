"""What `report.json` says of a run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common.words import counted
from lc_core.constraints.constraint import Constraint, Entry, leaves
from lc_core.constraints.faults import REMEDY, not_repeated, outside_range
from lc_core.critics.realism import realism_of
from lc_core.models.latent_model import notes_of
from lc_core.sampling.collector import Collector
from lc_core.sampling.expect import enough
from lc_core.sampling.problem import Task
from lc_core.sampling.result import SampleResult, ordered
from lc_core.sampling.variety import add_distinct

if TYPE_CHECKING:
    from lc_core.plugins.registry import Registered
    from lc_core.spec.values import Spec

__all__ = ["blocking_table", "build_report", "entry_report", "finish_report", "task_notes", "values_at"]

SCHEMA = 1
"""Version of the report's format."""
KEEP_NOTE = "keep says what lc transform must not change; sampling changes nothing, and ignores it"


def build_report(collector: Collector, result: SampleResult) -> dict[str, Any]:
    """Return what `report.json` says of the samples, without times.

    `satisfied_before` is the share of all tries, `satisfied_after` of what is delivered.
    """
    problem = collector.problem
    unsteady = _not_repeated(result)
    result.faults = (*unsteady, *_outside_range(collector))
    satisfied = np.concatenate([block.satisfied for block in collector.blocks])
    met = collector.met
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "spec": None,
        "model": problem.model.name,
        "engine": type(problem.engine).__name__.lower(),
        "seed": problem.seed,
        "status": result.status,
        "budget": problem.most_tries,
        "requested": problem.count,
        "delivered": len(result),
        "tried": collector.tried,
        "decodes": sum(block.decodes for block in collector.blocks),
        "all": {"satisfied_before": float(satisfied.mean()), "satisfied_after": 1.0 if len(result) else None},
        "constraints": [
            entry_report(entry, met, result.satisfied, mean_measurement=result.measurements)
            for entry in problem.entries
        ],
        "realism": collector.realism(),
    }
    if any(block.moves for block in collector.blocks):
        report["moves"] = _moves(collector)
    if len(engines := _engines(collector, steady=not unsteady)) > 1:
        report["engines"] = engines
    if notes := [*_notes(collector, result), *result.faults]:
        report["notes"] = notes
    if result.nearest is not None:
        report["blocking"] = blocking_table(collector)
        report["nearest"] = [
            {"index": int(index), "measurements": values_at(result.nearest.measurements, at)}
            for at, index in enumerate(result.nearest.index)
        ]
    return report


def finish_report(
    result: SampleResult,
    *,
    spec: Spec | None,
    view: Registered | None,
    card: Mapping[str, Any],
    seconds: dict[str, float],
) -> None:
    """Add to a result's report what sampling alone does not know, and put its keys in order.

    Args:
        result: The result, with the report of `build_report`.
        spec: What names the run, its model and its engine, if a spec does.
        view: What says which outputs are the same.
        card: What was fitted; empty if nothing was.
        seconds: What took how long.
    """
    report = result.report
    if spec is not None:
        report |= {"spec": spec.name, "model": spec.model.use, "engine": spec.engine.use}
    add_distinct(result, view)
    if spec is not None and spec.keep:
        report["notes"] = [*report.get("notes", []), KEEP_NOTE]
    if card:
        report["fit"] = card
    result.report = ordered(report | {"seconds": seconds})


def blocking_table(collector: Collector) -> dict[str, Any]:
    """Return the share of tries that meet each condition alone, each pair, and all but one."""
    labels = [entry.label for entry in collector.problem.entries if entry.require]
    met = collector.met
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


def _moves(collector: Collector) -> dict[str, Any]:
    """Return how many moves were made, the share that was accepted, and how like their starts latents are now."""
    found = [block.moves for block in collector.blocks if block.moves and block.moves[0]]
    proposed, accepted = sum(one[0] for one in found), sum(one[1] for one in found)
    if not proposed:
        return {"proposed": 0, "accepted": None, "correlation": None}
    correlation = sum(one[0] * one[2] for one in found) / proposed
    return {"proposed": proposed, "accepted": accepted / proposed, "correlation": correlation}


def _not_repeated(result: SampleResult) -> list[str]:
    """Say of each measurement that has another value the second time what it was on an output that is at hand."""
    some = result if len(result) or result.nearest is None else result.nearest
    found = [
        not_repeated(leaf.measurement, some.measurements[leaf.label], some.outputs, some.index)
        for leaf in leaves(result.problem.entries)
    ]
    return [f"{told}: what comes of it is not exact; {REMEDY}" for told in dict.fromkeys(found) if told]


def _outside_range(collector: Collector) -> list[str]:
    """Return for each measurement with values outside its range the first one, of all tries."""
    blocks = collector.blocks
    index = np.concatenate([block.first + np.arange(block.size) for block in blocks])
    found = [
        outside_range(leaf.measurement, np.concatenate([block.values[leaf.label] for block in blocks]), index)
        for leaf in leaves(collector.problem.entries)
    ]
    return list(filter(None, dict.fromkeys(found)))


def _engines(collector: Collector, *, steady: bool) -> list[dict[str, Any]]:
    """Return what each engine of a run tried, found and delivered, in the order in which they began.

    Args:
        collector: The run.
        steady: Whether every measurement has the same value the second time; else nothing is exact.
    """
    found: dict[str, dict[str, Any]] = {}
    for number, block in enumerate(collector.blocks):
        engine = collector.problem.engine.part(block.number)[0]
        name = type(engine).__name__.lower()
        about = found.setdefault(
            name,
            {"engine": name, "exact": steady and not engine.needs_energy, "tried": 0, "satisfied": 0, "delivered": 0},
        )
        about["tried"] += block.size
        about["satisfied"] += int(block.satisfied.sum())
        about["delivered"] += sum(1 for at, _ in collector.picked if at == number)
    return list(found.values())


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
        notes.append(f"the budget is spent: {enough(problem.count, len(result), collector.tried)}")
    if collector.repeats and result.status != "done":
        tries = counted(collector.repeats, "try", "tries")
        notes.append(f"{tries} met all conditions but gave an output that is delivered already (unique: true)")
    return notes


def entry_report(
    entry: Entry,
    before: Mapping[str, np.ndarray],
    after: Mapping[str, np.ndarray],
    **measured: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    """Return what `report.json` says of an entry, and of those inside it.

    Args:
        entry: A constraint or a group.
        before: For each entry's label whether it was met at first, `(T,)` bool.
        after: For each entry's label whether it is met at the end, `(N,)` bool; N may be 0.
        measured: By the key of its mean, for each constraint's label the values `(N,)` float64.
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
    met = after[entry.label]
    report |= {
        "require": entry.require,
        "satisfied_before": float(before[entry.label].mean()),
        "satisfied_after": float(met.mean()) if len(met) else None,
    }
    if isinstance(entry, Constraint):
        return report | {key: _mean(values[entry.label]) for key, values in measured.items()}
    return report | {"entries": [entry_report(child, before, after, **measured) for child in entry.entries]}


def _mean(values: np.ndarray) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None


def values_at(measured: Mapping[str, np.ndarray], number: int) -> dict[str, float | None]:
    """Return what was measured on one output, by label; None where it is undefined."""
    return {label: None if np.isnan(one[number]) else float(one[number]) for label, one in measured.items()}
