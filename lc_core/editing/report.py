"""What `report.json` says of a transformation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.constraints.constraint import leaves
from lc_core.constraints.faults import REMEDY, not_repeated, outside_range
from lc_core.energy.preserved import Preserved
from lc_core.sampling.report import entry_report, mean_of, shares_of, task_notes, values_at
from lc_core.sampling.result import ordered

if TYPE_CHECKING:
    from lc_core.editing.result import TransformResult

__all__ = ["build_transform_report"]

SCHEMA = 1


def build_transform_report(result: TransformResult, *more: str) -> dict[str, Any]:
    """Return what `report.json` says, without times; `more` are notes."""
    problem, satisfied = result.problem, result.satisfied
    edited = satisfied & (result.steps > 0)
    begins = np.logical_and.reduce([result.met_before[entry.label] for entry in problem.entries if entry.require])
    found = result.reconstruction
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": "transform",
        "spec": None,
        "model": problem.model.name,
        "engine": type(problem.engine).__name__.lower(),
        "seed": problem.seed,
        "status": "done" if satisfied.all() else "some not met",
        "inputs": len(result),
        "met": int(satisfied.sum()),
        "decodes": result.decodes,
        "all": {"satisfied_before": float(begins.mean()), "satisfied_after": float(satisfied.mean())},
        "distance": {
            "median": float(np.median(result.distance[edited])) if edited.any() else None,
            "largest": float(result.distance[edited].max()) if edited.any() else None,
            "edited": int(edited.sum()),
        },
        "represented": {
            "measure": "share of equal values" if found.exact else "root mean square error",
            "mean": float(found.likeness.mean()),
            "inputs": int(found.represented.sum()),
        },
        "constraints": [
            entry_report(
                entry,
                shares_of(result.met_before),
                shares_of(result.met),
                mean_before={label: mean_of(values) for label, values in result.before.items()},
                mean_after={label: mean_of(values) for label, values in result.after.items()},
            )
            for entry in problem.entries
        ],
        "kept": [_observed(one, result) for one in result.kept],
        "watched": [_observed(one, result) for one in result.watched],
        "examples": [_example(result, number) for number in range(len(result))],
    }
    if result.realism is not None:
        report["realism"] = {"before": result.realism[0], "after": result.realism[1]}
    result.faults = _faults(result)
    notes = [*more, *task_notes(problem, result.z_after), *result.faults]
    if result.kept and problem.engine.editing() is None:
        notes.append(f"engine {report['engine']} is not guided by keep: what is kept is measured only")
    if notes:
        report["notes"] = notes
    return ordered(report)


def _faults(result: TransformResult) -> tuple[str, ...]:
    """Say what is wrong with the measurements of the entries and of what is kept, as the edited outputs show."""
    asked = {leaf.label: leaf.measurement for leaf in leaves(result.problem.entries)}
    asked |= {one.label: one.measurement for one in result.kept}
    index, found = np.arange(len(result)), []
    for label, one in asked.items():
        values = result.after[label]
        told = not_repeated(one, values, result.outputs, index)
        found += [f"{told}; {REMEDY}" if told else "", outside_range(one, values)]
    return tuple(filter(None, dict.fromkeys(found)))


def _observed(one: Preserved, result: TransformResult) -> dict[str, Any]:
    return {
        "label": one.label,
        "use": one.measurement.name,
        "params": dict(one.measurement.params),
        "as": one.as_dict(),
        "unit": one.measurement.info.unit,
        "unchanged": float(result.unchanged[one.label].mean()),
    }


def _example(result: TransformResult, number: int) -> dict[str, Any]:
    found = result.reconstruction
    return {
        "number": number,
        "input": result.problem.names[number],
        "met": bool(result.satisfied[number]),
        "distance": float(result.distance[number]),
        "steps": int(result.steps[number]),
        "tries": int(result.tries[number]),
        "likeness": float(found.likeness[number]),
        "represented": bool(found.represented[number]),
        "before": values_at(result.before, number),
        "after": values_at(result.after, number),
        "entries": {label: bool(met[number]) for label, met in result.met.items()},
        "changed": [label for label, same in result.unchanged.items() if not same[number]],
    }
