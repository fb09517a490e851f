"""Names: a free one where one is taken, and suggestions for one that nobody knows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

__all__ = ["free_name", "misspelt", "nearest"]


def free_name(name: str, taken: set[str]) -> str:
    """Return a name, with a number where it is taken; it is taken then.

    Example:
        >>> taken = {"scale"}
        >>> free_name("scale", taken), free_name("scale", taken), free_name("span", taken)
        ('scale-2', 'scale-3', 'span')
    """
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(found)
    return found


def nearest(name: str, known: Sequence[str], *, count: int = 3) -> list[str]:
    """Return the names most like `name`, best first. What follows the last dot or slash counts, then the whole.

    Example:
        >>> nearest("in_scal", ["melody.in_scale", "melody.span"])
        ['melody.in_scale']
    """

    def likeness(one: str, other: str) -> float:
        return difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio()

    def last(text: str) -> str:
        return re.split(r"[./]", text)[-1]

    ranked = sorted((-likeness(last(name), last(one)), -likeness(name, one), one) for one in set(known))
    least = max(0.6, -ranked[0][0] - 0.15) if ranked else 1.0
    return [one for score, _, one in ranked[:count] if -score >= least]


def misspelt(name: str, known: Iterable[str]) -> str:
    """Return a question whether one of the known names is meant, to add to a message; empty unless one is very near.

    Example:
        >>> misspelt("image.grey/1", ["image.gray/1", "image.rgb/1"])
        ' (did you mean image.gray/1?)'
        >>> misspelt("Image.Gray/1", ["image.gray/1", "image.rgb/1"])
        ' (did you mean image.gray/1?)'
        >>> misspelt("example.pictures/1", ["image.gray/1", "image.rgb/1"])
        ''
    """
    lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), list(lower), n=1, cutoff=0.85)
    return f" (did you mean {lower[close[0]]}?)" if close and lower[close[0]] != name else ""
