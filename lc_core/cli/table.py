"""The table of results that a run ends with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

__all__ = ["print_report"]


def print_report(report: Mapping[str, Any], folder: Path) -> None:
    """Print a run's table: what was wanted, how often tries met it, and what is delivered."""
    rows = [("constraint", "wanted", "met by tries", "by delivered", "mean")]
    rows += [_row(entry, depth) for entry, depth in _flatten(report["constraints"])]
    if len(rows) > 1:
        rows.append(("all conditions", "", _share(report["all"]["satisfied_before"]), _share(report["all"]["satisfied_after"]), ""))
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        for row in rows:
            click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        click.echo()
    for note in report.get("notes", []):
        click.echo(f"note: {note}")
    seconds = report["seconds"]
    click.echo(
        f"{report['delivered']} of {report['requested']} in {report['tried']:,} tries, {report['decodes']:,} decodes; "
        f"{seconds['fit']:.1f} s fitting, {seconds['sample']:.1f} s sampling, {seconds['total']:.1f} s in all"
    )
    if report["status"] != "done":
        _print_blocking(report["blocking"])
        if report["nearest"]:
            click.echo(f"the tries that came nearest are in {folder / 'nearest'}")
    click.echo(f"files: {folder / 'outputs'}")
    click.echo(f"report: {folder / 'report.html'}")


def _flatten(entries: list[Mapping[str, Any]], depth: int = 0) -> Iterator[tuple[Mapping[str, Any], int]]:
    for entry in entries:
        yield entry, depth
        yield from _flatten(entry.get("entries", []), depth + 1)


def _row(entry: Mapping[str, Any], depth: int) -> tuple[str, str, str, str, str]:
    wanted = ", ".join(f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}" for key, value in entry.get("wanted", {}).items())
    mean = entry.get("mean_measurement")
    label = "  " * depth + entry["label"] + ("" if entry["require"] else " (preference)")
    shown = "" if mean is None else f"{mean:.3g} {entry['unit']}".rstrip()
    return label, wanted, _share(entry["satisfied_before"]), _share(entry["satisfied_after"]), shown


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _print_blocking(table: Mapping[str, Mapping[str, float]]) -> None:
    """Print which condition blocks, the rarest first."""
    click.echo("the budget is spent; of all tries, this share met")
    for kind, prefix in (("alone", ""), ("pairs", ""), ("all but", "all but ")):
        for label, share in sorted(table.get(kind, {}).items(), key=lambda item: item[1]):
            click.echo(f"  {share:8.3%}  {prefix}{label}")
