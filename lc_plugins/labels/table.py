"""Tables of labels: CSV files with a header `file,name1,name2,...` and one row a file."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lc_core import LCError
from lc_core.common import counted, looks, nearest, visible
from lc_plugins.labels.csv_rows import HINT, Row, ambiguous, number, rows_of

__all__ = ["SHOWN", "Table", "all_told", "check_folder", "read_table"]

SHOWN = 10
"""Mistakes of a kind that are told one by one."""
SEARCHED = 2_000
"""Files of a folder among which the nearest name is looked for: that takes time."""


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
        path: A CSV file; see `lc_plugins.labels.csv_rows`.
        folder: Holds the files; their names in the table are relative to it, or absolute.
        suffixes: Of the files that can be read, such as `.png`; others in the folder need no label.

    Raises:
        LCError: If the table cannot be read, is empty or ragged, holds what is no finite number, names a file twice or
            one that does not exist; or if a file has no label.
    """
    header, rows = _rows(path)
    names = tuple(header[1:])
    _check_ragged(path, header, rows)
    values = _numbers(path, names, rows)
    check_folder(folder)
    there = _files_in(folder, suffixes)
    given = _found(path, folder, [(line, row[0]) for line, row in rows], there)
    lines: dict[Path, int] = {}
    twice = []
    for (line, _), name in zip(rows, given, strict=True):
        if name in lines:
            twice.append(f"{path}:{line}: {name} has a row already, in line {lines[name]}")
        lines.setdefault(name, line)
    all_told(twice, hint="keep one row for each file")
    unlabelled = sorted(set(there) - set(lines))
    all_told(
        [f"{folder / name} has no row in {path}" for name in unlabelled],
        hint="add rows, or put the files that have labels into a folder of their own",
    )
    return Table(path, tuple(folder / name for name in given), names, values)


def _rows(path: Path) -> tuple[list[str], list[Row]]:
    """Return the header, and the other rows with their line numbers."""
    rows = rows_of(path)
    if not rows:
        raise LCError(f"labels {path}: the file is empty", hint=HINT)
    top, header = rows[0]
    if header[0] != "file" or len(header) < 2:
        found = visible(",".join(header))[:100]
        raise LCError(f"{path}:{top}: expected a header file,name1,name2,...; found {found!r}", hint=HINT)
    if "" in header:
        raise LCError(f"{path}:{top}: column {header.index('') + 1} has no name", hint=HINT)
    if len(set(header)) < len(header):
        again = next(name for name in header if header.count(name) > 1)
        raise LCError(f"{path}:{top}: there are two columns {again!r}; expected different names")
    if len(rows) == 1:
        raise LCError(f"labels {path}: there is a header, but no row", hint=HINT)
    return header, rows[1:]


def _check_ragged(path: Path, header: Sequence[str], rows: Sequence[Row]) -> None:
    expected = f"expected {len(header)}, as in the header: {','.join(header)}"
    wrong = [(line, row) for line, row in rows if len(row) != len(header)]
    all_told(
        [f"{path}:{line}: the row has {counted(len(row), 'value')}; {expected}" for line, row in wrong],
        hint="a decimal comma splits a number in two: write 0.5, or save the table with semicolons between columns"
        if any(len(row) > len(header) for _, row in wrong)
        else None,
    )


def _numbers(path: Path, names: Sequence[str], rows: Sequence[Row]) -> np.ndarray:
    values = np.zeros((len(rows), len(names)))
    told = []
    comma = [not ambiguous([row[1 + column] for _, row in rows]) for column in range(len(names))]
    for at, (line, row) in enumerate(rows):
        for column, name in enumerate(names):
            text = row[1 + column]
            try:
                values[at, column] = number(text, comma=comma[column])
            except ValueError:
                found = repr(visible(text)) if text else "nothing"
                unclear = "" if comma[column] or "," not in text else ", whose comma may part thousands or decimals"
                told.append(f"{path}:{line}: {name} should be a number; found {found}{unclear}")
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


def _files_in(folder: Path, suffixes: Sequence[str]) -> list[Path]:
    """Return the files of a folder that can be read, relative to it."""
    return [
        Path(place, name).relative_to(folder)
        for place, _, files in os.walk(folder)
        for name in files
        if Path(name).suffix.lower() in suffixes
    ]


def _found(path: Path, folder: Path, rows: Sequence[tuple[int, str]], there: Sequence[Path]) -> list[Path]:
    """Return the file that each row means, relative to the folder if it is in it.

    A name that no file has means the one file whose name looks the same: whose accents are composed in another way,
    that has a plain space for a no-break space, or slashes for backslashes.

    Raises:
        LCError: If there is none, or more than one.
    """
    known = set(there)
    similar: dict[str, list[Path]] = {}
    for one in there:
        similar.setdefault(looks(str(one)), []).append(one)
    given, missing, unclear = [], [], []
    for line, text in rows:
        name = _inside(Path(text), folder)
        if name not in known and not os.path.isfile(folder / name):
            alike = similar.get(looks(str(name)), [])
            if len(alike) > 1:
                both = " and ".join(ascii(str(one)) for one in alike)
                unclear.append(f"{path}:{line}: {visible(text)} may mean one of the files {both} in {folder}")
            elif not alike:
                missing.append((line, text))
            name = alike[0] if alike else name
        given.append(name)
    all_told(unclear, hint="give the file another name")
    names = [str(one) for one in there] if len(there) <= SEARCHED else []
    told = []
    for count, (line, text) in enumerate(missing):
        close = nearest(text, names, count=1) if count < SHOWN else []
        guess = f" (did you mean {close[0]}?)" if close else ""
        told.append(f"{path}:{line}: there is no file {visible(text)} in {folder}{guess}")
    all_told(told, hint="names are relative to the folder that --data gives, with their endings")
    return given


def _inside(name: Path, folder: Path) -> Path:
    """Return a path relative to a folder that it lies in, absolute, with `..` or by a link; another one as it is."""
    for base in (Path(os.path.normpath(folder.absolute())), folder.resolve()):
        for whole in (Path(os.path.normpath(base / name)), (base / name.parent).resolve() / name.name):
            if whole.is_relative_to(base):
                return whole.relative_to(base)
    return Path(os.path.normpath(name))
