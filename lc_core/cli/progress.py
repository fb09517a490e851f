"""Progress of a run or a training: a bar on a terminal, plain lines elsewhere; all of it on the error stream."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from lc_core.common.progress import LONG, ProgressLine, time_of
from lc_core.common.words import counted

if TYPE_CHECKING:
    from lc_core.sampling.collector import Collector

__all__ = ["RunProgress"]

EVERY = 5.0
"""Seconds between two plain lines."""


class RunProgress:
    """Shows what a run or a training is doing.

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
        """End the bar; it stays as it was last."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def line(self, text: str) -> None:
        """Show one line; on a terminal a `ProgressLine` is the text of a bar."""
        if self._quiet:
            return
        if isinstance(text, ProgressLine) and sys.stderr.isatty():
            self._show(text, text.done, text.total)
        elif self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=True)

    def block(self, collector: Collector) -> None:
        """Show how far a run is, after a block."""
        if self._quiet:
            return
        wanted, have = collector.problem.count, collector.delivered
        text = f"{have:,} of {wanted:,} in {counted(collector.tried, 'try', 'tries')}"
        if (left := collector.most_seconds_left) > LONG:
            text += f", at most {time_of(left)} more"
        if sys.stderr.isatty():
            self._show(text, have, wanted)
        elif collector.complete or time.monotonic() - self._last > EVERY:
            self._last = time.monotonic()
            self.line(text)

    def _show(self, text: str, done: int, total: int) -> None:
        """Show a bar; one that is full, or of something else, stays as it is above the next."""
        if self._bar is not None and (total != self._bar.tasks[0].total or done < self._bar.tasks[0].completed):
            self.close()
        if self._bar is None:
            self._start(total)
        self._bar.update(self._task, completed=done, description=str(text))
        if done >= total:
            self.close()

    def _start(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        # Where all is too wide, the text wraps and the bar keeps its width.
        columns = (
            TextColumn("{task.description}", markup=False, table_column=Column()),
            BarColumn(table_column=Column(no_wrap=True)),
            TimeElapsedColumn(),
        )
        self._bar = Progress(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task("", total=total)
        self._bar.start()
