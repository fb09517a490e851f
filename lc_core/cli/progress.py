"""Progress of a run: a bar on a terminal, plain lines elsewhere; all of it on the error stream."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lc_core.sampling import Collector

__all__ = ["RunProgress"]

EVERY = 5.0
"""Seconds between two plain lines."""


class RunProgress:
    """Shows what a run is doing.

    Args:
        quiet: Show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None
        self._last = 0.0

    def __enter__(self) -> RunProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def line(self, text: str) -> None:
        """Show one line."""
        if self._quiet:
            return
        if self._bar is not None:
            self._bar.console.print(text, highlight=False)
        else:
            click.echo(text, err=True)

    def block(self, collector: Collector) -> None:
        """Show how far a run is, after a block."""
        if self._quiet:
            return
        wanted, have = collector.problem.count, len(collector.picked)
        text = f"{have:,} of {wanted:,} in {collector.tried:,} tries"
        if sys.stderr.isatty():
            if self._bar is None:
                self._start(wanted)
            self._bar.update(self._task, completed=have, description=text)
        elif collector.complete or time.monotonic() - self._last > EVERY:
            self._last = time.monotonic()
            self.line(text)

    def _start(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task("", total=total)
        self._bar.start()
