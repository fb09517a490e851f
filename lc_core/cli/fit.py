"""`lc fit`: fit and cache what a spec needs, without sampling."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lc_core.actors.fitted import fit_into
from lc_core.cli.options import FILE_PATH, plugin_files, quietly
from lc_core.cli.progress import RunProgress
from lc_core.cli.threads import use_one_thread
from lc_core.common.cache import Cache
from lc_core.constraints.constraint import leaves
from lc_core.plugins.discover import build_registry
from lc_core.spec import load_spec

if TYPE_CHECKING:
    from lc_core.fitting.prepare import Prepared
    from lc_core.spec.values import Spec

__all__ = ["command"]

INTERRUPTED = 130


@click.command("fit")
@click.argument("spec_name", metavar="SPEC")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change the spec: fit.seed=1")
@click.option("--engine", help="Engine, in place of the spec's and its settings.")
@click.option("--out", type=FILE_PATH, help="Write the fitted actor into this folder.")
@plugin_files
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--refit", is_flag=True, help="Fit again, whatever is cached.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures of the fit on stdout, as JSON.")
@quietly
def command(
    spec_name: str,
    overrides: tuple[str, ...],
    engine: str | None,
    out: Path | None,
    plugins: tuple[Path, ...],
    device: str,
    refit: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    """Fit the critics that a spec needs and keep them in the cache.

    Prints how well each critic is calibrated on held-out prior samples, and how often the engine satisfies the spec
    after each round of refinement, both measured on decoded outputs. With --out, a fitted actor is written into a
    folder of its own, to be loaded by lc_core.load_actor or named in a spec.
    """
    import json

    from lc_core.runs.build import build_problem, prepare_problem

    use_one_thread()
    spec = load_spec(spec_name, registry=build_registry(plugins), overrides=overrides, engine=engine)
    problem = build_problem(spec, device=device)
    try:
        with redirect_stdout(sys.stderr), RunProgress(quiet=quiet) as progress:  # stdout is for the result
            cache = Cache(refit=refit)
            if out is None:
                prepared = prepare_problem(problem, spec.fit, cache, progress.line)
                prepared = prepared.engine.complete() or prepared
            else:
                prepared = fit_into(out, spec, problem, cache, progress.line)
    except KeyboardInterrupt:
        click.echo("interrupted; what is fitted is kept: give the same command again to go on", err=True)
        click.get_current_context().exit(INTERRUPTED)
    if as_json:
        click.echo(json.dumps(prepared.card, indent=2))
    elif not quiet:
        _show(prepared, spec, out)


def _show(prepared: Prepared, spec: Spec, out: Path | None) -> None:
    """Print how good the critics and the engine are."""
    if prepared.energy is None:
        click.echo(f"{spec.engine.use} needs no fit")
        return
    if "held_out" not in prepared.card:
        folder = spec.engine.params.get("folder")
        where = f": its folder is {folder}" if folder else ": the model's sampler knows every rule"
        click.echo(f"{spec.engine.use} is fitted already{where}")
        return
    for leaf in leaves(spec.entries):
        if (needs := leaf.measurement.needs()) and (line := needs.about()):
            click.echo(f"{leaf.label}: {line}")
    for label, card in prepared.card["held_out"].items():
        area = "-" if card["auc"] is None else f"{card['auc']:.3f}"
        click.echo(
            f"critic of {label}: met by {card['rate']:.2%} of prior samples, predicted {card['probability']:.2%}, "
            f"calibration error {card['ece']:.3f}, AUC {area}"
        )
    rounds = prepared.card["refinement"].get("satisfied_by_round", [])
    if rounds:
        click.echo(f"satisfied at the last step, by round: {', '.join(f'{share:.1%}' for share in rounds)}")
    click.echo(f"fitted, or found in the cache, in {prepared.seconds:.1f} s")
    if out is not None:
        click.echo(f"the actor is in {out}, its figures are in MODEL_CARD.md there; a spec uses it by")
        click.echo(f"  engine: {{use: actor, params: {{folder: {out}}}}}")
