"""Measure a user's own files under the rules of a spec. Needs neither the model nor torch."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.constraint import Constraint, Entry, leaves, verdict
from lc_core.errors import LCError
from lc_core.plugins.registry import Registered, Registry
from lc_core.pointers import refuse_pointer_at

if TYPE_CHECKING:
    from lc_core.latent_model import LatentModel

__all__ = ["Judged", "Score", "read_outputs", "reader_settings", "readers_of", "score_file"]


@dataclass(frozen=True)
class Judged:
    """One entry of a spec, judged on one output.

    Attributes:
        entry: The constraint or group.
        met: Whether it is met; None if that is undefined, as where a value it needs does not exist.
        measured: The value of a constraint; None for a group and for an undefined value.
        inside: What a group holds, judged.
    """

    entry: Entry
    met: bool | None
    measured: float | None = None
    inside: tuple[Judged, ...] = ()

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
        else:
            found["use"] = self.entry.kind
        found |= {"require": self.entry.require, "met": self.met}
        return found | ({"entries": [one.as_dict() for one in self.inside]} if self.inside else {})


@dataclass(frozen=True)
class Score:
    """One output of a file, judged.

    Attributes:
        file: The file.
        output: Number of the output in it, from 0.
        outputs: How many outputs the file holds.
        entries: The spec's top-level entries, judged.
        notes: What the reader said of the file, such as what it left out.
    """

    file: Path
    output: int
    outputs: int
    entries: tuple[Judged, ...]
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


def readers_of(registry: Registry, output_type: str) -> dict[str, list[Registered]]:
    """Return the readers of files that give outputs of a type, by suffix in lower case (`.mid`).

    Raises:
        LCError: If there is none.
    """
    found: dict[str, list[Registered]] = {}
    for one in registry.all("reader"):
        suffixes = one.about["suffixes"]
        if one.about["output"] == output_type:
            for suffix in [suffixes] if isinstance(suffixes, str) else suffixes:
                found.setdefault(suffix.lower(), []).append(one)
    if not found:
        raise LCError(
            f"no installed plugin reads files as {output_type}, which is what this spec's model makes",
            hint="lc plugins lists the readers that are installed",
        )
    return found


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
    with _naming(path):
        outputs = _read(path, _reader(path, readers), tell=notes.append)
        values = {leaf.label: leaf.measurement(outputs) for leaf in leaves(entries)}
    judged = [_judge(entry, values, len(outputs)) for entry in entries]
    count = len(outputs)
    return [Score(path, row, count, tuple(one[row] for one in judged), tuple(notes)) for row in range(count)]


def read_outputs(
    path: Path,
    *,
    readers: Mapping[str, Sequence[Registered]],
    known: Mapping[str, Any] | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> np.ndarray:
    """Read a file: outputs, first dimension B of 1 or more.

    Args:
        path: The file.
        readers: From `readers_of`.
        known: Values of settings that a reader may have, such as the size of a model's pictures.
        tell: Called with each line that the reader says of the file.

    Raises:
        LCError: If it cannot be read.
    """
    with _naming(path):
        return _read(path, _reader(path, readers), known, tell=tell)


def reader_settings(model: LatentModel) -> dict[str, int]:
    """Return what a reader takes from a model: the `size` of its pictures and the `steps` of its melodies."""
    return {name: value for name in ("size", "steps") if isinstance(value := getattr(model, name, None), int)}


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Have an error name the file."""
    try:
        yield
    except LCError as error:
        if str(path) in error.message:
            raise
        raise LCError(f"{path}: {error.message}", hint=error.hint) from error
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise LCError(f"{path}: {error.strerror or error}") from error


def _reader(path: Path, readers: Mapping[str, Sequence[Registered]]) -> Registered:
    if path.is_dir():
        raise LCError("is a folder; expected a file", hint=f"name the files in it: {path}/*")
    if not path.exists():
        raise LCError("no such file")
    fitting = readers.get(path.suffix.lower(), ())
    if not fitting:
        ending = f"files that end in {path.suffix}" if path.suffix else "files without an ending"
        raise LCError(f"{ending} cannot be read; expected {' or '.join(sorted(readers))}")
    if len(fitting) > 1:
        names = " and ".join(one.qualified for one in fitting)
        raise LCError(
            f"{names} both read {path.suffix} files",
            hint=f"leave one distribution out: LC_DISABLE_PLUGINS={fitting[-1].distribution}",
        )
    return fitting[0]


def _read(
    path: Path, reader: Registered, known: Mapping[str, Any] | None = None, *, tell: Callable[[str], None]
) -> np.ndarray:
    names = reader.parameters().model_fields
    read, settings = reader.load(), reader.fill({key: value for key, value in (known or {}).items() if key in names})
    who = f"reader {reader.name} of {reader.distribution}"
    more = {"tell": tell} if "tell" in inspect.signature(read).parameters else {}
    refuse_pointer_at(path)
    try:
        outputs = np.asarray(read(path, **settings, **more))
    except LCError:
        raise
    except Exception as error:
        raise LCError(f"{who} raised {type(error).__name__}: {error}") from error
    if outputs.ndim == 0 or not len(outputs):
        raise LCError(f"{who} returned shape {outputs.shape}; expected (B, ...) with B of 1 or more")
    return outputs


def _judge(entry: Entry, values: Mapping[str, np.ndarray], count: int) -> list[Judged]:
    """Judge an entry on each of `count` outputs."""
    judged = verdict(entry, values)
    met = [None if not yes and not no else bool(yes) for yes, no in zip(judged.met, judged.unmet, strict=True)]
    if isinstance(entry, Constraint):
        measured = [None if np.isnan(value) else float(value) for value in values[entry.label]]
        return [Judged(entry, met[row], measured[row]) for row in range(count)]
    inside = [_judge(child, values, count) for child in entry.entries]
    return [Judged(entry, met[row], inside=tuple(one[row] for one in inside)) for row in range(count)]
