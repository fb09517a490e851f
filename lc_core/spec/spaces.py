"""Spaces in YAML that look plain and are not, such as a no-break space copied from a web page."""

from __future__ import annotations

import re

from lc_core.common.plain_text import ODD, named

__all__ = ["HINT", "in_scalar", "in_structure", "told"]

HINT = "write a plain space there, or put the text into quotes; such characters come in by copying from a web page"
STRUCTURE = re.compile(rf"(?:(?<=[\n:,{{\[?-])|^)[ \t]*({ODD})|({ODD})[ \t]*(?=[:,}}\]\n]|$)|\n[ \t]*({ODD})")
WITHIN = re.compile(rf"^{ODD}|:{ODD}|{ODD}$|[\u200b\u2060\ufeff]")


def in_structure(text: str, before: int) -> int | None:
    """Return where the first odd space is that stands for an indentation or a separator, up to an index; or None."""
    found = STRUCTURE.search(text, 0, max(before, 0))
    return found.start(found.lastindex or 0) if found else None


def in_scalar(text: str, start: int, end: int) -> int | None:
    """Return where plain text from `start` to `end` begins or ends with an odd space, or holds one unseen; or None."""
    found = WITHIN.search(text[start:end])
    return start + found.end() - 1 if found else None


def told(text: str, at: int) -> tuple[int, int, str]:
    """Return the line, the column and the words for an odd character."""
    before = text[:at]
    words = f"{named(text[at])} stands where a plain space, or nothing, is expected"
    return before.count("\n") + 1, len(before) - before.rfind("\n"), words
