"""The page of an edit: each input beside what it became, and the constraints that were asked."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from lc_core.common.characters import escaping
from lc_core.common.words import counted
from lc_core.runs.html import MAX_SAMPLES, as_number, as_percent, as_wanted, embedded, escaped

__all__ = ["write_transform_html"]


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
            title=escaped(report.get("spec") or "Transformation"),
            summary=_summary(report),
            numbers=_numbers(report),
            constraints=_constraints(report),
            note=f"<p>The first {len(examples)} examples are shown.</p>" if more else "",
            cards="\n".join(_card(folder, one, shown[one["number"]], report) for one in examples),
            origin=escaped(f"Model: {report['model']} · Engine: {report['engine']} · Seed: {report['seed']}"),
        ),
        encoding="utf-8",
        errors=escaping(),
    )
    return path


def _summary(report: Mapping[str, Any]) -> str:
    meet = "meets" if report["met"] == 1 else "meet"
    met = f"{report['met']} of {counted(report['inputs'], 'input')} {meet} every condition at the end"
    sentence = f"{met}; each was decoded and measured."
    return escaped(sentence) if report["status"] == "done" else f'<strong class="bad">{escaped(sentence)}</strong>'


def _numbers(report: Mapping[str, Any]) -> str:
    distance, represented = report["distance"], report["represented"]
    numbers = {
        "Met": f"{report['met']} of {report['inputs']}",
        "Inputs that met all": as_percent(report["all"]["satisfied_before"]),
        "Median distance (sigma)": as_number(distance["median"]) if distance["edited"] else "nothing edited",
        **_by_judge(report),
        "Well represented": f"{represented['inputs']} of {report['inputs']}",
        "Decodes": as_number(report["decodes"]),
    }
    return "".join(f"<div><dt>{escaped(key)}</dt><dd>{escaped(value)}</dd></div>" for key, value in numbers.items())


def _by_judge(report: Mapping[str, Any]) -> dict[str, str]:
    judge = report.get("judge", {})
    told = {"Met, says the judge": f"{judge['met']} of {report['inputs']}"} if "met" in judge else {}
    return told | ({"Others unchanged, says the judge": as_percent(judge["unchanged"])} if "unchanged" in judge else {})


def _flat(entries: Sequence[Mapping[str, Any]], depth: int = 0) -> list[tuple[int, Mapping[str, Any]]]:
    return [row for one in entries for row in ((depth, one), *_flat(one.get("entries", ()), depth + 1))]


def _constraints(report: Mapping[str, Any]) -> str:
    rows = [
        f"<tr><th scope='row'>{'&emsp;' * depth}{escaped(one['label'])}</th>"
        f"<td class='wanted'>{escaped(as_wanted(one) if 'wanted' in one else one['use'])}</td>"
        f"<td class='number'>{as_percent(one['satisfied_before'])}</td>"
        f"<td class='number'>{as_percent(one['satisfied_after'])}</td></tr>"
        for depth, one in _flat(report["constraints"])
    ]
    for kind in ("kept", "watched"):
        rows += [
            f"<tr><th scope='row'>{escaped(one['label'])}<small>{kind}</small></th><td class='wanted'>unchanged</td>"
            f"<td></td><td class='number'>{as_percent(one['unchanged'])}</td></tr>"
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
    media = [embedded(folder, file, name) for file in shown]
    met = '<span class="good">✓ met</span>' if example["met"] else '<span class="bad">✗ not met</span>'
    asked, judged = {one["label"] for _, one in _flat(report["constraints"])}, _judged(report)
    rows = [
        f"<tr><th scope='row'>{escaped(label)}</th>"
        f"<td class='number'>{escaped(as_number(example['before'][label]))}</td>"
        f"<td class='number'>{escaped(as_number(value))}</td>"
        f"<td>{'' if label in asked else _changed(label, example, judged)}</td></tr>"
        for label, value in example["after"].items()
    ]
    poor = "" if example["represented"] else "<p class='bad'>The model cannot represent this input well.</p>"
    return (
        f'<li class="card"><article aria-label="{escaped(name)}"><h3>{escaped(example["input"])}{met}</h3>{poor}'
        f"<p class='soft'>distance {as_number(example['distance'])} sigma</p>{''.join(media)}"
        "<table><thead><tr><th>Measured</th><th class='number'>before</th><th class='number'>after</th><th></th></tr>"
        f"</thead><tbody>{''.join(rows)}</tbody></table></article></li>"
    )
