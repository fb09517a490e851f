"""What `report.json` and `report.html` say of a transformation, and its files."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.characters import escaping, utf8
from lc_core.constraint import Constraint, Entry
from lc_core.critics.typical import realism_of
from lc_core.keeping import Kept
from lc_core.owned import Owned
from lc_core.report import MAX_SAMPLES, _file, _number, _percent, _text, _wanted
from lc_core.store import SMALL_OUTPUT, unwritable
from lc_core.summary import _plain
from lc_core.words import counted

if TYPE_CHECKING:
    from lc_core.transforming import TransformResult

__all__ = ["build_transform_report", "save_transform", "write_transform", "write_transform_html"]

SCHEMA = 1
KEYS = (
    "schema kind spec model engine seed status inputs met decodes all distance represented constraints kept watched"
    " judge realism notes left_out examples fit seconds"
).split()


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
    if problem.model.note:
        notes.append(f"model {problem.model.name}: {problem.model.note}")
    if problem.realism > 0 and problem.model.realism() is None:
        notes.append(f"{problem.model.name} has {realism_of(problem.model)[1]}")
    if result.kept and not hasattr(problem.engine, "keeping"):
        notes.append(f"engine {report['engine']} is not guided by keep: what is kept is measured only")
    if notes:
        report["notes"] = notes
    return _ordered(report)


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


def _observed(one: Kept, result: TransformResult) -> dict[str, Any]:
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


def _ordered(report: Mapping[str, Any]) -> dict[str, Any]:
    return {key: report[key] for key in KEYS if key in report}


def transform_report_text(report: Mapping[str, Any]) -> str:
    """Return the text of `report.json`."""
    return json.dumps(_ordered(report), indent=2, ensure_ascii=False, allow_nan=False, default=_plain)


def save_transform(result: TransformResult, folder: Path) -> Path:
    """Write `samples.safetensors` and `report.json` into a folder and return it; other files in it are left alone.

    Raises:
        LCError: If it cannot be written, or files of these names are there that were not saved by this.
    """
    try:
        with Owned.open(folder, "result", mixed=True) as owned:
            owned.check(["samples.safetensors", "report.json"])
            write_transform(result, owned)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def write_transform(result: TransformResult, owned: Owned) -> None:
    """Write `samples.safetensors` and `report.json` into an open folder.

    The arrays are `z_before`, `z_after`, `distance`, `met`; `x_before` and `x_after` where an output has at most
    64 KiB; and for each constraint, kept and watched measurement `before:<label>` and `after:<label>`.
    """
    from safetensors.numpy import save

    tensors: dict[str, np.ndarray] = {
        "z_before": result.z_before,
        "z_after": result.z_after,
        "distance": result.distance,
        "met": result.satisfied,
    }
    if result.outputs.nbytes // max(1, len(result)) <= SMALL_OUTPUT:
        tensors |= {"x_before": result.inputs, "x_after": result.outputs}
    tensors |= {f"before:{label}": values for label, values in result.before.items()}
    tensors |= {f"after:{label}": values for label, values in result.after.items()}
    owned.write("samples.safetensors", save({name: np.ascontiguousarray(one) for name, one in tensors.items()}))
    owned.write("report.json", utf8(transform_report_text(result.report) + "\n"))


def write_transform_html(
    folder: Path,
    report: Mapping[str, Any],
    shown: Sequence[Sequence[Mapping[str, Any]]],
    *,
    into: Path | None = None,
) -> Path:
    """Write `report.html` into a run's folder.

    Args:
        folder: The run's folder.
        report: The content of `report.json`.
        shown: For each example its files, each with `path`, relative to the folder, and `media_type`.
        into: Where the page is written, if not into the run's folder.
    """
    page = Template(files("lc_core").joinpath("templates/report.html").read_text(encoding="utf-8"))
    examples = report["examples"][:MAX_SAMPLES]
    more = len(report["examples"]) - len(examples)
    path = (into or folder) / "report.html"
    path.write_text(
        page.substitute(
            title=_text(report.get("spec") or "Transformation"),
            summary=_summary(report),
            numbers=_numbers(report),
            constraints=_constraints(report),
            note=f"<p>The first {len(examples)} examples are shown.</p>" if more else "",
            cards="\n".join(_card(folder, one, shown[one["number"]], report) for one in examples),
            origin=_text(f"Model: {report['model']} · Engine: {report['engine']} · Seed: {report['seed']}"),
        ),
        encoding="utf-8",
        errors=escaping(),
    )
    return path


def _summary(report: Mapping[str, Any]) -> str:
    meet = "meets" if report["met"] == 1 else "meet"
    met = f"{report['met']} of {counted(report['inputs'], 'input')} {meet} every condition at the end"
    sentence = f"{met}; each was decoded and measured."
    return _text(sentence) if report["status"] == "done" else f'<strong class="bad">{_text(sentence)}</strong>'


def _numbers(report: Mapping[str, Any]) -> str:
    distance, represented = report["distance"], report["represented"]
    numbers = {
        "Met": f"{report['met']} of {report['inputs']}",
        "Inputs that met all": _percent(report["all"]["satisfied_before"]),
        "Median distance (sigma)": _number(distance["median"]) if distance["edited"] else "nothing edited",
        **_by_judge(report),
        "Well represented": f"{represented['inputs']} of {report['inputs']}",
        "Decodes": _number(report["decodes"]),
    }
    return "".join(f"<div><dt>{_text(key)}</dt><dd>{_text(value)}</dd></div>" for key, value in numbers.items())


def _by_judge(report: Mapping[str, Any]) -> dict[str, str]:
    judge = report.get("judge", {})
    told = {"Met, says the judge": f"{judge['met']} of {report['inputs']}"} if "met" in judge else {}
    return told | ({"Others unchanged, says the judge": _percent(judge["unchanged"])} if "unchanged" in judge else {})


def _flat(entries: Sequence[Mapping[str, Any]], depth: int = 0) -> list[tuple[int, Mapping[str, Any]]]:
    return [row for one in entries for row in ((depth, one), *_flat(one.get("entries", ()), depth + 1))]


def _constraints(report: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><th scope='row'>{'&emsp;' * depth}{_text(one['label'])}</th>"
        f"<td class='wanted'>{_text(_wanted(one) if 'wanted' in one else one['use'])}</td>"
        f"<td class='number'>{_percent(one['satisfied_before'])}</td>"
        f"<td class='number'>{_percent(one['satisfied_after'])}</td></tr>"
        for depth, one in _flat(report["constraints"])
    ]
    for kind in ("kept", "watched"):
        rows += [
            f"<tr><th scope='row'>{_text(one['label'])}<small>{kind}</small></th><td class='wanted'>unchanged</td>"
            f"<td></td><td class='number'>{_percent(one['unchanged'])}</td></tr>"
            for one in report[kind]
        ]
    names = ("Constraint", ""), ("Wanted", ""), ("Before", " class='number'"), ("After", " class='number'")
    head = "".join(f"<th scope='col'{kind}>{name}</th>" for name, kind in names)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'


def _judged(report: Mapping[str, Any]) -> set[str]:
    """Return the labels of what is kept or watched that a judge has measured as well."""
    of = report.get("judge", {}).get("of", ())
    return {one["label"] for one in (*report["kept"], *report["watched"]) if one["use"].rpartition(":")[2] in of}


def _changed(label: str, example: Mapping[str, Any], judged: Container[str]) -> str:
    """Return whether a measurement changed, and what the judge says where it says something else."""
    told = ("unchanged", "changed")[label in example["changed"]]
    judge = ("unchanged", "changed")[label in example["judge"]["changed"]] if label in judged else told
    return told if told == judge else f"{told}; {judge}, says the judge"


def _card(
    folder: Path, example: Mapping[str, Any], shown: Sequence[Mapping[str, Any]], report: Mapping[str, Any]
) -> str:
    name = f"Example {example['number']}"
    media = [_file(folder, file, name) for file in shown]
    met = '<span class="good">✓ met</span>' if example["met"] else '<span class="bad">✗ not met</span>'
    asked, judged = {one["label"] for _, one in _flat(report["constraints"])}, _judged(report)
    rows = [
        f"<tr><th scope='row'>{_text(label)}</th><td class='number'>{_text(_number(example['before'][label]))}</td>"
        f"<td class='number'>{_text(_number(value))}</td>"
        f"<td>{'' if label in asked else _changed(label, example, judged)}</td></tr>"
        for label, value in example["after"].items()
    ]
    poor = "" if example["represented"] else "<p class='bad'>The model cannot represent this input well.</p>"
    return (
        f'<li class="card"><article aria-label="{_text(name)}"><h3>{_text(example["input"])}{met}</h3>{poor}'
        f"<p class='soft'>distance {_number(example['distance'])} sigma</p>{''.join(media)}"
        "<table><thead><tr><th>Measured</th><th class='number'>before</th><th class='number'>after</th><th></th></tr>"
        f"</thead><tbody>{''.join(rows)}</tbody></table></article></li>"
    )
