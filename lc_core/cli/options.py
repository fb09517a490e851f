"""What several commands take: paths, and the options `--plugin FILE`, `--workers N` and `--quiet`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

__all__ = ["FILE_PATH", "FilePath", "on_workers", "plugin_files", "quietly"]


class FilePath(click.Path):
    """A path as `pathlib.Path`. A blank one is refused: `Path("")` would be the folder that one is in."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path."""
        if not str(value).strip():
            self.fail("the path is blank", param, ctx)
        return super().convert(value, param, ctx)


FILE_PATH = FilePath()

plugin_files = click.option(
    "--plugin",
    "plugins",
    metavar="FILE",
    multiple=True,
    type=FILE_PATH,
    help="A plugin of one Python file, which is run; repeatable.",
)

quietly = click.option("--quiet", is_flag=True, help="Print nothing but errors.")

on_workers = click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1),
    help="Processes, with this one; default as many as processors and memory allow, once some seconds have passed.",
)
