"""The table of results that a run ends with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from lc_core.cli.text import measured, outputs_line, table, wanted
from lc_core.common.words import GROUPS, counted
from lc_core.constraints.want import Want
from lc_core.sampling.variety import distinct_words

__all__ = ["print_report"]


def print_report(report: Mapping[str, Any], folder: Path) -> None:
    """Print a run's table: what was wanted, how often tries met it, and what is delivered."""
    rows = [_row(entry, depth) for entry, depth in _flatten(report["constraints"])]
    if rows:
        both = report["all"]
        total = ("all conditions", "", _share(both["satisfied_before"]), _share(both["satisfied_after"]), "")
        click.echo(table([("constraint", "wanted", "met by tries", "by delivered", "mean"), *rows, total]))
        click.echo()
    for note in report.get("notes", []):
        click.echo(f"note: {note}")
    if warning := report["distinct"].get("warning"):
        click.echo(f"warning: {warning}")
    elif report["delivered"]:
        click.echo(f"{distinct_words(report)}, compared by {report['distinct']['view']}")
    seconds, decodes = report["seconds"], counted(report["decodes"], "decode")
    click.echo(
        f"{report['delivered']:,} of {report['requested']:,} in {counted(report['tried'], 'try', 'tries')}, {decodes}; "
        f"{seconds['fit']:.1f} s preparing, {seconds['sample']:.1f} s sampling, {seconds['total']:.1f} s in all"
    )
    if report["status"] != "done":
        _print_blocking(report["blocking"])
        click.echo("the same command with a larger --budget goes on from here")
        if report["nearest"]:
            click.echo(f"the tries that came nearest are in {folder / 'nearest'}")
    click.echo(outputs_line(folder, report["delivered"]))
    click.echo(f"report: {folder / 'report.html'}")


def _flatten(entries: list[Mapping[str, Any]], depth: int = 0) -> Iterator[tuple[Mapping[str, Any], int]]:
    for entry in entries:
        yield entry, depth
        yield from _flatten(entry.get("entries", []), depth + 1)


def _row(entry: Mapping[str, Any], depth: int) -> tuple[str, str, str, str, str]:
    leaf, mean = "wanted" in entry, entry.get("mean_measurement")
    label = "  " * depth + entry["label"] + ("" if entry["require"] else " (preference)")
    asked = wanted(Want(**entry["wanted"])) if leaf else GROUPS[entry["use"]]
    shown = "" if mean is None else measured(float(f"{mean:.3g}"), entry["unit"])
    return label, asked, _share(entry["satisfied_before"]), _share(entry["satisfied_after"]), shown


def _share(value: float | None) -> str:
    """Return a share in percent; nothing short of all reads as 100%, and nothing above none as 0%."""
    if value is None:
        return "-"
    if 0 < value < 1e-4:
        return "<0.01%"
    return ">99.9%" if 0.999 < value < 1 else f"{value:.2%}" if 0 < value < 0.01 else f"{value:.1%}"


def _print_blocking(shares: Mapping[str, Mapping[str, float]]) -> None:
    """Print which condition blocks, the rarest first."""
    click.echo("the budget is spent; of all tries, this share met")
    for kind, prefix in (("alone", ""), ("pairs", ""), ("all but", "all but ")):
        for label, share in sorted(shares.get(kind, {}).items(), key=lambda item: item[1]):
            click.echo(f"  {_share(share):>8}  {prefix}{label}")
