"""Text that people give: its encoding, characters that cannot be seen, and names that look the same."""

from __future__ import annotations

import codecs
import re
import unicodedata

__all__ = ["ODD", "decoded", "looks", "named", "tidy", "visible"]

NAMES = {
    "\u00a0": "a no-break space",
    "\u00ad": "a soft hyphen",
    "\u1680": "an ogham space",
    "\u202f": "a narrow no-break space",
    "\u205f": "a mathematical space",
    "\u3000": "a wide space",
    "\u200b": "a zero-width space",
    "\u200c": "a zero-width non-joiner",
    "\u200d": "a zero-width joiner",
    "\u200e": "a left-to-right mark",
    "\u200f": "a right-to-left mark",
    "\u2060": "a word joiner",
    "\ufeff": "a byte order mark",
} | {chr(code): "a typographic space" for code in range(0x2000, 0x200B)}
UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""Those of no width."""
ODD = f"[{''.join(NAMES)}]"
"""A pattern for one space that is no plain one, or for a character that cannot be seen."""


def decoded(data: bytes) -> str:
    """Return text in UTF-8, or in UTF-16 if its byte order mark says so; the mark is left out.

    Raises:
        UnicodeDecodeError: If it is neither.
    """
    sixteen = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if sixteen and not len(data) % 2 else "utf-8-sig")


def named(character: str) -> str:
    """Return the name of an odd character: `a no-break space (U+00A0)`."""
    return f"{NAMES[character]} (U+{ord(character):04X})"


def tidy(text: str) -> str:
    """Return text without spaces, and characters that cannot be seen, at its ends."""
    return re.sub(rf"^(?:{ODD}|\s)+|(?:{ODD}|\s)+$", "", text)


def visible(text: str) -> str:
    """Return text in which odd characters are written out: `1<no-break space>000`."""
    return re.sub(ODD, lambda found: f"<{NAMES[found[0]].split(' ', 1)[1]}>", text)


def looks(name: str) -> str:
    """Return one form for all names that look the same: in Unicode's composed form, with plain spaces and slashes."""
    seen = re.sub(f"[{UNSEEN}]", "", name)
    return unicodedata.normalize("NFC", re.sub(ODD, " ", seen).replace("\\", "/")).strip()
