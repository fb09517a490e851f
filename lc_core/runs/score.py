"""Measure a user's own files under the rules of a spec. Needs neither the model nor torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lc_core.constraints.constraint import Constraint, Entry, leaves
from lc_core.constraints.faults import outside_range
from lc_core.constraints.logic import verdict
from lc_core.plugins.readers import naming, read_file, reader_for
from lc_core.plugins.registry import Registered

__all__ = ["Assessed", "Score", "score_file"]


@dataclass(frozen=True)
class Assessed:
    """One entry of a spec, assessed on one output.

    Attributes:
        entry: The constraint or group.
        met: Whether it is met; None if that is undefined, as where a value it needs does not exist.
        measured: The value of a constraint; None for a group and for an undefined value.
        words: What the measurement says of the output beside its value; often nothing.
        inside: What a group holds, assessed.
    """

    entry: Entry
    met: bool | None
    measured: float | None = None
    words: str = ""
    inside: tuple[Assessed, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data, in the form of the entries of a run's `report.json`."""
        found: dict[str, Any] = {"label": self.entry.label}
        if isinstance(self.entry, Constraint):
            found |= {
                "use": self.entry.measurement.name,
                "wanted": self.entry.want.as_dict(),
                "unit": self.entry.measurement.info.unit,
                "measured": self.measured,
            }
            found |= {"words": self.words} if self.words else {}
        else:
            found["use"] = self.entry.kind
        found |= {"require": self.entry.require, "met": self.met}
        return found | ({"entries": [one.as_dict() for one in self.inside]} if self.inside else {})


@dataclass(frozen=True)
class Score:
    """One output of a file, assessed.

    Attributes:
        file: The file.
        output: Number of the output in it, from 0.
        outputs: How many outputs the file holds.
        entries: The spec's top-level entries, assessed.
        notes: What the reader said of the file, such as what it left out, and which values lie outside their range.
    """

    file: Path
    output: int
    outputs: int
    entries: tuple[Assessed, ...]
    notes: tuple[str, ...] = ()

    @property
    def satisfied(self) -> bool:
        """Whether every condition is met; preferences decide nothing, and an undefined condition is not met."""
        return all(one.met is True for one in self.entries if one.entry.require)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        constraints = [one.as_dict() for one in self.entries]
        found = {"file": str(self.file), "output": self.output, "all": self.satisfied, "constraints": constraints}
        return found | ({"notes": list(self.notes)} if self.notes else {})


def score_file(path: Path, entries: Sequence[Entry], *, readers: Mapping[str, Sequence[Registered]]) -> list[Score]:
    """Read a file, measure what it holds and judge every entry.

    Args:
        path: The file.
        entries: Top-level entries; the labels of their leaves are distinct.
        readers: From `readers_of`.

    Returns:
        One score for each output in the file.

    Raises:
        LCError: If the file cannot be read, or a plugin fails on it.
    """
    notes: list[str] = []
    with naming(path):
        outputs = read_file(path, reader_for(path, readers), tell=notes.append)
        values = {leaf.label: leaf.measurement(outputs) for leaf in leaves(entries)}
        words = {leaf.label: leaf.measurement.words(outputs) for leaf in leaves(entries)}
    outside = [outside_range(leaf.measurement, values[leaf.label]) for leaf in leaves(entries)]
    notes += filter(None, dict.fromkeys(outside))
    assessed = [_assess(entry, values, words, len(outputs)) for entry in entries]
    count = len(outputs)
    return [Score(path, row, count, tuple(one[row] for one in assessed), tuple(notes)) for row in range(count)]


def _assess(
    entry: Entry, values: Mapping[str, np.ndarray], words: Mapping[str, Sequence[str]], count: int
) -> list[Assessed]:
    """Assess an entry on each of `count` outputs."""
    assessed = verdict(entry, values)
    met = [None if not yes and not no else bool(yes) for yes, no in zip(assessed.met, assessed.unmet, strict=True)]
    if isinstance(entry, Constraint):
        measured = [None if np.isnan(value) else float(value) for value in values[entry.label]]
        return [Assessed(entry, met[row], measured[row], words[entry.label][row]) for row in range(count)]
    inside = [_assess(child, values, words, count) for child in entry.entries]
    return [Assessed(entry, met[row], inside=tuple(one[row] for one in inside)) for row in range(count)]
