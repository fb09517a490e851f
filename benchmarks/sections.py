"""A benchmark of several sections: each prints figures, and the command runs all of them or those that are named."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
import torch

__all__ = ["Sections"]


class Sections:
    """Functions that a benchmark consists of, by name, in the order in which they are declared."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[[], None]] = {}

    def __call__(self, function: Callable[[], None]) -> Callable[[], None]:
        """Declare a section: a decorator."""
        self.functions[function.__name__] = function
        return function

    def main(self) -> None:
        """Run the command, on one thread."""

        @click.command()
        @click.argument("sections", nargs=-1, type=click.Choice(sorted(self.functions)))
        def command(sections: tuple[str, ...]) -> None:
            """Print figures; all sections unless some are named."""
            torch.set_num_threads(1)
            for name in sections or list(self.functions):
                self.functions[name]()
                sys.stdout.flush()

        command()
