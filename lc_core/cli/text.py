"""How commands write tables, numbers, sizes and ages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from lc_core.cli.streams import shown
from lc_core.common.words import counted
from lc_core.constraints.want import Want

__all__ = ["age", "measured", "number", "outputs_line", "size", "table", "wanted"]

UNSEEN = "Mn", "Me", "Cf"
"""Categories of characters that take no column: accents that belong to the one before, and marks."""
UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60))


def table(rows: Sequence[Sequence[str]], *, indent: str = "") -> str:
    r"""Return rows of equal length as lines with columns as wide as their widest cell is on standard output.

    What standard output cannot show, such as a part of a file name that is not UTF-8, stands there as `\udce9`.
    """
    cells = [[shown(cell) for cell in row] for row in rows]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    gaps = [[" " * (width - _width(one)) for one, width in zip(row, widths, strict=True)] for row in cells]
    lines = ("  ".join(map(str.__add__, row, after)) for row, after in zip(cells, gaps, strict=True))
    return "\n".join(indent + line.rstrip() for line in lines)


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.category(one) in UNSEEN else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def number(value: float) -> str:
    """Return a number with six digits at most, whole numbers as such."""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e15 else f"{value:.6g}"


def measured(value: float, unit: str) -> str:
    """Return a measured value with its unit, in the singular after 1; a unit that lists values is left out.

    Example:
        >>> measured(1, "metrical levels"), measured(2.5, "semitones"), measured(0, "0 or 1"), measured(1, "log odds")
        ('1 metrical level', '2.5 semitones', '0', '1 log odds')
    """
    if unit[:1].isdigit():
        return number(value)
    one = re.sub(r"^((?:\w+ )?(?!odds)\w*[^s\W])s(?= per |$)", r"\1", unit)
    return f"{number(value)} {one if value == 1 else unit}".rstrip()


def wanted(want: Want) -> str:
    """Return what is wanted in words.

    Example:
        >>> wanted(Want(between=(12, 24))), wanted(Want(target=40, tolerance=5)), wanted(Want(at_least=0.75))
        ('12 to 24', '40 ± 5', 'at least 0.75')
    """
    if want.between is not None:
        return f"{number(want.between[0])} to {number(want.between[1])}"
    if want.target is not None and want.tolerance is not None:
        return f"{number(want.target)} ± {number(want.tolerance)}"
    return f"at least {number(want.low)}" if want.at_least is not None else f"at most {number(want.high)}"


def size(count: float) -> str:
    """Return a number of bytes in words.

    Example:
        >>> size(900), size(12_340), size(5_600_000)
        ('900 B', '12.3 kB', '5.6 MB')
    """
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def age(seconds: float) -> str:
    """Return an age in words.

    Example:
        >>> age(5), age(200), age(90_000)
        ('just now', '3 minutes', '1 day')
    """
    for unit, length in UNITS:
        if seconds >= length:
            return counted(int(seconds // length), unit)
    return "just now"


def outputs_line(folder: Path, count: int) -> str:
    """Return where the files of a run's outputs are, or why there are none although there are outputs."""
    outputs = folder / "outputs"
    if count and not any(outputs.iterdir()):
        return "files: none, since the spec has no render: (lc plugins lists the renderers)"
    numbered = {one.name[:6] for one in outputs.iterdir() if one.name[:6].isdigit()}
    if len(numbered) < count:
        return f"files: {outputs}; not of all {count:,} outputs, but lc render makes those of the others"
    return f"files: {outputs}"
