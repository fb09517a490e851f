"""A bank whose first samples stay measured in memory, for whoever asks again and again."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from lc_core.bank.bank import Bank
from lc_core.common.cache import Cache
from lc_core.constraints.measurement import Measurement
from lc_core.models.latent_model import LatentModel

__all__ = ["AtHand"]

MOST_BYTES = 200_000_000
"""Most bytes of values in memory; those that were used longest ago are dropped."""


class AtHand(Bank):
    """A bank of seed 0 that keeps in memory what is measured on its first samples.

    Args:
        model: The model.
        samples: How many samples, rounded up to whole blocks.
        cache: Where the bank is kept; None keeps nothing on disk.
        say: Called with a line when something is wrong with what is kept.
        base: What the samples are of, `prior` or `data`.
    """

    def __init__(
        self,
        model: LatentModel,
        *,
        samples: int,
        cache: Cache | None = None,
        say: Callable[[str], None] = lambda _: None,
        base: str = "prior",
    ) -> None:
        super().__init__(model, cache=cache, say=say, base=base)
        self.blocks = -(-samples // self.block)
        self._columns: OrderedDict[str, _Column] = OrderedDict()
        self._filled = 0

    @property
    def filled(self) -> int:
        """How many blocks from the first on are decoded, without a gap; at most `blocks`."""
        while self._filled < self.blocks and self.has(self._filled):
            self._filled += 1
        return self._filled

    def values(self, number: int, measurements: Sequence[Measurement]) -> list[np.ndarray]:
        """Return what measurements are on a block, `(block,)` float64 each; see `Bank.values`."""
        if number >= self.blocks:
            return super().values(number, measurements)
        columns = [self._column(one) for one in measurements]
        missing = [at for at, column in enumerate(columns) if not column.known[number]]
        found = super().values(number, [measurements[at] for at in missing]) if missing else []
        for at, values in zip(missing, found, strict=True):
            columns[at].values[number], columns[at].known[number] = values, True
        return [column.values[number] for column in columns]

    def known(self, measurements: Sequence[Measurement]) -> int:
        """Return on how many blocks, from the first on, all of some measurements are in memory."""
        known = np.logical_and.reduce([self._column(one).known for one in measurements] or [np.ones(self.blocks, bool)])
        return self.blocks if known.all() else int(known.argmin())

    def first_values(self, blocks: int, measurements: Sequence[Measurement]) -> list[np.ndarray]:
        """Return what measurements are on the first blocks, `(blocks x block,)` float64 each.

        Raises:
            LCError: If the decoder or a measurement is at fault.
        """
        for number in range(self.known(measurements), blocks):
            self.values(number, measurements)
        return [self._column(one).values[:blocks].reshape(-1) for one in measurements]

    def _column(self, measurement: Measurement) -> _Column:
        key = _key_of(measurement)
        if key not in self._columns:
            self._columns[key] = _Column(measurement, self.blocks, self.block)
            most = max(1, MOST_BYTES // self._columns[key].values.nbytes)
            while len(self._columns) > most:
                self._columns.popitem(last=False)
        self._columns.move_to_end(key)
        return self._columns[key]


class _Column:
    """Values of one measurement, `(blocks, block)`, and which blocks are known."""

    def __init__(self, measurement: Measurement, blocks: int, block: int) -> None:
        self.measurement = measurement  # keeps the function, by whose identity the column is found
        self.values = np.zeros((blocks, block))
        self.known = np.zeros(blocks, dtype=bool)


def _key_of(measurement: Measurement) -> str:
    settings: Any = measurement.settings()
    return f"{id(measurement.function)} {json.dumps(settings, sort_keys=True, default=repr)}"
