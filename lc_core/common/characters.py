"""Characters that an encoding does not have, such as parts of a file name that is not UTF-8, and control characters."""

from __future__ import annotations

import codecs
import unicodedata

__all__ = ["controls", "escaping", "utf8"]

NAME = "lc.escape"


def escaping() -> str:
    r"""Return the name of an error handler of codecs: a character goes as `\uXXXX`, which JSON reads as that one."""
    codecs.register_error(NAME, _escape)
    return NAME


def utf8(text: str) -> bytes:
    """Return text as UTF-8, whatever is in it."""
    return text.encode("utf-8", escaping())


def controls(text: str) -> str:
    r"""Return text with its control characters, ends of lines too, as `\uXXXX`: to a terminal they are commands."""
    return "".join(f"\\u{ord(one):04x}" if unicodedata.category(one) == "Cc" else one for one in text)


def _escape(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (int.from_bytes(units[at : at + 2], "big") for at in range(0, len(units), 2))
    return "".join(f"\\u{unit:04x}" for unit in pairs), error.end
