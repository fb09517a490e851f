"""`lc show`: a spec with every default, and the engines that fit it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lc_core.cli.options import plugin_files
from lc_core.cli.threads import use_one_thread
from lc_core.common.cache import Cache
from lc_core.common.guard import blaming
from lc_core.constraints.constraint import leaves
from lc_core.constraints.evaluator import Evaluator
from lc_core.errors import LCError
from lc_core.models.latent_model import decodes_of_base
from lc_core.plugins.discover import build_registry
from lc_core.sampling.problem import base_of, check_base
from lc_core.spec import load_spec

if TYPE_CHECKING:
    from lc_core.constraints.constraint import Constraint
    from lc_core.models.latent_model import LatentModel
    from lc_core.spec.values import Spec

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

    use_one_thread()
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
    for line in _prior_lines(model, spec):
        click.echo(line)
    for line in _plan_lines(spec, model):
        click.echo(line)
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


def _plan_lines(spec: Spec, model: LatentModel) -> list[str]:
    """Return what the engine auto does with a spec, and why; nothing for other engines."""
    from lc_core.planning.plan import make_plan

    if spec.engine.use != "auto":
        return []
    base = base_of(spec.base, spec.realism, model, left_open=True)
    try:
        check_base(model, base)
        found = make_plan(Evaluator(model, spec.entries), realism=spec.realism, base=base, cache=Cache())
    except LCError as error:
        return [f"plan: none: {error}"]
    return [f"plan: {', then '.join(found.names)}, from {base}", *(f"  {reason}" for reason in found.reasons)]


def _prior_lines(model: LatentModel, spec: Spec) -> list[str]:
    """Return how many samples of the base meet the entries of a spec, going by those of the bank.

    Of a base that many decodes lead to, prior samples tell it.
    """
    from lc_core.bank.bank import Bank
    from lc_core.bank.rate import QUICK, probe_size, rates
    from lc_core.planning.spans import sampled_spans

    entries = spec.entries
    if not entries:
        return []
    base = base_of(spec.base, spec.realism, model, left_open=spec.engine.use == "auto")
    if model.realism_alone() is None or decodes_of_base(model, base):
        base = "prior"
    of = "prior samples" if base == "prior" else "samples like data"
    bank = Bank(model, base=base, cache=Cache(), say=lambda line: click.echo(line, err=True))
    try:
        found = rates(bank, entries, probe_size(bank, entries), seconds=QUICK)
    except LCError as error:
        return [f"{of}: what they meet is not known: {error.message}"]
    if found is None:
        return [f"{of}: none is decoded yet, which takes its time here (lc bank)"]
    spans = sampled_spans(model, entries, found, seconds=QUICK) if base == "prior" else {}
    found = replace(found, spans=found.spans | spans)
    return [f"of {found.samples:,} {of} meet:", *(f"  {line}" for line in found.lines())]


def _refused(model: LatentModel, leaf: Constraint) -> str:
    """Return why a constraint cannot be followed through a model's decoder; nothing if it can."""
    from lc_core.energy.decoder_guide import check_guides

    try:
        check_guides(model, [leaf])
    except LCError as error:
        return f", which does not work: {error.message} ({error.hint})"
    return ""
