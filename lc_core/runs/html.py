"""The report of a run as one web page that needs nothing else: pictures and sound are inside it."""

from __future__ import annotations

import base64
import html
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from lc_core.common.characters import escaping
from lc_core.common.words import counted

__all__ = ["MAX_SAMPLES", "as_number", "as_percent", "as_wanted", "embedded", "escaped", "write_html"]

MAX_SAMPLES = 48
"""Samples shown in the page; it would grow too large to open with more."""

GROUPS = {"all": "all of", "any": "any of", "not": "not"}


def write_html(
    folder: Path, report: Mapping[str, Any], samples: Sequence[Mapping[str, Any]], *, into: Path | None = None
) -> Path:
    """Write `report.html` into a run's folder.

    Args:
        folder: The run's folder.
        report: The content of `report.json`.
        samples: The delivered samples in order, each with `number` (from 0), `index` (of its try), `files` (each
            with `path`, relative to the folder, and `media_type`), `measurements` (label to value; None or NaN where
            undefined) and `met` (label to bool, groups included). Pictures and sound are embedded, other files
            linked. The first 48 are shown.
        into: Where the page is written, if not into the run's folder.

    Returns:
        The page's path.
    """
    tree = list(_flatten(report.get("constraints") or []))
    shown = samples[:MAX_SAMPLES]
    page = Template(files("lc_core").joinpath("templates/report.html").read_text(encoding="utf-8"))
    path = (into or folder) / "report.html"
    path.write_text(
        page.substitute(
            title=escaped(_name(report.get("spec"), fallback="Report")),
            summary=_summary(report),
            numbers=_numbers(report),
            constraints=_constraints(report, tree),
            note=_note(len(shown), len(samples)),
            cards="\n".join(_card(folder, sample, tree) for sample in shown),
            origin=_origin(report),
        ),
        encoding="utf-8",
        errors=escaping(),
    )
    return path


def escaped(value: Any) -> str:
    """Escape anything for use in text and in quoted attributes."""
    return html.escape(str(value), quote=True)


def _name(value: Any, *, fallback: str = "") -> str:
    """Return the name of what the report gives as a string or as a mapping with `name` or `use`."""
    if isinstance(value, Mapping):
        value = value.get("name") or value.get("use")
    return str(value) if value else fallback


def _undefined(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def as_number(value: Any) -> str:
    """Write a number with four digits at most, whole numbers in full."""
    if _undefined(value):
        return "undefined"
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _plain(value)
    if isinstance(value, int) or (math.isfinite(value) and value == round(value) and abs(value) < 1e15):
        return f"{int(value):,}"
    return f"{value:.4g}"


def _plain(value: Any) -> str:
    """Write any JSON value as words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{str(key).replace('_', ' ')} {as_number(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(as_number(item) for item in value)
    return str(value)


def as_percent(share: Any) -> str:
    """Write a share in [0, 1]; nothing short of all reads as 100 %, and nothing above none as 0 %."""
    if _undefined(share):
        return "undefined"
    percent = 100 * float(share)
    if 0 < percent < 0.01:
        return "< 0.01 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.2g} %" if percent < 1 else f"{percent:.1f} %".replace(".0 %", " %")


def as_wanted(entry: Mapping[str, Any]) -> str:
    """Write what is wanted in words: `at least 0.75`, `12 to 24`, `40 ± 5`."""
    wanted = entry.get("wanted")
    if not isinstance(wanted, Mapping):
        return "" if _undefined(wanted) else str(wanted)
    if "between" in wanted:
        low, high = wanted["between"]
        return f"{as_number(low)} to {as_number(high)}"
    if "target" in wanted:
        return f"{as_number(wanted['target'])} ± {as_number(wanted.get('tolerance', 0))}"
    return _plain(wanted)


def _flatten(entries: Sequence[Mapping[str, Any]], depth: int = 0) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield each entry of the tree with its depth, a group before what it holds."""
    for entry in entries:
        yield depth, entry
        yield from _flatten(entry.get("entries") or [], depth + 1)


def _summary(report: Mapping[str, Any]) -> str:
    delivered, requested = report.get("delivered", 0), report.get("requested", 0)
    tries = counted(report.get("tried") or 0, "try", "tries")
    sentence = f"{as_number(delivered)} of {counted(requested, 'sample')} in {tries}."
    if delivered < requested:
        status = str(report.get("status") or "incomplete").replace("_", " ")
        return f'<strong class="bad">{escaped(sentence)}</strong> Status: {escaped(status)}.{_warning(report)}'
    return f"{escaped(sentence)} Every one was decoded and measured against each constraint.{_warning(report)}"


def _warning(report: Mapping[str, Any]) -> str:
    warning = (report.get("distinct") or {}).get("warning")
    return f'<br><strong class="bad">Warning: {escaped(warning)}.</strong>' if warning else ""


def _numbers(report: Mapping[str, Any]) -> str:
    total = report.get("all") or {}
    budget, distinct = report.get("budget"), report.get("distinct") or {}
    numbers = {
        "Delivered": f"{as_number(report.get('delivered'))} of {as_number(report.get('requested'))}",
        "Tries" if budget is None else f"Tries (budget {as_number(budget)})": as_number(report.get("tried")),
        "Decodes": as_number(report.get("decodes")),
        "Tries that met all": as_percent(total.get("satisfied_before")),
        "Delivered that meet all": as_percent(total.get("satisfied_after")),
        "Distinct outputs": "" if distinct.get("share") is None else as_percent(distinct["share"]),
        "Realism (mean logit)": "" if report.get("realism") is None else as_number(report["realism"]),
        "Seconds": "" if report.get("seconds") is None else as_number(report["seconds"]),
    }
    shown = {key: value for key, value in numbers.items() if value}
    return "".join(f"<div><dt>{escaped(key)}</dt><dd>{escaped(value)}</dd></div>" for key, value in shown.items())


def _share_cell(share: Any) -> str:
    width = 0.0 if _undefined(share) else max(0.0, min(1.0, float(share)))
    return f'<td class="number share" style="--share: {100 * width:.1f}%">{escaped(as_percent(share))}</td>'


def _constraints(report: Mapping[str, Any], tree: Sequence[tuple[int, Mapping[str, Any]]]) -> str:
    if not tree:
        return "<p>This spec has no constraints: every output passes.</p>"
    rows = [_constraint_row(depth, entry) for depth, entry in tree]
    total = report.get("all") or {}
    rows.append(
        '<tr class="total"><th scope="row">all conditions at once</th><td></td>'
        f"{_share_cell(total.get('satisfied_before'))}{_share_cell(total.get('satisfied_after'))}<td></td></tr>"
    )
    return (
        '<div class="scroll" role="region" aria-label="Table of constraints" tabindex="0"><table>'
        '<caption class="hidden">What was wanted, and how often it was met</caption>'
        '<thead><tr><th scope="col">Constraint</th><th scope="col">Wanted</th>'
        '<th scope="col" class="number">Met by tries</th><th scope="col" class="number">Met by delivered</th>'
        '<th scope="col" class="number">Mean of delivered</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _constraint_row(depth: int, entry: Mapping[str, Any]) -> str:
    group = "entries" in entry
    label, use = str(entry.get("label", "")), str(entry.get("use", ""))
    wanted = GROUPS.get(use, use) if group else as_wanted(entry)
    notes = [use] if use and use != label and not group else []
    notes += ["preference"] if entry.get("require") is False else []
    small = f"<small>{escaped(', '.join(notes))}</small>" if notes else ""
    mean = "" if group else as_number(entry.get("mean_measurement"))
    return (
        f'<tr>{_row_head(label, depth, small)}<td class="wanted">{escaped(wanted)}</td>'
        f"{_share_cell(entry.get('satisfied_before'))}{_share_cell(entry.get('satisfied_after'))}"
        f'<td class="number">{escaped(mean)}</td></tr>'
    )


def _row_head(label: str, depth: int, extra: str = "") -> str:
    indent = f' style="padding-left: {14 + 20 * depth}px"' if depth else ""
    inside = '<span class="hidden">inside: </span>' if depth else ""
    return f'<th scope="row"{indent}>{inside}{escaped(label)}{extra}</th>'


def _note(shown: int, total: int) -> str:
    if not total:
        return "<p>No sample was delivered.</p>"
    if shown < total:
        return f"<p>The first {shown} of {total:,} samples are shown; the files of all are in the run's folder.</p>"
    return ""


def _card(folder: Path, sample: Mapping[str, Any], tree: Sequence[tuple[int, Mapping[str, Any]]]) -> str:
    name = f"Sample {sample['number']}"
    media: list[str] = []
    links: list[str] = []
    for file in sample.get("files") or []:
        (media if _embeddable(file) else links).append(embedded(folder, file, name))
    linked = f'<p class="files">Files: {", ".join(links)}</p>' if links else ""
    return (
        f'<li class="card"><article aria-label="{escaped(name)}"><h3>{escaped(name)}'
        f'<span class="soft">try {escaped(sample.get("index", ""))}</span></h3>'
        f"{''.join(media)}{_measured(sample, tree)}{linked}</article></li>"
    )


def _embeddable(file: Mapping[str, Any]) -> bool:
    return str(file["media_type"]).startswith(("image/", "audio/wav", "audio/mpeg", "audio/ogg", "audio/flac"))


def embedded(folder: Path, file: Mapping[str, Any], name: str) -> str:
    """Return a file of a run as HTML: an image or sound in the page, or else a link."""
    path = folder / file["path"]
    if not _embeddable(file):
        address = quote(Path(os.path.relpath(path, folder)).as_posix())
        return f'<a href="{escaped(address)}">{escaped(path.name)}</a>'
    if not path.is_file():
        return f'<p class="bad">{escaped(path.name)} is missing</p>'
    content = base64.b64encode(path.read_bytes()).decode("ascii")
    source, words = f"data:{escaped(file['media_type'])};base64,{content}", escaped(f"{name}, {path.name}")
    if str(file["media_type"]).startswith("image/"):
        return f'<img src="{source}" alt="{words}">'
    return f'<audio controls preload="metadata" src="{source}" aria-label="{words}"></audio>'


def _measured(sample: Mapping[str, Any], tree: Sequence[tuple[int, Mapping[str, Any]]]) -> str:
    """Return the table of what was measured on one sample."""
    values, met = sample.get("measurements") or {}, sample.get("met") or {}
    rows = []
    for depth, entry in tree:
        label = str(entry.get("label", ""))
        value = as_number(values.get(label)) if "entries" not in entry else ""
        decides = depth == 0 and entry.get("require") is not False
        cells = f'<td class="number">{escaped(value)}</td>{_met(met.get(label), decides=decides)}'
        rows.append(f"<tr>{_row_head(label, depth)}{cells}</tr>")
    if not rows:
        return ""
    return (
        '<table><thead class="hidden"><tr><th scope="col">Constraint</th><th scope="col">Measured</th>'
        f'<th scope="col">Met</th></tr></thead><tbody>{"".join(rows)}</tbody></table>'
    )


def _met(met: bool | None, *, decides: bool) -> str:
    """Return the cell that says whether an entry is met; only one that decides about the sample is coloured."""
    if met is None:
        return "<td></td>"
    colour = ("good" if met else "bad") if decides else "soft"
    return f'<td class="{colour}">{"✓ met" if met else "✗ not met"}</td>'


def _origin(report: Mapping[str, Any]) -> str:
    parts = {
        "Model": _name(report.get("model")),
        "Engine": _name(report.get("engine")),
        "Seed": "" if report.get("seed") is None else str(report["seed"]),
        "Status": str(report.get("status") or "").replace("_", " "),
        "Schema": str(report.get("schema") or ""),
    }
    return " · ".join(f"{escaped(key)}: {escaped(value)}" for key, value in parts.items() if value)
