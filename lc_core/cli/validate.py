"""`lc validate`: check specs without sampling."""

from __future__ import annotations

from pathlib import Path

import click

from lc_core.cli.group import show_error
from lc_core.cli.options import plugin_files
from lc_core.common.words import counted
from lc_core.errors import LCError
from lc_core.plugins.discover import build_registry
from lc_core.spec import load_spec

__all__ = ["command"]


@click.command("validate")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@plugin_files
def command(specs: tuple[str, ...], plugins: tuple[Path, ...]) -> None:
    """Check specs and everything they name; nothing is sampled or fitted.

    SPEC is a path, or the name of a shipped spec such as melody/c_major. All mistakes are reported at once, each as
    file:line:column. The status is 2 if there is one.
    """
    registry = build_registry(plugins)
    failed = 0
    for one in specs:
        try:
            spec = load_spec(one, registry=registry)
        except LCError as error:
            show_error(error)
            failed = max(failed, error.exit_code)
        else:
            entries = counted(len(spec.entries), "constraint")
            click.echo(f"{one}: ok ({spec.model.use}, {entries}, {spec.engine.use})")
    if failed:
        click.get_current_context().exit(failed)
