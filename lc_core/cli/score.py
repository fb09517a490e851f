"""`lc score`: measure files of one's own under a spec's rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lc_core.cli.group import show_error
from lc_core.cli.options import FILE_PATH, plugin_files
from lc_core.cli.text import measured, table, wanted
from lc_core.common.words import GROUPS, counted
from lc_core.constraints.constraint import Constraint
from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry
from lc_core.plugins.readers import readers_of
from lc_core.runs.score import score_file
from lc_core.spec import load_spec

if TYPE_CHECKING:
    from lc_core.runs.score import Assessed, Score

__all__ = ["command"]

SOME_NOT_MET = 3
UNREADABLE = 2
MET = {True: "yes", False: "no", None: "undefined"}


@click.command("score")
@click.argument("spec")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FILE_PATH)
@plugin_files
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list with one item for each output.")
def command(spec: str, files: tuple[Path, ...], plugins: tuple[Path, ...], as_json: bool) -> None:
    """Measure files of your own and check each entry of a spec on them; the model is not needed.

    SPEC is a path, or the name of a shipped spec such as melody/c_major. The status is 3 if a file does not meet all
    conditions, and 2 if one cannot be read; the others are measured all the same.
    """
    registry = build_registry(plugins)
    loaded = load_spec(spec, registry=registry)
    readers = readers_of(registry, loaded.output_type)
    scores: list[Score] = []
    items: list[dict[str, Any]] = []
    unreadable = 0
    for file in files:
        try:
            found = score_file(file, loaded.entries, readers=readers)
        except LCError as error:
            unreadable += 1
            show_error(error)
            items.append({"file": str(file), "error": error.message, "hint": error.hint})
            continue
        scores += found
        items += [one.as_dict() for one in found]
        for note in found[0].notes:
            click.echo(f"note: {file}: {note}", err=True)
        if not as_json:
            for one in found:
                _show(one)
    if as_json:
        click.echo(json.dumps(items, indent=2, ensure_ascii=False))
    elif len(items) > 1:
        good = sum(one.satisfied for one in scores)
        unread = f"; {unreadable:,} of {counted(len(files), 'file')} could not be measured" if unreadable else ""
        click.echo(
            f"{good:,} of {counted(len(scores), 'output')} {'meets' if good == 1 else 'meet'} all conditions{unread}"
        )
    status = UNREADABLE if unreadable else 0 if all(one.satisfied for one in scores) else SOME_NOT_MET
    click.get_current_context().exit(status)


def _show(score: Score) -> None:
    """Print the table of one output."""
    click.echo(str(score.file) + (f", output {score.output + 1} of {score.outputs}" if score.outputs > 1 else ""))
    rows = [row for one in score.entries for row in _rows(one)]
    if rows:
        click.echo(table([("constraint", "measured", "wanted", "met"), *rows], indent="  "))
    click.echo(f"  all conditions: {'met' if score.satisfied else 'not met'}\n")


def _rows(one: Assessed, depth: int = 0) -> Iterator[tuple[str, str, str, str]]:
    label = "  " * depth + one.entry.label + ("" if one.entry.require else " (preference)")
    if isinstance(one.entry, Constraint):
        value = "undefined" if one.measured is None else measured(one.measured, one.entry.measurement.info.unit)
        value = f"{value.rstrip()} ({one.words})" if one.words else value
        yield label, value.rstrip(), wanted(one.entry.want), MET[one.met]
    else:
        yield label, "", GROUPS[one.entry.kind], MET[one.met]
    for inner in one.inside:
        yield from _rows(inner, depth + 1)
