"""A label set: encodings of outputs of one model, and for each name a number that tells whether it holds.

It is one safetensors file: `z`, `mean`, `std`, one tensor `label:<name>` a column, and JSON under `lc_labels` in the
file's metadata. Nothing here imports torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lc_core import LCError, Want
from lc_core.common import counted, nearest, parsed_json, read_bytes
from lc_core.plugins import installed_version

__all__ = ["Column", "FEWEST", "LabelSet", "LabelledModel", "check_classes", "is_label_set", "read_label_set"]

FORMAT = 1
KEY = "lc_labels"
PREFIX = "label:"
FEWEST = 30
"""Rows that each class of a column has to have: some to learn from, some to calibrate on, some to report on."""


@dataclass(frozen=True)
class Column:
    """One name of a label set.

    Args:
        name: The name.
        want: The values that count as a yes; an undefined value does not.
        source: Where the values are from: `use` and `params` of a measurement, or `file`, a table's name.
    """

    name: str
    want: Want
    source: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelledModel:
    """The model whose encodings a set holds: its name and settings in a spec, its digest and its output type."""

    use: str
    digest: str
    output_type: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class LabelSet:
    """Labelled latents, N rows.

    Args:
        model: Whose latents they are.
        columns: The names.
        values: For each name its values `(N,)` float64; NaN where a measurement's value does not exist.
        z: Latents `(N, *latent_shape)` float32: the prior samples that were decoded, or the encodings of the files.
        mean: Posterior means of the outputs, as `z`.
        std: Posterior standard deviations, as `z`.
        source: Where the rows are from, as plain data.
        digest: Hash of the file that it was read from, or written to.
    """

    model: LabelledModel
    columns: tuple[Column, ...]
    values: Mapping[str, np.ndarray]
    z: np.ndarray
    mean: np.ndarray
    std: np.ndarray
    source: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    def __len__(self) -> int:
        return len(self.z)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(one.name for one in self.columns)

    def held(self) -> np.ndarray:
        """Return which names hold, `(N, K)` bool."""
        return np.stack([one.want.met(self.values[one.name]) for one in self.columns], axis=1)

    def to_bytes(self) -> bytes:
        """Return the file's content: the same for the same set."""
        from safetensors.numpy import save

        about = {
            "format": FORMAT,
            "model": {
                "use": self.model.use,
                "params": dict(self.model.params),
                "digest": self.model.digest,
                "output": self.model.output_type,
            },
            "columns": [
                {"name": one.name, "want": one.want.as_dict(), "source": dict(one.source)} for one in self.columns
            ],
            "source": dict(self.source),
            "lc": installed_version("latent-constraints") or "unknown",
        }
        tensors = {"z": self.z, "mean": self.mean, "std": self.std}
        tensors = {name: np.ascontiguousarray(one, dtype=np.float32) for name, one in tensors.items()}
        tensors |= {PREFIX + name: np.ascontiguousarray(one, dtype=np.float64) for name, one in self.values.items()}
        return bytes(save(tensors, metadata={KEY: json.dumps(about, sort_keys=True, default=str)}))


def check_classes(columns: Sequence[Column], held: np.ndarray, *, where: str) -> None:
    """Check that there are enough rows with and without each name.

    Args:
        columns: K columns.
        held: Which names hold, `(N, K)` bool.
        where: What is told of the place, such as the name of a table.

    Raises:
        LCError: With every column of which one class is missing or has too few rows.
    """
    told = []
    for column, name in enumerate(one.name for one in columns):
        yes = int(held[:, column].sum())
        no = len(held) - yes
        if not yes or not no:
            told.append(f"{name} has one class only: {counted(len(held), 'row')}, all {'a yes' if yes else 'a no'}")
        elif min(yes, no) < FEWEST:
            told.append(
                f"{name} has {counted(yes, 'row')} with a yes and {no:,} with a no; {FEWEST} of each are needed"
            )
    if told:
        wants = "; ".join(f"{one.name}: {one.want}" for one in columns)
        raise LCError(
            f"{where}: {'; '.join(told)}", hint=f"label more rows, or other ones; what counts as a yes: {wants}"
        )


def is_label_set(path: Path) -> bool:
    """Return whether a file is a label set, whatever else may be wrong with it."""
    try:
        return path.is_file() and KEY in _metadata(path)
    except Exception:
        return False


def read_label_set(path: Path) -> LabelSet:
    """Read a label set and check all of it.

    Raises:
        LCError: If the file cannot be read, is truncated, no label set, or of another format; if a value is not a
            number, or a class has too few rows.
    """
    from safetensors.numpy import load

    hint = "lc label writes label sets"
    try:
        data = read_bytes(path)
    except FileNotFoundError as error:
        close = nearest(path.name, [one.name for one in path.parent.glob("*.safetensors")])
        guess = f" (did you mean {' or '.join(close)}?)" if close else ""
        raise LCError(f"label set {path}: no such file{guess}", hint=hint) from error
    except OSError as error:
        raise LCError(f"label set {path} cannot be read: {error.strerror}", hint=hint) from error
    try:
        about, tensors = _metadata(path), load(data)
    except Exception as error:
        raise LCError(
            f"{path} is truncated, or no safetensors file: {error}", hint="write it again with lc label"
        ) from error
    if KEY not in about:
        raise LCError(f"{path} is a safetensors file, but no label set", hint=hint)
    try:
        told = parsed_json(about[KEY])
        if told["format"] != FORMAT:
            raise LCError(f"{path} is a label set of format {told['format']}; this version reads {FORMAT}", hint=hint)
        found = _label_set(told, tensors, hashlib.sha256(data).hexdigest())
    except LCError as error:
        if str(path) in error.message:
            raise
        raise LCError(f"{path} is a damaged label set: {error.message}", hint=error.hint) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LCError(f"{path} is a damaged label set: {error!r}", hint="write it again with lc label") from error
    check_classes(found.columns, found.held(), where=str(path))
    return found


def _label_set(told: Mapping[str, Any], tensors: Mapping[str, np.ndarray], digest: str) -> LabelSet:
    model = told["model"]
    columns = tuple(Column(one["name"], Want(**_tuples(one["want"])), one["source"]) for one in told["columns"])
    found = LabelSet(
        model=LabelledModel(model["use"], model["digest"], model["output"], model["params"]),
        columns=columns,
        values={one.name: tensors[PREFIX + one.name] for one in columns},
        z=tensors["z"],
        mean=tensors["mean"],
        std=tensors["std"],
        source=told["source"],
        digest=digest,
    )
    if not columns:
        raise ValueError("it has no names")
    if {found.z.shape, found.mean.shape, found.std.shape} != {found.z.shape} or found.z.ndim < 2:
        raise ValueError("its latents differ in shape")
    for name, one in found.values.items():
        if one.shape != (len(found),):
            raise ValueError(f"{name} has shape {one.shape}; expected ({len(found)},)")
        if np.isinf(one).any():
            raise ValueError(f"{name} is infinite somewhere")
    if not all(np.isfinite(one).all() for one in (found.z, found.mean, found.std)):
        raise ValueError("its latents are not finite somewhere")
    return found


def _tuples(want: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(one) if isinstance(one, list) else one for key, one in want.items()}


def _metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        return dict(file.metadata() or {})
