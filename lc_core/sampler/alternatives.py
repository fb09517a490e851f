"""In which ways `any` and `not` let entries be met: in each, which constraints hold and which do not."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from lc_core.constraints.constraint import Constraint, Entry

__all__ = ["MOST_ALTERNATIVES", "Way", "alternatives", "count_alternatives"]

MOST_ALTERNATIVES = 256
"""Ways in which `any` and `not` may let a spec be met; each try is given one of them."""

Way = tuple[tuple[Constraint, bool], ...]
"""Constraints, each with whether it holds."""


def count_alternatives(entries: Sequence[Entry]) -> int:
    """Return in how many ways entries can be met, without making them."""
    return math.prod(_count(entry, holds=True) for entry in entries)


def alternatives(entries: Sequence[Entry]) -> list[Way]:
    """Return the ways in which all entries are met.

    An output meets the entries if it meets all that one way says, and only then. Ways may overlap.
    """
    return [sum(way, ()) for way in itertools.product(*(_ways(entry, holds=True) for entry in entries))]


def _count(entry: Entry, *, holds: bool) -> int:
    if isinstance(entry, Constraint):
        return 1
    if entry.kind == "not":
        return _count(entry.entries[0], holds=not holds)
    parts = [_count(child, holds=holds) for child in entry.entries]
    return math.prod(parts) if (entry.kind == "all") == holds else sum(parts)


def _ways(entry: Entry, *, holds: bool) -> list[Way]:
    if isinstance(entry, Constraint):
        return [((entry, holds),)]
    if entry.kind == "not":
        return _ways(entry.entries[0], holds=not holds)
    parts = [_ways(child, holds=holds) for child in entry.entries]
    if (entry.kind == "all") == holds:
        return [sum(way, ()) for way in itertools.product(*parts)]
    return [way for part in parts for way in part]
