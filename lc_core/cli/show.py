"""`lc show`: a spec with every default, and the engines that fit it."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("show")
@click.argument("spec_name", metavar="SPEC")
@click.option("--set", "overrides", metavar="KEY=VALUE", multiple=True, help="Change the spec: constraints.1.at_most=5")
@click.option("--engine", help="Engine, in place of the spec's and its settings.")
def command(spec_name: str, overrides: tuple[str, ...], engine: str | None) -> None:
    """Show a spec as it is resolved: every default, the model, the constraints, and which engines can serve it."""
    from lc_core.constraint import leaves
    from lc_core.errors import LCError, blaming
    from lc_core.plugins.manager import build_registry
    from lc_core.run import build_model
    from lc_core.spec import load_spec

    registry = build_registry()
    spec = load_spec(spec_name, registry=registry, overrides=overrides, engine=engine)
    click.echo(spec.to_yaml().rstrip())
    model = build_model(spec)
    critic = "a realism critic" if model.realism() is not None else "no realism critic"
    gradient = "with a gradient" if model.differentiable else "without a gradient"
    click.echo(f"\nmodel: latents {model.latent_shape}, {model.output_type}, decode {gradient}, {critic}")
    for leaf in leaves(spec.entries):
        if (needs := leaf.measurement.needs()) and (line := needs.about()):
            click.echo(f"{leaf.label}: {line}")
    click.echo("engines:")
    for one in registry.all("engine"):
        try:
            with blaming("it"):
                built = one.load()(**(spec.engine.params if one == spec.engine.plugin else one.fill()))
                reason = built.unfit(model, spec.entries, spec.realism)
                note = built.note(spec.entries, spec.realism)
        except LCError as error:
            reason, note = error.message, None
        verdict = f"no: {reason}" if reason else f"fits; {note}" if note else "fits"
        click.echo(f"  {registry.spelling(one)}: {verdict}")
