"""A bank: samples of a model's base in blocks, decoded and measured once, kept in the cache.

It changes nothing but time: with it, without it, half full or damaged, the same numbers come out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from lc_core.bank.columns import Columns, bytes_allowed
from lc_core.bank.kept import Kept
from lc_core.bank.keys import bank_key
from lc_core.bank.stream import default_block, draw_block
from lc_core.common.cache import Cache
from lc_core.constraints.faults import AGAIN, REMEDY, changed_value
from lc_core.constraints.measurement import Measurement, measure_all
from lc_core.errors import LCError
from lc_core.models.checks import differing
from lc_core.models.latent_model import LatentModel, decode_array

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Bank"]

MANY = 64
"""So many columns at once are worth keeping; a rule of which much is free has hundreds."""


class Bank:
    """Samples of a model's base: what they decode to, and what is measured on that.

    Outputs of whole numbers are kept in the smallest type that holds them. Pictures are not: only values measured on
    them. A measurement's values are kept if its source tells what it does (`measurement_digest`).

    Args:
        model: The model.
        seed: Sampling seed, 0 or more.
        block: Samples in a block; default `default_block(model)`.
        cache: Where it is kept; None keeps nothing.
        say: Called with a line when something is wrong with what is kept, once for each thing.
        base: What the samples are of: `prior`, or `data`, what the model's own flow makes of prior samples.

    Attributes:
        decodes: Outputs that were decoded so far, since they were not there or to check them.
        made: Times that something of a block had to be decoded or measured, since it was not there.

    Raises:
        LCError: If `LC_BANK_BYTES` is no number of bytes.
    """

    def __init__(
        self,
        model: LatentModel,
        *,
        seed: int = 0,
        block: int | None = None,
        cache: Cache | None = None,
        say: Callable[[str], None] = lambda _: None,
        base: str = "prior",
    ) -> None:
        self.model, self.seed, self._base = model, seed, base
        self.decodes = self.made = 0
        self._given_block, self._cache, self._say = block, cache, say
        if cache is not None:
            bytes_allowed()
        self._why = "" if cache is not None else "there is no cache"
        self._trusted: dict[int, Measurement] = {}
        self._checked = False
        self._at = -1
        """Number of the block of which pieces are at hand."""
        self._pieces: dict[int, np.ndarray] = {}
        self._latents: Tensor | None = None

    @cached_property
    def block(self) -> int:
        """Samples in a block."""
        return default_block(self.model) if self._given_block is None else self._given_block

    @cached_property
    def _kept(self) -> Kept | None:
        """What is kept, opened when it is first needed; None if nothing is."""
        return None if self._cache is None else self._open(self._cache)

    def latents(self, number: int) -> Tensor:
        """Return the latents of a block `(block, *latent_shape)` float32, on the model's device."""
        self._go_to(number)
        if self._latents is None:
            self._latents = draw_block(self.model, self.seed, self.block, number, self._base)
        return self._latents

    def outputs(self, number: int) -> np.ndarray:
        """Return the decoded outputs of a block, first dimension `block`.

        Raises:
            LCError: If the decoder is at fault.
        """
        return self.rows(number, np.arange(self.block))

    def rows(self, number: int, rows: np.ndarray) -> np.ndarray:
        """Return the decoded outputs of some rows of a block; of what is not kept no more is decoded than is needed.

        Args:
            number: Number of the block.
            rows: Rows in it `(N,)`, rising.

        Raises:
            LCError: If the decoder is at fault.
        """
        if not len(rows) and self._kept is not None and self._kept.form is not None:
            dtype, shape = self._kept.form
            return np.empty((0, *shape), dtype=dtype)
        whole = self._kept_outputs(number)
        if whole is not None:
            return np.asarray(whole[rows])
        self.made += 1
        starts = range(0, self.block, self.model.block)
        needed = sorted({int(row) // self.model.block * self.model.block for row in rows}) or [0]
        if self._kept is not None and self._kept.keeps_outputs is not False:
            needed = list(starts)
        found = np.concatenate([self._piece(number, start) for start in needed])
        if self._kept is not None and len(needed) == len(starts):
            self._kept.keep_outputs(number, found)
        places = np.concatenate([np.arange(start, min(start + self.model.block, self.block)) for start in needed])
        return np.asarray(found[np.searchsorted(places, rows)])

    def values(self, number: int, measurements: Sequence[Measurement]) -> list[np.ndarray]:
        """Return what some measurements are on a block, `(block,)` float64 each; what is not there is measured.

        Args:
            number: Number of the block.
            measurements: The measurements; each accepts the model's outputs.

        Raises:
            LCError: If the decoder or a measurement is at fault.
        """
        found = self._kept_values(number, measurements)
        missing = [at for at, values in enumerate(found) if values is None]
        if missing:
            self.made += 1
            outputs = self.outputs(number)
            some = [measurements[at] for at in missing]
            for at, values in zip(missing, measure_all(some, outputs, first_index=number * self.block), strict=True):
                found[at] = values
                if self._kept is not None:
                    self._kept.keep_values(number, measurements[at], values)
        return [values for values in found if values is not None]

    def first(
        self, count: int, measurements: Sequence[Measurement] = (), *, begin: int = 0
    ) -> tuple[Tensor, list[np.ndarray]]:
        """Return the latents `(count, *latent_shape)` of the first samples, and what measurements are on them.

        Args:
            count: How many.
            measurements: The measurements; each accepts the model's outputs. Of more than `MANY` no value is kept.
            begin: Number of the first one.

        Raises:
            LCError: If the decoder or a measurement is at fault.
        """
        import torch

        z, values = [], []
        for number in range(begin // self.block, -(-(begin + count) // self.block)):
            rows = slice(max(0, begin - number * self.block), begin + count - number * self.block)
            z.append(self.latents(number)[rows])
            if len(measurements) > MANY:
                found = measure_all(measurements, self.outputs(number), first_index=number * self.block)
            else:
                found = self.values(number, measurements)
            values.append([one[rows] for one in found])
        return torch.cat(z), [np.concatenate(parts) for parts in zip(*values, strict=True)]

    def has(self, number: int, measurements: Sequence[Measurement] = ()) -> bool:
        """Return whether nothing need be decoded or measured of a block.

        Outputs of a kind that is not kept count as there if the values are.
        """
        values = self._kept_values(number, measurements)
        if self._kept is None or any(one is None for one in values):
            return False
        return self._kept_outputs(number) is not None or (bool(values) and self._kept.keeps_outputs is False)

    def there(self, measurements: Sequence[Measurement] = ()) -> int:
        """Return how many samples from the first on are there without a gap."""
        number = 0
        while self.has(number, measurements):
            number += 1
        return number * self.block

    @property
    def size(self) -> int:
        """What is kept, in bytes."""
        return 0 if self._kept is None else self._kept.columns.size()

    @property
    def trouble(self) -> str:
        """Why nothing more is kept, in words; empty as long as something is."""
        return self._why or ("" if self._kept is None else self._kept.columns.trouble)

    def _open(self, cache: Cache) -> Kept | None:
        try:
            root = cache.root
        except LCError as error:
            self._why = error.message
            self._say(f"decoded samples are not kept: {error.message}; the results are the same")
            return None
        samples = "prior samples" if self._base == "prior" else "samples like data"
        what = f"{samples} of {self.model.name}, seed {self.seed}, in blocks of {self.block:,}"
        about = {"what": what, "model": self.model.name, "seed": self.seed, "block": self.block}
        key = bank_key(self.model, self.seed, self.block, self._base)
        return Kept(Columns(root, key, about, self._say), self.block)

    def _go_to(self, number: int) -> None:
        if number != self._at:
            self._at, self._pieces, self._latents = number, {}, None

    def _piece(self, number: int, start: int) -> np.ndarray:
        """Decode the latents of a block from one row on, as many as the model takes together."""
        self._go_to(number)
        if start not in self._pieces:
            z = self.latents(number)[start : start + self.model.block]
            self._pieces[start] = decode_array(self.model, z, first_index=number * self.block + start)
            self.decodes += len(z)
            if self._kept is not None:
                self._kept.note(self._pieces[start])
        return self._pieces[start]

    def _kept_outputs(self, number: int) -> np.ndarray | None:
        """Return the outputs of a block if they are kept."""
        found = None if self._kept is None else self._kept.outputs(number)
        return found if found is None or self._checked or self._decodes_the_same(number, found) else None

    def _decodes_the_same(self, number: int, kept: np.ndarray) -> bool:
        """Decode again once, when outputs that are kept are first used; what differs is not used."""
        self._checked = True
        now = self._piece(number, 0)
        row = differing(kept[: len(now)], now)
        if row is None:
            return True
        self._blame_decoder(number, row)
        return False

    def _blame_decoder(self, number: int, row: int) -> None:
        """Say that kept outputs are not what is decoded now: begin anew, or keep nothing if the decoder is random."""
        if self._is_random(number) or self._kept is None:
            return
        index = number * self.block + row
        self._say(
            f"decode of {self.model.name} gives another output of latent {index} than the one that is kept; all are"
            " decoded again"
        )
        self._kept.columns.clear()

    def _is_random(self, number: int) -> bool:
        """Return whether another output is decoded each time; then nothing is kept any more, and that is said."""
        first = self._piece(number, 0)
        del self._pieces[0]
        row = differing(first, self._piece(number, 0))
        if row is None:
            return False
        latent = f"latent {number * self.block + row}"
        self._why = f"decode of {self.model.name} gives another output each time {latent} is decoded"
        self._say(f"{self._why}: nothing of it is kept, and no run can be repeated; switch off what is random in it")
        self._kept = None
        return True

    def _kept_values(self, number: int, measurements: Sequence[Measurement]) -> list[np.ndarray | None]:
        """Return for each measurement its values on a block, or None if they are not kept."""
        if self._kept is None:
            return [None] * len(measurements)
        found = [self._kept.values(number, one) for one in measurements]
        new = [(one, values) for one, values in zip(measurements, found, strict=True) if id(one) not in self._trusted]
        given = [(one, values) for one, values in new if values is not None]
        if given and not self._measures_the_same(number, given):
            return self._kept_values(number, measurements)
        return found

    def _measures_the_same(self, number: int, kept: Sequence[tuple[Measurement, np.ndarray]]) -> bool:
        """Measure some outputs again, when values that are kept are first used, and refuse what is not the same."""
        begin, count = number * self.block, min(AGAIN, self.block, self.model.block)
        again = measure_all([one for one, _ in kept], self.rows(number, np.arange(count)), first_index=begin)
        same = True
        for (one, before), now in zip(kept, again, strict=True):
            self._trusted[id(one)] = one
            if not (told := changed_value(one, before[:count], now, range(begin, begin + count))):
                continue
            if self._is_random(number) or self._kept is None:
                return False
            same = False
            self._kept.refuse(one)
            self._say(f"{told}: its values are not kept, and no run can be repeated; {REMEDY}")
        return same
