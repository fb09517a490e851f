"""Tables of labels: CSV files with a header `file,name1,name2,...` and one row a file."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lc_core.errors import LCError
from lc_core.plugins.registry import nearest

__all__ = ["SHOWN", "Table", "all_told", "check_folder", "read_table"]

SHOWN = 10
"""Mistakes of a kind that are told one by one."""
SEARCHED = 2_000
"""Files of a folder among which the nearest name is looked for: that takes time."""
HINT = "a table looks like this: file,smiling,sunglasses and then rows such as face1.png,1,0"


@dataclass(frozen=True)
class Table:
    """Labelled files.

    Args:
        path: The CSV file.
        files: The files `(N,)`, the folder included.
        names: The names of the columns.
        values: Labels `(N, K)` float64.
    """

    path: Path
    files: tuple[Path, ...]
    names: tuple[str, ...]
    values: np.ndarray


def all_told(told: Sequence[str], *, hint: str | None = None) -> None:
    """Raise one error with the first of several mistakes and the number of the others, if there are any."""
    if told:
        more = f"\nerror: and {len(told) - SHOWN:,} more like these" if len(told) > SHOWN else ""
        raise LCError("\nerror: ".join(told[:SHOWN]) + more, hint=hint)


def read_table(path: Path, folder: Path, suffixes: Sequence[str]) -> Table:
    """Read a table of labels, and check it against a folder.

    Args:
        path: A CSV file, UTF-8, with commas.
        folder: Holds the files; their names in the table are relative to it.
        suffixes: Of the files that can be read, such as `.png`; others in the folder need no label.

    Raises:
        LCError: If the table cannot be read, is empty or ragged, holds what is no finite number, names a file twice or
            one that does not exist; or if a file has no label.
    """
    header, rows = _rows(path)
    names = tuple(header[1:])
    _check_ragged(path, header, rows)
    values = _numbers(path, names, rows)
    given = [Path(row[0].strip()) for _, row in rows]
    lines: dict[Path, int] = {}
    twice = []
    for (line, _), name in zip(rows, given, strict=True):
        if name in lines:
            twice.append(f"{path}:{line}: {name} has a row already, in line {lines[name]}")
        lines.setdefault(name, line)
    all_told(twice)
    _check_files(path, folder, lines, suffixes)
    return Table(path, tuple(folder / name for name in given), names, values)


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header, and the other rows with their line numbers; blank lines are left out."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except OSError as error:
        raise LCError(f"labels {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LCError(
            f"labels {path} are no UTF-8 text: {error.reason}", hint="save the table as CSV, UTF-8"
        ) from error
    except csv.Error as error:
        raise LCError(f"labels {path} are no CSV table: {error}", hint=HINT) from error
    if not rows:
        raise LCError(f"labels {path}: the file is empty", hint=HINT)
    header = [cell.strip() for cell in rows[0][1]]
    if header[0] != "file" or len(header) < 2:
        found = ",".join(header)[:100]
        raise LCError(f"{path}:1: expected a header file,name1,name2,...; found {found!r}", hint=HINT)
    if "" in header:
        raise LCError(f"{path}:1: column {header.index('') + 1} has no name", hint=HINT)
    if len(set(header)) < len(header):
        again = next(name for name in header if header.count(name) > 1)
        raise LCError(f"{path}:1: there are two columns {again!r}; expected different names")
    if len(rows) == 1:
        raise LCError(f"labels {path}: there is a header, but no row", hint=HINT)
    return header, rows[1:]


def _check_ragged(path: Path, header: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> None:
    expected = f"expected {len(header)}, as in the header: {','.join(header)}"
    wrong = [(line, row) for line, row in rows if len(row) != len(header)]
    all_told([f"{path}:{line}: the row has {len(row)} values; {expected}" for line, row in wrong])


def _numbers(path: Path, names: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> np.ndarray:
    values = np.zeros((len(rows), len(names)))
    told = []
    for at, (line, row) in enumerate(rows):
        for column, name in enumerate(names):
            text = row[1 + column].strip()
            try:
                values[at, column] = float(text)
            except ValueError:
                told.append(f"{path}:{line}: {name} should be a number; found {text or 'nothing'!r}")
                continue
            if not math.isfinite(values[at, column]):
                told.append(f"{path}:{line}: {name} should be a finite number; found {text}")
    all_told(told, hint="write 1 for a yes and 0 for a no; leave out a file whose label is not known, and its row")
    return values


def check_folder(folder: Path) -> None:
    """Raise an `LCError` if there is no such folder."""
    if not folder.is_dir():
        found = "is a file" if folder.exists() else "there is no such folder"
        raise LCError(f"--data {folder}: {found}; expected a folder of files")


def _check_files(path: Path, folder: Path, lines: dict[Path, int], suffixes: Sequence[str]) -> None:
    check_folder(folder)
    there = [
        Path(place, name).relative_to(folder)
        for place, _, files in os.walk(folder)
        for name in files
        if Path(name).suffix.lower() in suffixes
    ]
    known = set(there)
    missing = [name for name in lines if name not in known and not (folder / name).is_file()]
    names = [str(one) for one in there] if len(there) <= SEARCHED else []
    told = []
    for number, name in enumerate(missing):
        close = nearest(str(name), names, count=1) if number < SHOWN else []
        guess = f" (did you mean {close[0]}?)" if close else ""
        told.append(f"{path}:{lines[name]}: there is no file {name} in {folder}{guess}")
    all_told(told, hint="names are relative to the folder that --data gives, with their endings")
    unlabelled = sorted(known - set(lines))
    all_told(
        [f"{folder / name} has no row in {path}" for name in unlabelled],
        hint="add rows, or put the files that have labels into a folder of their own",
    )
