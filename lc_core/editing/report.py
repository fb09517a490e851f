"""What `report.json` and `report.html` say of a transformation, and its files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.constraints.constraint import Constraint, Entry
from lc_core.critics.realism import realism_of
from lc_core.editing.result import ordered_transform
from lc_core.energy.preserved import Preserved
from lc_core.models.latent_model import notes_of

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
        "constraints": [_entry(entry, result) for entry in problem.entries],
        "kept": [_observed(one, result) for one in result.kept],
        "watched": [_observed(one, result) for one in result.watched],
        "examples": [_example(result, number) for number in range(len(result))],
    }
    if result.realism is not None:
        report["realism"] = {"before": result.realism[0], "after": result.realism[1]}
    notes = [*more, note] if (note := problem.engine.note(problem.entries, problem.realism)) else [*more]
    notes += notes_of(problem.model, result.z_after)
    if problem.realism > 0 and problem.model.realism() is None:
        notes.append(f"{problem.model.name} has {realism_of(problem.model)[1]}")
    if result.kept and not hasattr(problem.engine, "keeping"):
        notes.append(f"engine {report['engine']} is not guided by keep: what is kept is measured only")
    if notes:
        report["notes"] = notes
    return ordered_transform(report)


def _entry(entry: Entry, result: TransformResult) -> dict[str, Any]:
    shared = {
        "require": entry.require,
        "satisfied_before": float(result.met_before[entry.label].mean()),
        "satisfied_after": float(result.met[entry.label].mean()),
    }
    if not isinstance(entry, Constraint):
        inside = [_entry(child, result) for child in entry.entries]
        return {"label": entry.label, "use": entry.kind, **shared, "entries": inside}
    return {
        "label": entry.label,
        "use": entry.measurement.name,
        "params": dict(entry.measurement.params),
        "wanted": entry.want.as_dict(),
        "unit": entry.measurement.info.unit,
        **shared,
        "mean_before": _mean(result.before[entry.label]),
        "mean_after": _mean(result.after[entry.label]),
    }


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
        "before": _values(result.before, number),
        "after": _values(result.after, number),
        "entries": {label: bool(met[number]) for label, met in result.met.items()},
        "changed": [label for label, same in result.unchanged.items() if not same[number]],
    }


def _values(values: Mapping[str, np.ndarray], number: int) -> dict[str, float | None]:
    return {label: None if np.isnan(one[number]) else float(one[number]) for label, one in values.items()}


def _mean(values: np.ndarray) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None
