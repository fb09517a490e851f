"""Outputs of a run that is evaluated, some at a time: a run in shards holds more than the memory may."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from lc_core.errors import LCError
from lc_core.models.latent_model import decode_outputs
from lc_core.sampling.samples import AGAIN, read_samples

if TYPE_CHECKING:
    from lc_core.models.latent_model import LatentModel

__all__ = ["HeldOutputs", "Outputs", "SavedOutputs"]

PIECE = 1_024
"""Outputs that are read, or decoded, at once."""


class Outputs(Protocol):
    """Decoded outputs, numbered from 0."""

    def __len__(self) -> int:
        """Return how many there are."""

    def pieces(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield all in order, some at a time: the number of the first one, and the outputs."""

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return some of them, in the order of `rows`, distinct numbers `(n,)`."""


class HeldOutputs:
    """Outputs that are held.

    Args:
        outputs: They, first dimension N.
    """

    def __init__(self, outputs: np.ndarray) -> None:
        self._outputs = outputs

    def __len__(self) -> int:
        return len(self._outputs)

    def pieces(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield all at once."""
        yield 0, self._outputs

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return some of them."""
        found: np.ndarray = self._outputs[rows]
        return found


class SavedOutputs:
    """Outputs of a run in its folder; where they are too large to be saved, they are decoded again.

    Args:
        folder: The folder of the run.
        model: Its model.

    Raises:
        LCError: If a file of samples is missing or cannot be read, or holds no latents.
    """

    def __init__(self, folder: Path, model: LatentModel) -> None:
        self._folder, self._model = folder, model
        self._count = sum(len(tensors["index"]) for _, tensors in read_samples(folder, ("index",)))

    def __len__(self) -> int:
        return self._count

    def pieces(self) -> Iterator[tuple[int, np.ndarray]]:
        """Yield all in order, some at a time."""
        for first, found, kept in self._read():
            yield first, self._decoded(found, first) if kept == "z" else found

    def take(self, rows: np.ndarray) -> np.ndarray:
        """Return some of them; no others are held or decoded."""
        ordered = np.sort(rows)
        parts, latents = [], False
        for first, found, kept in self._read():
            begin, end = np.searchsorted(ordered, [first, first + len(found)])
            parts.append(found[ordered[begin:end] - first])
            latents = kept == "z"
        some = np.concatenate(parts)
        outputs = self._decoded(some, 0) if latents else some
        found_rows: np.ndarray = outputs[np.searchsorted(ordered, rows)]
        return found_rows

    def _read(self) -> Iterator[tuple[int, np.ndarray, str]]:
        """Yield outputs (`x`) where they are saved, latents (`z`) where not, and which of the two it is."""
        like = None
        for first, tensors in read_samples(self._folder, ("x", "z"), piece=PIECE):
            if "z" not in tensors:
                raise LCError(f"{self._folder} holds no latents", hint=AGAIN)
            kept = "x" if "x" in tensors else "z"
            self._check("latents", tensors["z"], first, self._model.latent_shape, np.dtype(np.float32))
            if kept == "x":
                like = self._decoded(tensors["z"][:1], first) if like is None else like
                self._check("outputs", tensors["x"], first, like.shape[1:], like.dtype)
            yield first, tensors[kept], kept

    def _check(self, what: str, found: np.ndarray, first: int, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        """Refuse what the model cannot have made: a file of the run was changed."""
        if found.shape[1:] != tuple(shape) or found.dtype != dtype:
            told = f"{found.dtype} of shape {found.shape[1:]}; {self._model.name} has {dtype} of shape {tuple(shape)}"
            raise LCError(f"{self._folder} holds {what} in {told}", hint=AGAIN)
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            at = first + int(np.flatnonzero(~np.isfinite(found).reshape(len(found), -1).all(axis=1))[0])
            raise LCError(f"{self._folder}: {what} number {at} is not finite", hint=AGAIN)

    def _decoded(self, z: np.ndarray, first: int) -> np.ndarray:
        import torch

        return decode_outputs(self._model, torch.from_numpy(z), first_index=first)
