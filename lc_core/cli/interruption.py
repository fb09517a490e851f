"""What a command says when it is interrupted, and the status that it then ends with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import click

__all__ = ["INTERRUPTED", "going_on"]

INTERRUPTED = 130


@contextmanager
def going_on(how: str, say: Callable[[str], object] | None = None) -> Iterator[None]:
    """If what is inside is interrupted, say how it goes on, by default on the error stream, and end the command."""
    try:
        yield
    except KeyboardInterrupt:
        (say or partial(click.echo, err=True))(f"interrupted; {how}")
        click.get_current_context().exit(INTERRUPTED)
