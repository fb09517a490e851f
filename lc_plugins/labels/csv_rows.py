"""Rows of a table of labels, however a program of somebody's country saved it.

Read as they are meant: UTF-8 or UTF-16 with a byte order mark, columns separated by commas, semicolons or tabs, any
ends of lines, blank lines, spaces of any kind around a cell, decimal commas. What could mean two things is an error.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from lc_core import LCError
from lc_core.common import decoded, read_bytes, tidy

__all__ = ["HINT", "Row", "ambiguous", "number", "rows_of"]

HINT = "a table looks like this: file,smiling,sunglasses and then rows such as face1.png,1,0"
SEPARATORS = ",;\t"
DECIMAL = re.compile(r"[-+]?\d*,\d+(?:[eE][-+]?\d+)?")
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(?:,\d{3})+")
"""A comma that could as well separate thousands."""

Row = tuple[int, list[str]]
"""A line number and the cells."""


def rows_of(path: Path) -> list[Row]:
    """Return the rows of a table, the header first; blank lines are left out.

    Raises:
        LCError: If the file cannot be read, is no text, or is no CSV table.
    """
    text = _text(path)
    named = re.match(r"sep=(.)\r?\n", text)  # a line that a spreadsheet writes for itself
    separator = named[1] if named else _separator(text)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        rows = [(reader.line_num, [tidy(cell) for cell in row]) for row in reader]
    except csv.Error as error:
        raise LCError(f"labels {path} are no CSV table: {error}", hint=HINT) from error
    return [(line, row) for line, row in rows[1 if named else 0 :] if any(row)]


def number(text: str, *, comma: bool) -> float:
    """Return a cell as a number.

    Args:
        text: The cell.
        comma: Take a comma as the decimal point.

    Raises:
        ValueError: If it is none.
    """
    if "_" in text:
        raise ValueError(text)  # which Python takes, and no table means
    return float(text.replace(",", ".") if comma and DECIMAL.fullmatch(text) else text)


def ambiguous(cells: Sequence[str]) -> bool:
    """Return whether commas in a column could separate thousands as well as decimals."""
    with_comma = [cell for cell in cells if DECIMAL.fullmatch(cell)]
    return bool(with_comma) and all(THOUSANDS.fullmatch(cell) for cell in with_comma)


def _text(path: Path) -> str:
    try:
        data = read_bytes(path)
    except OSError as error:
        raise LCError(f"labels {path} cannot be read: {error.strerror}") from error
    try:
        text = decoded(data)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise LCError(
            f"labels {path} are no UTF-8 text: {error.reason} in line {line}", hint="save the table as CSV, UTF-8"
        ) from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise LCError(
            f"labels {path} are no UTF-8 text: a null byte in line {line}", hint="save the table as CSV, UTF-8"
        )
    return text


def _separator(text: str) -> str:
    """Return what follows the header's first name, `file`; a comma if that is something else."""
    header = next((line for line in text.splitlines() if tidy(line)), "")
    found = re.match(rf'(?:"file"|file)[^\w{SEPARATORS}]*([{SEPARATORS}])', tidy(header))
    return found[1] if found else ","
