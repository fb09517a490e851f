"""What a spec asks of a sampler: alternatives, each a set of wants that a try can be given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Entry
from lc_core.models.latent_model import LatentModel, draw_prior
from lc_core.sampler.alternatives import Way, alternatives
from lc_core.sampler.base import Base
from lc_core.sampler.look import Carry, Look, look
from lc_core.sampler.network import Predictor, want_logs
from lc_core.sampler.rules import BINS, Column, Rules
from lc_core.sampler.wants import Wants

__all__ = ["Asked", "Base"]

ESTIMATED = 1_024
"""Prior samples that tell how likely each alternative is."""


@dataclass(frozen=True)
class Asked:
    """The wants of a spec, as a sampler's networks take them.

    Attributes:
        rules: The rule of each of C columns.
        codes: Their settings, `(C, S)`.
        at: For each of A alternatives, which columns it wants, `(A, L)`.
        present: 1 where there is a want, `(A, L)`.
        masks: Which bins, `(A, L, BINS + 1)`.
        shares: How likely a try is given each alternative, `(A,)`, adding up to 1.
    """

    rules: tuple[int, ...]
    codes: Tensor
    at: Tensor
    present: Tensor
    masks: Tensor
    shares: np.ndarray

    @classmethod
    def of(cls, rules: Rules, entries: Sequence[Entry], device: str, base: Base | None = None) -> Asked:
        """Return what entries ask, all alternatives being equally likely.

        Args:
            rules: The sampler's rules.
            entries: Entries of these rules only.
            device: Where the tensors are to be.
            base: Where data are wanted as the base; that is one more want of each alternative.
        """
        columns: list[Column] = []
        wanted = [_masks(rules, way, columns) for way in alternatives(entries)]
        if base is not None:
            base.ask(rules, wanted, columns)
        return cls.these(rules, columns, wanted, np.full(len(wanted), 1 / len(wanted)), device)

    @classmethod
    def these(
        cls,
        rules: Rules,
        columns: Sequence[Column],
        wanted: Sequence[Mapping[int, np.ndarray]],
        shares: np.ndarray,
        device: str,
    ) -> Asked:
        """Return alternatives that are given as masks.

        Args:
            rules: The sampler's rules.
            columns: C columns.
            wanted: For each of A alternatives the mask `(BINS + 1,)` of each column that it wants, by the column's
                place.
            shares: How likely each is, `(A,)`.
            device: Where the tensors are to be.
        """
        most = max([len(masks) for masks in wanted], default=0)
        at = np.zeros((len(wanted), most), dtype=np.int64)
        present = np.zeros((len(wanted), most), dtype=np.float32)
        every = np.ones((len(wanted), most, BINS + 1), dtype=np.float32)
        for row, masks in enumerate(wanted):
            for number, (place, mask) in enumerate(masks.items()):
                at[row, number], present[row, number], every[row, number] = place, 1.0, mask
        codes = np.stack([one.code for one in columns]) if columns else np.zeros((0, rules.size), dtype=np.float32)
        return cls(
            rules=tuple(one.rule for one in columns),
            codes=torch.from_numpy(codes).to(device),
            at=torch.from_numpy(at).to(device),
            present=torch.from_numpy(present).to(device),
            masks=torch.from_numpy(every).to(device),
            shares=shares,
        )

    @classmethod
    def of_wants(cls, columns: Sequence[Column], wants: Wants, device: str) -> Asked:
        """Return what the rows of wants ask: an alternative each, equally likely."""
        count = len(wants.at)
        return cls(
            rules=tuple(one.rule for one in columns),
            codes=torch.from_numpy(np.stack([one.code for one in columns])).to(device),
            at=torch.from_numpy(wants.at).to(device),
            present=torch.from_numpy(wants.present).to(device),
            masks=torch.from_numpy(wants.masks).to(device),
            shares=np.full(count, 1 / count),
        )

    @property
    def empty(self) -> bool:
        """Whether nothing is asked."""
        return not self.rules

    def look(
        self, model: LatentModel, predictor: Predictor, z: Tensor, way: Tensor, carry: Carry | None = None
    ) -> Look:
        """Return what a predictor sees of latents `(B, *latent_shape)` that were given alternatives `(B,)`."""
        return look(
            model, predictor, z, self.rules, self.codes, self.at[way], self.present[way], self.masks[way], carry
        )  # fmt: skip

    def weighed(self, model: LatentModel, predictor: Predictor) -> Asked:
        """Return the same with shares by how probable each alternative is, as predicted on prior samples."""
        if len(self.shares) == 1:
            return self
        z = draw_prior(model, ESTIMATED, block_generator(0, 0, "alternatives"))
        with torch.no_grad():
            every = predictor(model.features(z), self.rules, self.codes)
            found = [
                float((want_logs(every[:, at], masks) * present).sum(1).exp().mean())
                for at, masks, present in zip(self.at, self.masks, self.present, strict=True)
            ]
        shares = self.shares * (np.array(found) + 1e-12)
        return replace(self, shares=shares / shares.sum())

    def ways(self, z: Tensor) -> Tensor:
        """Return the alternative that each start `(B, *latent_shape)` is given, `(B,)`: it depends on the start alone.

        A start is as good as a random number: the digits of its values that matter least decide.
        """
        values = z.detach().cpu().float().contiguous().flatten(1).numpy().view(np.uint32).astype(np.uint64)
        mixed = (values * np.arange(1, values.shape[1] + 1, dtype=np.uint64)).sum(1) * np.uint64(0x9E3779B97F4A7C15)
        places = (mixed >> np.uint64(40)).astype(np.float64) / 2**24
        chosen = np.searchsorted(np.cumsum(self.shares), places, side="right").clip(max=len(self.shares) - 1)
        return torch.from_numpy(chosen).to(z.device)


def _masks(rules: Rules, way: Way, columns: list[Column]) -> dict[int, np.ndarray]:
    """Return what a way wants of each column, by the column's place; new columns are added to the list."""
    places = {(one.rule, one.code.tobytes()): place for place, one in enumerate(columns)}
    masks: dict[int, np.ndarray] = {}
    for leaf, holds in way:
        column = rules.column(leaf.measurement)
        assert column is not None, "entries with other rules are not asked of a sampler"
        place = places.setdefault((column.rule, column.code.tobytes()), len(columns))
        if place == len(columns):
            columns.append(column)
        mask = rules.rules[column.rule].mask(leaf.want, holds=holds)
        masks[place] = masks[place] * mask if place in masks else mask
    return masks
