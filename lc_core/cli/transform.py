"""`lc transform`: change files of one's own as little as makes them meet a spec."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lc_core.cli.group import show_error
from lc_core.cli.options import FILE_PATH, on_workers, plugin_files, quietly
from lc_core.cli.progress import RunProgress
from lc_core.cli.text import number, outputs_line, table
from lc_core.cli.threads import use_one_thread
from lc_core.common.cache import Cache
from lc_core.common.words import counted
from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry
from lc_core.sampling.result import report_text
from lc_core.spec import load_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lc_core.editing.result import TransformResult

__all__ = ["command"]

UNREADABLE = 2
SOME_NOT_MET = 3


@click.command("transform")
@click.argument("spec_name", metavar="SPEC")
@click.argument("more", metavar="[FILE]...", nargs=-1, type=FILE_PATH)
@click.option("--input", "inputs", metavar="FILE", multiple=True, type=FILE_PATH, help="A file to change.")
@click.option("--out", type=FILE_PATH, help="Folder of the run; default runs/<name>-transform-<seed>.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change the spec: keep=all")
@click.option("--engine", help="Engine, in place of the spec's and its settings.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed of further tries, in place of the spec's.")
@plugin_files
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@on_workers
@click.option("--refit", is_flag=True, help="Fit critics again, whatever is cached.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json on stdout, and nothing else there.")
@quietly
def command(
    spec_name: str, inputs: tuple[Path, ...], more: tuple[Path, ...], as_json: bool, quiet: bool, **options: Any
) -> None:
    """Change files of your own as little as makes each meet a spec's conditions, and write them to a folder.

    SPEC is a path, or the name of a shipped spec such as melody/c_major; what must not change is its key keep. Files
    after the first --input need no --input before them. The status is 3 if some do not meet all conditions; these are
    saved all the same, and marked. A file that cannot be read is named and left out; the status is then 2.
    """
    if not inputs:
        raise click.UsageError("give the files to change: --input FILE...")
    with redirect_stdout(sys.stderr):  # whatever a plugin prints: stdout is for the result
        result, folder, unread = _run(spec_name, (*inputs, *more), quiet=quiet, **options)
    if as_json:
        click.echo(report_text(result.report))
    elif not quiet:
        _show(result.report, folder)
    if unread:
        click.echo(
            f"{unread:,} of {counted(len(inputs) + len(more), 'file')} could not be read and were left out", err=True
        )
        click.get_current_context().exit(UNREADABLE)
    if result.report["status"] != "done":
        click.get_current_context().exit(SOME_NOT_MET)


def _run(
    spec_name: str,
    files: tuple[Path, ...],
    *,
    out: Path | None,
    overrides: tuple[str, ...],
    engine: str | None,
    seed: int | None,
    plugins: tuple[Path, ...],
    device: str,
    workers: int | None,
    refit: bool,
    quiet: bool,
) -> tuple[TransformResult, Path, int]:
    """Return the result, the folder, and how many files could not be read."""
    from lc_core.runs.transform import transform_files

    use_one_thread()
    registry = build_registry(plugins)
    spec = load_spec(spec_name, registry=registry, overrides=overrides, engine=engine, seed=seed)
    unread: list[LCError] = []

    def skip(error: LCError) -> None:
        show_error(error)
        unread.append(error)

    with RunProgress(quiet=quiet) as progress:
        cache = Cache(refit=refit)
        result, folder = transform_files(
            spec,
            files,
            registry=registry,
            out=out,
            device=device,
            engine_named=engine is not None,
            cache=cache,
            workers=workers,
            progress=progress.line,
            skip=skip,
        )
    return result, folder, len(unread)


def _show(report: Mapping[str, Any], folder: Path) -> None:
    """Print a line for each example, and what it comes to."""
    labels = [one["label"] for one in _leaves(report["constraints"])]
    by_judge = any("judge" in one for one in report["examples"])
    rows = [("file", *labels, "distance", "changed", *(["by the judge"] if by_judge else []), "met")]
    for one in report["examples"]:
        values = [f"{_value(one['before'][label])} -> {_value(one['after'][label])}" for label in labels]
        poor = "" if one["represented"] else " (poorly represented)"
        met = "yes" if one["met"] else "no"
        changed = [one["changed"]] + ([one["judge"]["changed"]] if by_judge else [])
        labelled = [", ".join(labels) or "-" for labels in changed]
        rows.append((one["input"] + poor, *values, f"{one['distance']:.2f}", *labelled, met))
    click.echo(table(rows))
    click.echo()
    for note in report.get("notes", []):
        click.echo(f"note: {note}")
    distance, seconds = report["distance"], report["seconds"]
    if distance["edited"]:
        click.echo(f"median distance of those edited: {number(float(format(distance['median'], '.3g')))} sigma")
    if judge := report.get("judge"):
        figures = [f"{judge['met']:,} of {report['inputs']:,} meet all conditions"] if "met" in judge else []
        figures += [f"{judge['unchanged']:.1%} of other measurements are unchanged"] if "unchanged" in judge else []
        click.echo(f"by the judge of {', '.join(judge['of'])}: {', '.join(figures)}")
    click.echo(
        f"{report['met']:,} of {report['inputs']:,} meet all conditions, {counted(report['decodes'], 'decode')}; "
        f"{seconds['fit']:.1f} s preparing, {seconds['transform']:.1f} s editing, {seconds['total']:.1f} s in all"
    )
    click.echo(outputs_line(folder, report["inputs"]))
    click.echo(f"report: {folder / 'report.html'}")


def _leaves(entries: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [leaf for one in entries for leaf in (_leaves(one["entries"]) if "entries" in one else [one])]


def _value(value: float | None) -> str:
    return "undefined" if value is None else number(float(f"{value:.3g}"))
