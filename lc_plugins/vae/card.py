"""Parts of the model cards of trained networks, as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lc_core.common import counted

__all__ = ["front_matter", "machine", "minutes", "percent", "table"]


def front_matter(*tags: str) -> str:
    """Return what model hubs read at the top of a card."""
    names = ", ".join((*tags, "latent-constraints"))
    return f"---\nlicense: mit\nlibrary_name: latent-constraints\ntags: [{names}]\n---"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(value: float) -> str:
    """Return a share as text, with one place."""
    return f"{100 * value:.1f} %"


def minutes(seconds: float) -> str:
    """Return a time as text: in minutes, or in seconds if it is short."""
    return f"{seconds / 60:.0f} minutes" if seconds >= 90 else counted(round(seconds), "second")


def machine(figures: dict[str, Any]) -> str:
    """Return on what a training ran, from its `threads` and `processor`."""
    threads = figures["threads"]
    return f"{'one thread' if threads == 1 else f'{threads} threads'} of a processor of type {figures['processor']}"
