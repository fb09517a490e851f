"""`lc render`: render outputs of a run."""

from __future__ import annotations

import re
import sys
from contextlib import redirect_stdout
from pathlib import Path

import click

from lc_core.cli.options import FILE_PATH, plugin_files, quietly
from lc_core.cli.progress import RunProgress
from lc_core.cli.threads import use_one_thread
from lc_core.common.words import counted
from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry

__all__ = ["command"]


@click.command("render")
@click.argument("run", metavar="RUN", type=FILE_PATH)
@click.option("--only", metavar="A-B|N", help="Outputs A to B, or output N alone, numbered from 0; default all.")
@plugin_files
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@quietly
def command(run: Path, only: str | None, plugins: tuple[Path, ...], device: str, quiet: bool) -> None:
    """Render outputs of a finished run with the renderers of its spec.

    RUN is a folder that lc sample wrote. What is rendered already is left as it is, so the same command goes on where
    it was stopped.
    """
    from lc_core.runs.render_run import render_run

    use_one_thread()
    asked = _numbers(only)

    def chosen(delivered: int) -> range:
        begin, end = asked or (0, delivered)
        if end > delivered:
            raise LCError(
                f"--only {only}: {run} has {counted(delivered, 'output')}",
                hint=f"--only 0-{delivered - 1} is all of them" if delivered else None,
            )
        return range(begin, end)

    with redirect_stdout(sys.stderr), RunProgress(quiet=quiet) as progress:  # whatever a plugin prints
        new, files = render_run(
            run, registry=build_registry(plugins), only=chosen, device=device, progress=progress.line
        )
    if not quiet:
        there = f"; {files - new:,} were there" if new < files else ""
        click.echo(f"rendered {counted(new, 'file')}{there}: {run / 'outputs'}")


def _numbers(only: str | None) -> tuple[int, int] | None:
    """Return the first number that is asked for and the one after the last; None for all."""
    if only is None:
        return None
    found = re.fullmatch(r"(\d{1,12})(?:-(\d{1,12}))?", only.strip())
    begin, end = (int(found[1]), int(found[2] or found[1]) + 1) if found else (0, 0)
    if begin >= end:
        raise LCError(f"--only {only}: expected outputs such as 0-99, or one such as 17")
    return begin, end
