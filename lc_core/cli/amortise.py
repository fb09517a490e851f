"""`lc amortise`: train a sampler for a model, once, for any spec of its rules."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lc_core.cli.chosen_model import chosen_model
from lc_core.cli.options import FILE_PATH, plugin_files, quietly
from lc_core.cli.progress import RunProgress
from lc_core.cli.text import size, table
from lc_core.cli.threads import use_one_thread
from lc_core.cli.train import with_changes
from lc_core.common.files import reason
from lc_core.constraints.constraint import leaves
from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry
from lc_core.sampler.card import abilities
from lc_core.sampler.settings import SamplerSettings
from lc_core.spec import load_spec, shipped_names

if TYPE_CHECKING:
    from lc_core.constraints.constraint import Constraint
    from lc_core.plugins.registry import Registry

__all__ = ["command"]

INTERRUPTED = 130
FILES = {
    "weights.safetensors": "its network",
    "config.json": "its rules, and what it was trained with",
    "MODEL_CARD.md": "its figures",
    "checkpoint.pt": "needed only to train it further",
}
"""What lies in the folder of a sampler."""


@click.command("amortise")
@click.argument("model", metavar="MODEL")
@click.option(
    "--rules",
    metavar="NAME|SPEC",
    multiple=True,
    help="A rule to learn, in place of all; or a spec, whose constraints are added with their settings; repeatable.",
)
@click.option("--out", type=FILE_PATH, help="Folder of the sampler; default one in the cache, where it is found.")
@click.option("--set", "changes", metavar="KEY=VALUE", multiple=True, help="A setting of the training or the model.")
@click.option("--steps", type=int, help="Training steps.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Most minutes of training.")
@click.option("--restart", is_flag=True, help="Begin again, whatever is in the folder.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@plugin_files
@click.option("--json", "as_json", is_flag=True, help="Print what the sampler is and can do on stdout, as JSON.")
@quietly
def command(
    model: str,
    rules: tuple[str, ...],
    out: Path | None,
    changes: tuple[str, ...],
    steps: int | None,
    minutes: float | None,
    restart: bool,
    device: str,
    plugins: tuple[Path, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Train a sampler for a model, once: then any spec of its rules is served without a fit.

    MODEL is the name of a registered model, such as digits.8x8, or a spec, whose model is meant. By default all rules
    are learned that the model's outputs can be measured by. A training that was stopped goes on when the same command
    is given again. With the default --out, lc sample uses the sampler by itself. --set takes settings of the training,
    such as batch=128, and of the model, such as model.folder=runs/mine.
    """
    import json

    from lc_core.runs.build import load_selected
    from lc_core.sampler import amortise

    use_one_thread()
    registry = build_registry(plugins)
    given = {key: one for key, one in {"steps": steps, "minutes": minutes}.items() if one is not None}
    of_model, of_training = _split(with_changes(given, changes))
    settings = SamplerSettings.given(of_training)
    selected, output_type = chosen_model(registry, model, of_model)
    names = [one for one in rules if not _is_spec(one)]
    more = [leaf for one in rules if _is_spec(one) for leaf in _leaves_of(one, registry, output_type)]
    try:
        with redirect_stdout(sys.stderr), RunProgress(quiet=quiet) as progress:  # stdout is for the result
            found = amortise(
                load_selected(selected, device=device),
                rules=names or None,
                more=more,
                settings=settings,
                out=out,
                registry=registry,
                restart=restart,
                progress=progress.line,
            )
    except KeyboardInterrupt:
        click.echo(
            "interrupted; give the same command again to go on from the last checkpoint (one every 15 seconds)",
            err=True,
        )
        click.get_current_context().exit(INTERRUPTED)
    except OSError as error:
        where = out or Path("the cache folder")
        raise LCError(
            f"the sampler in {where} cannot be read or written: {reason(error, where)}",
            hint="mend that, or choose another folder with --out; the same command goes on where it stopped",
        ) from error
    if as_json:
        click.echo(json.dumps({"folder": str(found.folder), **found.config}, indent=2))
    elif not quiet:
        _show(found.config, found.folder, by_itself=out is None)


def _split(changes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the changes of the model's settings, named `model.KEY`, and those of the training's."""
    of_model = {key.partition(".")[2]: one for key, one in changes.items() if key.startswith("model.")}
    return of_model, {key: one for key, one in changes.items() if not key.startswith("model.")}


def _is_spec(name: str) -> bool:
    return name.endswith((".yaml", ".yml")) or Path(name).is_file() or name in shipped_names()


def _leaves_of(name: str, registry: Registry, output_type: str) -> Sequence[Constraint]:
    """Return the constraints of a spec whose model makes the same outputs."""
    spec = load_spec(name, registry=registry)
    if spec.output_type != output_type:
        raise LCError(f"{name} is for {spec.output_type}, but the sampler's model makes {output_type}")
    return list(leaves(spec.entries))


def _show(config: Mapping[str, Any], folder: Path, *, by_itself: bool) -> None:
    """Say what a sampler can do, and how it is used."""
    for line in abilities(config):
        click.echo(line)
    click.echo(f"the sampler is in {folder}:")
    there = {name: folder / name for name in FILES if (folder / name).is_file()}
    click.echo(table([(name, size(path.stat().st_size), FILES[name]) for name, path in there.items()], indent="  "))
    if by_itself:
        click.echo("lc sample uses it by itself for specs of this model")
    else:
        click.echo(f"to use it, write in a spec: engine: {{use: sampler, params: {{folder: {folder.resolve()}}}}}")
