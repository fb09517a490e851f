"""`lc sample`: sample outputs that meet a spec."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]

BUDGET_SPENT = 3


@click.command("sample")
@click.argument("spec_name", metavar="SPEC")
@click.option("--count", type=click.IntRange(min=1), help="Outputs to deliver, in place of the spec's.")
@click.option("--seed", type=click.IntRange(min=0), help="Sampling seed, in place of the spec's.")
@click.option("--budget", type=click.IntRange(min=1), help="Most tries; default 200 for each output.")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change the spec: constraints.1.at_least=0.5")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of the run; default runs/<name>-<seed>.")
@click.option("--engine", help="Engine, in place of the spec's and its settings.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--refit", is_flag=True, help="Fit critics again, whatever is cached.")
@click.option("--json", "as_json", is_flag=True, help="Print report.json on stdout, and nothing else there.")
@click.option("--quiet", is_flag=True, help="Print nothing but errors.")
def command(
    spec_name: str,
    count: int | None,
    seed: int | None,
    budget: int | None,
    overrides: tuple[str, ...],
    out: Path | None,
    engine: str | None,
    device: str,
    refit: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Sample outputs that meet a spec, each one decoded and measured, and write them to a folder.

    SPEC is a path, or the name of a shipped spec such as melody/c_major. The same command takes up a run that was
    stopped, and a larger --count extends it. The status is 3 if the budget is spent before enough outputs meet every
    condition.
    """
    import json

    from lc_core.cache import Cache
    from lc_core.cli.progress import RunProgress
    from lc_core.cli.table import print_report
    from lc_core.run import run_spec
    from lc_core.spec import load_spec

    spec = load_spec(spec_name, overrides=overrides, engine=engine, count=count, seed=seed, budget=budget)
    with RunProgress(quiet=quiet) as progress:
        try:
            result, folder = run_spec(
                spec,
                out=out,
                device=device,
                cache=Cache(refit=refit),
                progress=progress.line,
                on_block=progress.block,
            )
        except KeyboardInterrupt:
            progress.close()
            click.echo("interrupted; give the same command again to go on from the last finished block", err=True)
            click.get_current_context().exit(130)
    if as_json:
        click.echo(json.dumps(result.report, indent=2))
    elif not quiet:
        print_report(result.report, folder)
    if result.status != "done":
        click.get_current_context().exit(BUDGET_SPENT)
