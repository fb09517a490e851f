"""`lc eval`: how good the samples of runs are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click

from lc_core.cli.options import FILE_PATH, plugin_files
from lc_core.cli.progress import RunProgress
from lc_core.cli.text import table
from lc_core.cli.threads import use_one_thread
from lc_core.common.files import FULL, disk_full, reason, write_atomically
from lc_core.common.words import counted
from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry

__all__ = ["command"]

FIGURES = ("auc", "precision", "recall", "density", "coverage")


@click.command("eval")
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=FILE_PATH)
@click.option(
    "--exact",
    type=click.IntRange(min=20),
    default=10_000,
    show_default=True,
    help="Exact samples in each of two sets, fewer where fewer are delivered.",
)
@click.option("--against", metavar="RUN|data", help="Compare with a run of exact samples, or with held-out data.")
@click.option("--budget", type=click.IntRange(min=1), default=1_000_000, show_default=True, help="Most draws for them.")
@click.option("--steps", type=click.IntRange(min=1), default=1_000, show_default=True, help="Steps of the classifier.")
@plugin_files
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--out", type=FILE_PATH, help="Also write all figures to this file, as JSON.")
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON on stdout, and nothing else there.")
@click.option("--quiet", is_flag=True, help="Print nothing but the result and errors.")
def command(
    runs: tuple[Path, ...],
    exact: int,
    against: str | None,
    budget: int,
    steps: int,
    plugins: tuple[Path, ...],
    device: str,
    out: Path | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Tell how good samples are: how many satisfy, how many differ, how like exact samples they are.

    RUN is a folder that lc sample wrote. Exact samples are drawn by rejection under the same conditions. A second set
    of them is the best that can be had.
    """
    from lc_core.evaluation.figures import evaluate
    from lc_core.evaluation.run import read_runs

    use_one_thread()
    registry = build_registry(plugins)
    other = Path(against) if against not in (None, "data") else None
    with redirect_stdout(sys.stderr), RunProgress(quiet=quiet) as progress:  # whatever a plugin prints
        found = read_runs([*runs, *filter(None, [other])], registry=registry, device=device)
        given, compared = (found[:-1], found[-1]) if other else (found, against)
        figures = evaluate(
            given,
            exact=exact,
            against=compared,
            budget=budget,
            steps=steps,
            registry=registry,
            progress=progress.line,
        )
    text = json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False)
    if out is not None:
        _write(out, text)
    if as_json:
        click.echo(text)
        return
    for one in figures["runs"]:
        _show(one)
    _show_terms(figures)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode() + b"\n")
    except OSError as error:
        if error.errno in FULL:
            raise disk_full(error) from error
        raise LCError(f"{path} cannot be written: {reason(error, path)}", hint="choose another with --out") from error


def _show(one: Mapping[str, Any]) -> None:
    """Print the tables of one run."""
    spec, base = one["spec"] or "no spec", "" if one["base"] == "prior" else f", base {one['base']}"
    tries = counted(one["tried"], "try", "tries")
    click.echo(
        f"{one['run']}: {spec}, engine {one['engine']}{base}, seed {one['seed']}; {one['delivered']:,} of {tries}"
    )
    rows = [("satisfied", "tries", "95 %", "delivered", "95 %")]
    for entry in one["satisfied"]:
        label = "  " * entry["depth"] + entry["label"] + ("" if entry["require"] else " (preference)")
        rows.append((label, *_share(entry["tries"]), *_share(entry["delivered"])))
    if len(one["engines"]) > 1:
        for engine in one["engines"]:
            exact = ", exact" if engine["exact"] else ""
            rows.append((f"  by {engine['engine']}{exact}", *_share(engine["tries"]), f"{engine['delivered']:,}", ""))
    click.echo(table(rows, indent="  "))
    distinct = one["distinct"]
    click.echo(f"  distinct: {distinct['count']:,} of {one['delivered']:,}, compared by {distinct['view']}")
    if against := one["against"]:
        click.echo(table(list(_compared(one)), indent="  "))
        met, looked = against["met"], against["looked"]
        click.echo(f"  compared with {against['what']}: {met:,} of {looked:,} ({_percent(met / looked)})")
    for note in one["notes"]:
        click.echo(f"  note: {note}")
    click.echo()


def _compared(one: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    against = one["against"]["name"]
    yield (f"like {against}", "N", "AUC", *FIGURES[1:])
    for name, key in (("delivered", "figures"), (f"other {against}", "best")):
        yield (name, f"{one[key]['n']:,}", *(f"{one[key][figure]:.3f}" for figure in FIGURES))


def _share(counts: Mapping[str, Any]) -> tuple[str, str]:
    return _percent(counts["share"]), f"{_percent(counts['low'])} to {_percent(counts['high'])}"


def _percent(share: float) -> str:
    """Return a share in percent with three digits; all and none are written so only where it is all or none."""
    if share in (0, 1):
        return f"{100 * share:.0f} %"
    return f"{100 * share:.3g} %" if 0.0001 <= share < 0.9995 else ">99.9 %" if share > 0.5 else "<0.01 %"


def _show_terms(figures: Mapping[str, Any]) -> None:
    """Print what the figures are figures of, with names and versions."""
    space, told = figures["space"], figures["classifier"]
    click.echo(f"space: {space['name']}/{space['version']} ({space['from']}), neighbour {figures['k']}")
    part = _percent(told["trained_on"])
    click.echo(f"AUC: {told['name']}, {told['steps']:,} steps on {part} of each set, measured on the rest")
    click.echo(f"lc {figures['lc']}, model {figures['model']['name']} {figures['model']['digest'][:12]}")
