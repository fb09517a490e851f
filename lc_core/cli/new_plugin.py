"""`lc new-plugin`: write the package of a new plugin."""

from __future__ import annotations

from pathlib import Path

import click

from lc_core.cli.options import FILE_PATH
from lc_core.plugins.scaffold import new_plugin

__all__ = ["command"]


@click.command("new-plugin")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(["constraint", "model", "engine", "renderer"]),
    default="constraint",
    show_default=True,
    help="What the plugin adds.",
)
@click.option("--out", type=FILE_PATH, help="Folder to write; default NAME. It must not exist.")
def command(name: str, kind: str, out: Path | None) -> None:
    """Write an installable package that adds one component: module, spec, test, README and CI.

    NAME names the distribution: small letters, digits and hyphens. What is written works as it is: it passes its own
    tests, ruff and mypy, and is then changed to what it should be.
    """
    files = new_plugin(name, kind, out)
    folder, module = files[0].parent, files[2]
    click.echo(f"wrote {folder}:")
    for file in files:
        click.echo(f"  {file.relative_to(folder)}")
    click.echo(f"edit {module}; then:")
    click.echo(f'  cd {folder} && pip install -e ".[dev]"')
    click.echo(f"  pytest && lc sample {module.with_suffix('.yaml').name}")
