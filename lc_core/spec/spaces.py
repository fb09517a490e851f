"""Spaces in YAML that look plain and are not, such as a no-break space copied from a web page."""

from __future__ import annotations

import re

from lc_core.common.plain_text import ODD, named

__all__ = ["HINT", "dash", "decimal_comma", "in_scalar", "in_structure", "tab", "shown"]

HINT = "write a plain space there, or put the text into quotes; such characters come in by copying from a web page"
STRUCTURE = re.compile(rf"(?:(?<=[\n:,{{\[?-])|^)[ \t]*({ODD})|({ODD})[ \t]*(?=[:,}}\]\n]|$)|\n[ \t]*({ODD})")
WITHIN = re.compile(rf"^{ODD}|:{ODD}|{ODD}$|[\u200b\u2060\ufeff]")


DASHES = {"\u2010": "a hyphen of print", "\u2011": "a hard hyphen", "\u2013": "an en dash", "\u2014": "an em dash"} | {
    "\u2212": "a minus sign",
    "\u2022": "a bullet",
}
"""What word processors make of a hyphen, or of a mark of a list."""
MARK = re.compile(rf"^[ \t]*([{''.join(DASHES)}])(?=\s)", re.MULTILINE)
TAB = re.compile(r"^ *(?:- *)*(\t)", re.MULTILINE)


def tab(text: str, start: int, end: int) -> tuple[int, int, str] | None:
    """Return the line, the column and the words for the first tab that indents in some lines; or None.

    Args:
        text: The whole text.
        start: Where the first line begins.
        end: Where the last line ends.
    """
    found = TAB.search(text, start, end)
    return (*_place(text, found.start(1)), "a tab stands where only spaces are allowed") if found else None


def dash(text: str, start: int, end: int) -> tuple[int, int, str] | None:
    """Return the same for the first dash that begins a line and is no hyphen; or None."""
    found = MARK.search(text, start, end)
    if found is None:
        return None
    words = f"{DASHES[found[1]]} (U+{ord(found[1]):04X}) stands where a list is marked by a plain hyphen, -"
    return (*_place(text, found.start(1)), words)


def decimal_comma(text: str, at: int) -> str | None:
    """Return the words for a number with a decimal comma, if YAML took its digits from `at` on for a key; or None."""
    before, after = re.search(r"([-+]?\d+),$", text[:at]), re.match(r"\d+", text[at:])
    if not before or not after:
        return None
    return f"a number takes a decimal point: write {before[1]}.{after[0]}; found {before[1]},{after[0]}"


def in_structure(text: str, before: int) -> int | None:
    """Return where the first odd space is that stands for an indentation or a separator, up to an index; or None."""
    found = STRUCTURE.search(text, 0, max(before, 0))
    return found.start(found.lastindex or 0) if found else None


def in_scalar(text: str, start: int, end: int) -> int | None:
    """Return where plain text from `start` to `end` begins or ends with an odd space, or holds one unseen; or None."""
    found = WITHIN.search(text[start:end])
    return start + found.end() - 1 if found else None


def shown(text: str, at: int) -> tuple[int, int, str]:
    """Return the line, the column and the words for an odd character."""
    return (*_place(text, at), f"{named(text[at])} stands where a plain space, or nothing, is expected")


def _place(text: str, at: int) -> tuple[int, int]:
    before = text[:at]
    return before.count("\n") + 1, len(before) - before.rfind("\n")
