"""Reads the samples of a run from its folder, some at a time: from `samples.safetensors`, or from its shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from lc_core.errors import LCError

__all__ = ["AGAIN", "SHARDS", "read_samples", "sample_files", "shard_name"]

AGAIN = "the lc sample command of the run writes it again"
SHARDS = "samples"
"""Folder of shards."""
PIECE = 10_000
"""Most samples that are read at once."""


def shard_name(number: int) -> str:
    """Return the name of a shard in a run's folder."""
    return f"{SHARDS}/{number:06d}.safetensors"


def read_samples(
    folder: Path, names: Sequence[str] = (), *, begin: int = 0, end: int | None = None, piece: int = PIECE
) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """Yield the samples of a run in order, some at a time: the number of the first one, and tensors by their names.

    Args:
        folder: The folder of the run.
        names: Which tensors, as far as they are there; all if none is named.
        begin: Number of the first sample, from 0.
        end: Number after the last one; None for all.
        piece: Most samples at a time; those of two shards never come together.

    Raises:
        LCError: If a file is missing or cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    first = 0
    for path in sample_files(folder):
        try:
            with safe_open(path, framework="numpy") as file:
                held = len(file.get_tensor("index"))
                wanted = [name for name in file.keys() if not names or name in names]
                if any(file.get_slice(name).get_shape()[:1] != [held] for name in wanted):
                    raise LCError(f"{path} holds tensors of different lengths", hint=AGAIN)
                start, stop = max(begin - first, 0), held if end is None else min(end - first, held)
                for at in range(start, stop, piece):
                    rows = slice(at, min(at + piece, stop))
                    yield first + at, {name: file.get_slice(name)[rows] for name in wanted}
        except (OSError, SafetensorError) as error:
            raise LCError(f"{path} cannot be read: {error}", hint=AGAIN) from error
        first += held


def sample_files(folder: Path) -> list[Path]:
    """Return the files that hold the samples of a run, in their order: one, or its shards.

    Raises:
        LCError: If a shard before others is missing.
    """
    whole = folder / "samples.safetensors"
    found = sorted((folder / SHARDS).glob("*.safetensors"))
    if whole.exists() or not found:
        return [whole]
    for number, path in enumerate(found):
        if path != (expected := folder / shard_name(number)):
            raise LCError(f"{expected} is missing", hint=AGAIN)
    return found
