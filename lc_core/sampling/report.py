"""What `report.json` says of a run."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from lc_core.common.words import counted
from lc_core.constraints.constraint import Constraint, Entry, leaves
from lc_core.critics.realism import realism_of
from lc_core.models.latent_model import notes_of
from lc_core.sampling.collector import Collector
from lc_core.sampling.expect import enough
from lc_core.sampling.result import SampleResult

__all__ = ["blocking_table", "build_report"]

SCHEMA = 1
"""Version of the report's format."""


def build_report(collector: Collector, result: SampleResult) -> dict[str, Any]:
    """Return what `report.json` says of the samples, without times.

    `satisfied_before` is the share of all tries, `satisfied_after` of what is delivered.
    """
    problem = collector.problem
    satisfied = collector.over_tries(lambda block: block.satisfied)
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
        "constraints": [_entry_report(entry, collector, result) for entry in problem.entries],
        "realism": collector.realism(),
    }
    if notes := _notes(collector, result):
        report["notes"] = notes
    if result.nearest is not None:
        report["blocking"] = blocking_table(collector)
        report["nearest"] = _nearest_report(result.nearest)
    return report


def blocking_table(collector: Collector) -> dict[str, Any]:
    """Return the share of tries that meet each condition alone, each pair, and all but one."""
    labels = [entry.label for entry in collector.problem.entries if entry.require]
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


def _notes(collector: Collector, result: SampleResult) -> list[str]:
    problem = collector.problem
    note = problem.engine.note(problem.entries, problem.realism)
    notes = [note] if note else []
    notes += notes_of(problem.model, result.latents)
    if problem.realism > 0 and problem.engine.needs_energy and problem.model.realism() is None:
        notes.append(f"{problem.model.name} has {realism_of(problem.model)[1]}")
    if not problem.engine.amortised and (free := [leaf.label for leaf in leaves(problem.entries) if leaf.free]):
        notes.append(f"free has no effect with this engine, which is fitted for one value: {', '.join(free)}")
    if result.status != "done":
        notes.append(f"the budget is spent: {enough(problem.count, len(result), collector.tried)}")
    if collector.repeats and result.status != "done":
        tries = counted(collector.repeats, "try", "tries")
        notes.append(f"{tries} met all conditions but gave an output that is delivered already (unique: true)")
    return notes


def _entry_report(entry: Entry, collector: Collector, result: SampleResult) -> dict[str, Any]:
    before = collector.over_tries(lambda block: block.met[entry.label])
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


def _nearest_report(nearest: SampleResult) -> list[dict[str, Any]]:
    return [
        {"index": int(index), "measurements": {k: _number(values[at]) for k, values in nearest.measurements.items()}}
        for at, index in enumerate(nearest.index)
    ]


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
