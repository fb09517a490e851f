"""`lc bank`: decode and measure prior samples ahead, and keep them."""

from __future__ import annotations

import json
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from lc_core.bank.columns import VARIABLE
from lc_core.bank.kept import why_not_kept
from lc_core.cli.chosen_model import chosen_model
from lc_core.cli.options import on_workers, plugin_files, quietly
from lc_core.cli.progress import RunProgress
from lc_core.cli.text import size
from lc_core.cli.threads import use_one_thread
from lc_core.cli.train import with_changes
from lc_core.common.cache import Cache
from lc_core.common.progress import ProgressLine, time_of
from lc_core.common.words import counted
from lc_core.constraints.constraint import leaves
from lc_core.errors import LCError
from lc_core.models.checks import check_decoder
from lc_core.plugins.discover import build_registry
from lc_core.spec import load_spec, shipped_names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lc_core.bank.bank import Bank
    from lc_core.constraints.measurement import Measurement

__all__ = ["command"]

INTERRUPTED = 130
EVERY = 2.0
"""Seconds between two lines of progress."""


@click.command("bank")
@click.argument("model", metavar="MODEL")
@click.option(
    "--samples", type=click.IntRange(min=1), default=262_144, show_default=True, help="Samples from the first."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Sampling seed.")
@click.option("--set", "changes", metavar="KEY=VALUE", multiple=True, help="Change a setting of the model.")
@plugin_files
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@on_workers
@click.option("--json", "as_json", is_flag=True, help="Print what is there at the end as JSON.")
@quietly
def command(
    model: str,
    samples: int,
    seed: int,
    changes: tuple[str, ...],
    plugins: tuple[Path, ...],
    device: str,
    workers: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """Decode prior samples ahead and keep them, so that no spec has to decode them again.

    MODEL is the name of a registered model, such as melody.folk-2bar, or a spec, whose model is meant and whose rules
    are measured too. The same command goes on where it was stopped.
    """
    from lc_core.bank.bank import Bank
    from lc_core.runs.build import load_selected
    from lc_core.runs.filling import filled

    use_one_thread()
    registry = build_registry(plugins)
    with redirect_stdout(sys.stderr), RunProgress(quiet=quiet) as progress:
        selected, _ = chosen_model(registry, model, with_changes({}, changes))
        is_spec = Path(model).is_file() or model.endswith((".yaml", ".yml")) or model in shipped_names()
        entries = load_spec(model, registry=registry).entries if is_spec else ()
        loaded = load_selected(selected, device=device)
        check_decoder(loaded)
        bank = Bank(loaded, seed=seed, cache=Cache(), say=lambda line: _say(bank, line, progress))
        rules = [leaf.measurement for leaf in leaves(entries)]
        blocks = -(-samples // bank.block)
        try:
            made = filled(bank, rules, blocks, selected, device=device, workers=workers)
            _fill(bank, rules, blocks, made, progress)
        except KeyboardInterrupt:
            progress.line("interrupted; give the same command again to go on")
            click.get_current_context().exit(INTERRUPTED)
    found = _found(bank, rules)
    if as_json:
        click.echo(json.dumps(found, indent=2))
    elif not quiet:
        measured = f"; measured on them: {', '.join(found['rules'])}" if rules else ""
        click.echo(
            f"{counted(found['samples'], 'prior sample')} of {found['model']} (seed {seed}, in blocks of"
            f" {bank.block:,}) are there, {size(found['bytes'])}{measured}"
        )


def _say(bank: Bank, line: str, progress: RunProgress) -> None:
    """Show what is wrong with what is kept; why nothing more is, the command's error says."""
    if not bank.trouble:
        progress.line(line)


def _fill(
    bank: Bank, rules: list[Measurement], blocks: int, numbers: Iterator[tuple[int, bool]], progress: RunProgress
) -> None:
    """Have every block made that is missing, and show how far it is.

    Raises:
        LCError: If something is at fault, or nothing more can be kept.
    """
    total = blocks * bank.block
    progress.line(f"prior samples of {bank.model.name}: {total:,} wanted, in {counted(blocks, 'block')}")
    made, began, told = 0, time.monotonic(), 0.0
    for number, new in numbers:
        made += new
        if new and not bank.has(number, rules):
            raise _not_kept(bank, rules)
        now = time.monotonic()
        if now - told > EVERY or number == blocks - 1:
            told, done = now, (number + 1) * bank.block
            left = (now - began) / made * (blocks - number - 1) if made else 0.0
            more = f", at most {time_of(left)} more" if left > 1 else ""
            progress.line(ProgressLine(f"{done:,} of {total:,} samples{more}", done, total))


def _not_kept(bank: Bank, rules: list[Measurement]) -> LCError:
    """Return why a block that was just made is not there."""
    there = f"{counted(bank.there(rules), 'sample')} are there"
    if bank.trouble:
        hint = "lc doctor tells whether the cache folder can be used"
        if VARIABLE in bank.trouble:
            hint = f"{VARIABLE} says how much may be kept, lc cache what takes room"
        return LCError(f"no more samples can be kept: {bank.trouble}; {there}", hint=hint)
    if not rules:
        told = f"outputs of {bank.model.name} are not kept: {why_not_kept(bank.rows(0, np.arange(0)))}"
        return LCError(told, hint="give a spec of this model in place of its name: what its rules measure is kept")
    return LCError(f"values of {', '.join(rule.name for rule in rules)} are not kept; {there}")


def _found(bank: Bank, rules: list[Measurement]) -> dict[str, Any]:
    return {
        "model": bank.model.name,
        "seed": bank.seed,
        "block": bank.block,
        "samples": bank.there(rules),
        "decoded": bank.decodes,
        "bytes": bank.size,
        "rules": [rule.name for rule in rules],
    }
