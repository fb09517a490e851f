"""`lc sample`: sample outputs that meet a spec."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lc_core.cli.options import FILE_PATH, on_workers, plugin_files, quietly
from lc_core.cli.progress import RunProgress
from lc_core.cli.report import print_report
from lc_core.cli.threads import use_one_thread
from lc_core.common.cache import Cache
from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry
from lc_core.sampling.result import report_text
from lc_core.spec import load_spec

if TYPE_CHECKING:
    from lc_core.sampling.result import SampleResult

__all__ = ["command"]

BUDGET_SPENT = 3
INTERRUPTED = 130


@click.command("sample")
@click.argument("spec_name", metavar="SPEC")
@click.option("--count", type=click.IntRange(min=1), help="Outputs to deliver, in place of the spec's.")
@click.option("--seed", type=click.IntRange(min=0), help="Sampling seed, in place of the spec's.")
@click.option(
    "--budget",
    type=click.IntRange(min=1),
    help="Most tries; default 2,000 an output, more if rejection is named.",
)
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change the spec: constraints.1.at_most=5")
@click.option("--out", type=FILE_PATH, help="Folder of the run; default runs/<name>-<seed>.")
@click.option("--engine", help="Engine, in place of the spec's and its settings.")
@plugin_files
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@on_workers
@click.option(
    "--cluster",
    metavar="ray[://ADDRESS]",
    help="Have a Ray cluster make the samples: ray starts one on this machine; needs the extra ray.",
)
@click.option("--table", is_flag=True, help="Write samples.parquet too: a row for each output, with its values.")
@click.option("--render-all", is_flag=True, help="Render all outputs; by default the first 1,000 (see lc render).")
@click.option("--refit", is_flag=True, help="Fit critics again, whatever is cached.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json on stdout, and nothing else there.")
@quietly
def command(spec_name: str, as_json: bool, quiet: bool, **options: Any) -> None:
    """Sample outputs that meet a spec, each one decoded and measured, and write them to a folder.

    SPEC is a path, or the name of a shipped spec such as melody/c_major. The same command takes up a run that was
    stopped, and a larger --count or --budget extends it. The status is 3 if the budget is spent before enough outputs
    meet every condition.
    """
    try:
        with redirect_stdout(sys.stderr):  # whatever a plugin prints: stdout is for the result
            found = _run(spec_name, quiet=quiet, **options)
    except KeyboardInterrupt:
        click.echo("interrupted; give the same command again to go on from the last finished block", err=True)
        click.get_current_context().exit(INTERRUPTED)
    if found is None:
        return
    result, folder = found
    if as_json:
        click.echo(report_text(result.report))
    elif not quiet:
        print_report(result.report, folder)
    if result.status != "done":
        click.get_current_context().exit(BUDGET_SPENT)


def _run(
    spec_name: str,
    *,
    out: Path | None,
    plugins: tuple[Path, ...],
    device: str,
    workers: int | None,
    cluster: str | None,
    table: bool,
    render_all: bool,
    refit: bool,
    quiet: bool,
    **chosen: Any,
) -> tuple[SampleResult, Path] | None:
    """Sample into a folder; `chosen` is what `load_spec` takes in place of the spec's own. None on ranks above 0."""
    from lc_core.runs.ranks import follow, rank_here
    from lc_core.runs.sample import run_spec

    use_one_thread()
    rank = rank_here()
    if rank and (workers is not None or cluster is not None):
        raise LCError("a launcher started this process as one of several ranks: give no --workers and no --cluster")
    spec = load_spec(spec_name, registry=build_registry(plugins), **chosen)
    follows = rank is not None and rank.number > 0
    with RunProgress(quiet=quiet or follows) as progress:
        cache = Cache(refit=refit and not follows)
        if rank and follows:
            follow(spec, rank, out=out, device=device, cache=cache)
            return None
        return run_spec(
            spec,
            out=out,
            device=device,
            cache=cache,
            workers=workers,
            cluster=cluster,
            rank=rank,
            table=table,
            render_all=render_all,
            progress=progress.line,
            on_block=progress.block,
        )
