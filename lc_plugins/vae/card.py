"""Model cards of trained networks: templates of Markdown, filled in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from lc_core.common import counted

__all__ = ["filled"]


def filled(template: str, **values: Any) -> str:
    """Return a model card.

    Args:
        template: Its file in this package, such as `melody/card.md`. There, `x|f(".3f")` is `format(x, ".3f")`,
            and `row` makes a row of a table.
        values: What it names; `threads` and `processor` become `machine`, on what a training ran.
    """
    loader = FileSystemLoader(Path(__file__).parents[1])
    cards = Environment(  # Markdown: nothing is escaped
        loader=loader, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    cards.filters |= {"counted": counted, "f": format, "minutes": _minutes, "percent": _percent, "row": _row}
    threads = values.get("threads")
    where = f"{'one thread' if threads == 1 else f'{threads} threads'} of a processor of type {values.get('processor')}"
    return cards.get_template(template).render(values, machine=where)


def _percent(value: float) -> str:
    """Return a share as text, with one place."""
    return f"{100 * value:.1f} %"


def _minutes(seconds: float) -> str:
    """Return a time as text: in minutes, or in seconds if it is short."""
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else counted(round(seconds), "second")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
