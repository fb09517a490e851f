"""Words that messages and pages share."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["GROUPS", "counted", "some"]

GROUPS = {"all": "all of", "any": "any of", "not": "not"}
"""What a group is called where it wants its entries."""


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun.

    Example:
        >>> counted(1, "byte"), counted(12_345, "byte"), counted(0, "try", "tries")
        ('1 byte', '12,345 bytes', '0 tries')
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def some(names: Sequence[str]) -> str:
    """Return the first three names, and how many more there are."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
