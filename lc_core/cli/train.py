"""`lc train`: train a model from its recipe."""

from __future__ import annotations

import inspect
import os
import shutil
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lc_core.cli.options import FILE_PATH, plugin_files, quietly
from lc_core.cli.progress import RunProgress
from lc_core.cli.threads import use_one_thread
from lc_core.common.files import reason
from lc_core.common.owned import Owned
from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry
from lc_core.spec.load import parse
from lc_core.spec.problems import Problems, Where

if TYPE_CHECKING:
    from lc_core.plugins.registry import Registered, Registry

__all__ = ["command"]

INTERRUPTED = 130


@click.command("train")
@click.argument("model")
@click.option("--out", type=FILE_PATH, help="Folder of the training; default runs/train-MODEL.")
@click.option("--steps", type=int, help="Training steps, in place of the recipe's.")
@click.option("--seed", type=int, help="Seed of the training, in place of the recipe's.")
@click.option("--set", "changes", metavar="KEY=VALUE", multiple=True, help="Another setting of the recipe; repeatable.")
@plugin_files
@quietly
def command(
    model: str,
    out: Path | None,
    steps: int | None,
    seed: int | None,
    changes: tuple[str, ...],
    plugins: tuple[Path, ...],
    quiet: bool,
) -> None:
    """Train a model from the recipe of that name, such as melody.folk-2bar.

    A training that was stopped goes on when the same command is given again.
    """
    registry = build_registry(plugins)
    recipe = registry.get("recipe", model)
    given = {key: value for key, value in {"steps": steps, "seed": seed}.items() if value is not None}
    settings = recipe.fill(with_changes(given, changes))
    folder = out or Path("runs") / f"train-{recipe.name}"
    try:
        with Owned.open(folder, "training") as owned, _training(owned) as place:
            use_one_thread()
            _train(recipe, place, settings, shown=folder, quiet=quiet)
    except KeyboardInterrupt:
        click.echo(f"interrupted; give the same command again to go on from the last checkpoint in {folder}", err=True)
        click.get_current_context().exit(INTERRUPTED)
    except OSError as error:
        raise LCError(
            f"the training in {folder} cannot be read or written: {reason(error, folder)}",
            hint="mend that, or choose another folder with --out; the same command goes on where it stopped",
        ) from error
    if not quiet:
        _show_use(registry, recipe, folder, plugins)


def _show_use(registry: Registry, recipe: Registered, folder: Path, plugins: Sequence[Path]) -> None:
    """Say where the model is, and how a spec uses it."""
    click.echo(f"the model is in {folder}")
    if lines := _usage(registry, recipe, folder):
        click.echo(f"to use it, write in a spec:\n\n{lines}")
        for file in (one for one in plugins if one.stem == recipe.distribution):
            click.echo(f"and give commands that read the spec: --plugin {file}")


@contextmanager
def _training(owned: Owned) -> Iterator[Path]:
    """Give the folder in which a recipe works: its own files are moved there, and back at the end however it ends.

    A recipe writes under names that nobody knows before; so it never sees what is not its own.
    """
    place = owned.path / ".lc" / "training"
    if place.is_symlink() or (place.exists() and not place.is_dir()):
        raise LCError(f"{place} is no folder; a training works there", hint="move it away")
    place.mkdir(exist_ok=True)
    for half in place.rglob(".*.partial"):  # a training that was killed while it wrote a file
        half.unlink()
    for name in owned.names:
        if not (place / name).exists():  # what a killed training left there is newer
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(owned.path / name, place / name)
    try:
        yield place
    except LCError as error:
        raise LCError(error.message.replace(str(place), str(owned.path)), hint=error.hint) from error
    finally:
        owned.take(place)
        shutil.rmtree(place)


def with_changes(settings: dict[str, Any], changes: tuple[str, ...]) -> dict[str, Any]:
    """Return settings with those of `--set` added; values are YAML, as in a spec."""
    problems = Problems()
    for change in changes:
        at = Where(f"--set {change}")
        key, equals, text = change.partition("=")
        key = key.strip()
        if not equals or not key:
            problems.add(at, "expected KEY=VALUE, such as batch=64")
            continue
        if key in settings:
            problems.add(at, f"{key} is given twice")
        value = parse(text, source=at.source, problems=problems, at=at)
        settings = settings | {key: value.plain() if value else None}
    problems.check()
    return settings


def _train(recipe: Registered, folder: Path, settings: Mapping[str, Any], *, shown: Path, quiet: bool) -> None:
    """Train in a folder; lines of progress name the one where the files are in the end."""
    train = recipe.load()
    try:
        with RunProgress(quiet=quiet) as progress:

            def line(text: str) -> None:
                progress.line(text.replace(str(folder), str(shown)) if str(folder) in text else text)

            more = {"progress": line} if "progress" in inspect.signature(train).parameters else {}
            train(folder, **settings, **more)
    except (LCError, OSError):
        raise
    except (Exception, SystemExit) as error:
        traceback.print_exception(error, file=sys.stderr)
        raise LCError(
            f"recipe {recipe.name} of {recipe.distribution} raised {type(error).__name__}: {error}"
        ) from error


def _usage(registry: Registry, recipe: Registered, folder: Path) -> str | None:
    """Return the lines of a spec that use what was trained, if there is a model of that name that takes a folder."""
    import yaml

    models = [one for one in registry.all("model") if one.qualified == recipe.qualified]
    if not models or "folder" not in models[0].parameters().model_fields:
        return None
    tree = {"model": {"use": registry.spelling(models[0]), "params": {"folder": str(folder.resolve())}}}
    return yaml.safe_dump(tree, sort_keys=False, default_flow_style=None, allow_unicode=True, width=10_000)
