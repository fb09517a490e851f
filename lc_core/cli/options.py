"""The option `--plugin FILE` of the commands that use components."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["plugin_files"]

plugin_files = click.option(
    "--plugin",
    "plugins",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A plugin of one Python file, which is run; repeatable.",
)
