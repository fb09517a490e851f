"""`lc show`: a spec with every default, and the engines that fit it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lc_core.cli.options import plugin_files
from lc_core.common.guard import blaming
from lc_core.constraints.constraint import leaves
from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry
from lc_core.spec import load_spec

if TYPE_CHECKING:
    from lc_core.constraints.constraint import Constraint
    from lc_core.models.latent_model import LatentModel

__all__ = ["command"]


@click.command("show")
@click.argument("spec_name", metavar="SPEC")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change the spec: constraints.1.at_most=5")
@click.option("--engine", help="Engine, in place of the spec's and its settings.")
@plugin_files
def command(spec_name: str, overrides: tuple[str, ...], engine: str | None, plugins: tuple[Path, ...]) -> None:
    """Show a spec as it is resolved: every default, the model, the constraints, and which engines can serve it."""
    from lc_core.critics.realism import realism_of
    from lc_core.energy.decoder_guide import guided
    from lc_core.runs.build import build_model, settled

    registry = build_registry(plugins)
    spec = load_spec(spec_name, registry=registry, overrides=overrides, engine=engine)
    model = build_model(spec)
    with suppress(LCError), blaming("it"):  # said below, where engines are tried
        spec = settled(spec, spec.engine.build().sized_for(model))
    click.echo(spec.to_yaml().rstrip())
    realism = realism_of(model)[1]
    gradient = "with a gradient" if model.differentiable else "without a gradient"
    click.echo(f"\nmodel: latents {model.latent_shape}, {model.output_type}, decode {gradient}, {realism}")
    if model.note:
        click.echo(f"note: {model.note}")
    for leaf in leaves(spec.entries):
        if (needs := leaf.measurement.needs()) and (line := needs.about()):
            click.echo(f"{leaf.label}: {line}")
    for leaf in guided(spec.entries):
        click.echo(f"{leaf.label}: guided through the decoder{_refused(model, leaf)}")
    click.echo("engines:")
    for one in registry.all("engine"):
        try:
            with blaming("it"):
                built = spec.engine.build() if one == spec.engine.plugin else one.build()
                reason = built.unfit(model, spec.entries, spec.realism)
                unadvised = built.unadvised(model, spec.entries, spec.realism)
                note = built.note(spec.entries, spec.realism)
        except LCError as error:
            reason, unadvised, note = error.message, None, None
        verdict = f"no: {reason}" if reason else f"fits; {note}" if note else "fits"
        if unadvised and not reason:
            verdict = f"not offered: {unadvised} (--engine {registry.spelling(one)} runs it all the same)"
        click.echo(f"  {registry.spelling(one)}: {verdict}")


def _refused(model: LatentModel, leaf: Constraint) -> str:
    """Return why a constraint cannot be followed through a model's decoder; nothing if it can."""
    from lc_core.energy.decoder_guide import check_guides

    try:
        check_guides(model, [leaf])
    except LCError as error:
        return f", which does not work: {error.message} ({error.hint})"
    return ""
