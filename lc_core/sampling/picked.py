"""Outputs that a run delivers, as they come: taken from blocks, joined, and cut."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lc_core.sampling.block import Block

__all__ = ["Picked"]


@dataclass(frozen=True)
class Picked:
    """Some outputs in the order of their index.

    Attributes:
        index: Index of each try, `(N,)` int64.
        latents: Latents `(N, *latent_shape)` float32.
        outputs: Decoded outputs, first dimension N.
        measurements: For each leaf's label, the measured values `(N,)` float64.
        satisfied: For each entry's label, whether it is met, `(N,)` bool.
        realism: Their realism logits; empty where nothing tells them.
    """

    index: np.ndarray
    latents: np.ndarray
    outputs: np.ndarray
    measurements: Mapping[str, np.ndarray]
    satisfied: Mapping[str, np.ndarray]
    realism: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __len__(self) -> int:
        return len(self.index)

    @property
    def bytes_each(self) -> int:
        """Bytes of one output with its latent."""
        return sum(one.itemsize * math.prod(one.shape[1:]) for one in (self.latents, self.outputs))

    @classmethod
    def of(cls, block: Block, positions: np.ndarray) -> Picked:
        """Return some of the tries that a block keeps, copied out of it.

        Args:
            block: The block.
            positions: Positions in what it keeps, `(N,)`.
        """
        rows = block.rows[positions]
        return cls(
            index=np.asarray(block.first + rows, dtype=np.int64),
            latents=block.z[positions],
            outputs=block.outputs[positions],
            measurements={label: values[rows] for label, values in block.values.items()},
            satisfied={label: met[rows] for label, met in block.met.items()},
            realism=np.zeros(0) if block.realism is None else block.realism[positions].astype(np.float64),
        )

    @classmethod
    def joined(cls, parts: Sequence[Picked]) -> Picked:
        """Return all outputs of one or more parts."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            index=np.concatenate([one.index for one in parts]),
            latents=np.concatenate([one.latents for one in parts]),
            outputs=np.concatenate([one.outputs for one in parts]),
            measurements={
                label: np.concatenate([one.measurements[label] for one in parts]) for label in parts[0].measurements
            },
            satisfied={label: np.concatenate([one.satisfied[label] for one in parts]) for label in parts[0].satisfied},
            realism=np.concatenate([one.realism for one in parts]),
        )

    def cut(self, begin: int, end: int | None = None) -> Picked:
        """Return the outputs from one number up to another."""
        part = slice(begin, end)
        return Picked(
            index=self.index[part],
            latents=self.latents[part],
            outputs=self.outputs[part],
            measurements={label: values[part] for label, values in self.measurements.items()},
            satisfied={label: met[part] for label, met in self.satisfied.items()},
            realism=self.realism[part],
        )
