"""Random wants that a sampler learns from: each set is one that some prior sample meets, so none is impossible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lc_core.sampler.rules import BINS, Column, Rules, measured_bins

__all__ = ["Batch", "Table", "Wants", "draw_wants"]

CANDIDATES = 24
"""Settings of one rule that a batch chooses among."""
SEARCHED = 0.85
"""Share of rows that take, of some settings, those under which the sample's value is the highest; others any."""
AT_TOP = 0.7
"""Share of rows that ask for the highest value where the sample has it."""
NEGATED = 1 / 12
"""Share of wants that only exclude some values."""


@dataclass(frozen=True)
class Table:
    """Prior samples and the bins of their values, under many settings.

    Attributes:
        columns: For each rule its columns.
        bins: For each rule the bins of its columns, `(C, N)` uint8.
    """

    columns: tuple[tuple[Column, ...], ...]
    bins: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, rules: Rules, columns: Sequence[Sequence[Column]], outputs: np.ndarray) -> Table:
        """Measure outputs under the columns of each rule, whose bins are known."""
        some = [measured_bins(rules, one, outputs).T.astype(np.uint8) for one in columns]
        return cls(tuple(map(tuple, columns)), tuple(some))

    def __len__(self) -> int:
        return self.bins[0].shape[1] if self.bins else 0

    def constant(self, number: int) -> bool:
        """Return whether each column of a rule has one and the same bin on all samples."""
        found = self.bins[number]
        return bool((found == found[:, :1]).all())


@dataclass(frozen=True)
class Wants:
    """What each of B rows wants, at most L columns each.

    Attributes:
        at: Which of a batch's columns, `(B, L)` int64.
        present: Whether there is a want, `(B, L)` float32.
        masks: Which bins, `(B, L, BINS + 1)` float32.
    """

    at: np.ndarray
    present: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True)
class Batch:
    """Columns that a batch's rows choose among, and what each wants.

    Attributes:
        columns: The columns.
        rows: The samples of the table that meet the wants, `(B,)`.
        wants: The wants.
    """

    columns: tuple[Column, ...]
    rows: np.ndarray
    wants: Wants


def draw_wants(rules: Rules, table: Table, count: int, sizes: Sequence[float], rng: np.random.Generator) -> Batch:
    """Draw wants for `count` rows.

    Args:
        rules: The rules.
        table: Samples to draw from.
        count: B.
        sizes: How likely a row has 1, 2, ... wants; as many as there are numbers.
        rng: Generator.
    """
    most = len(sizes)
    rows = rng.integers(len(table), size=count)
    columns: list[Column] = []
    at, bins, last = [], [], []
    for number in range(len(rules.rules)):
        some = table.columns[number]
        chosen = np.arange(len(some))
        if len(some) > CANDIDATES:
            chosen = rng.choice(len(some), CANDIDATES, replace=False)
        found = table.bins[number][np.ix_(chosen, rows)].astype(np.int64)  # (c, B)
        first = len(columns)
        columns += [some[one] for one in chosen]
        # A rule takes part once for every eight of its columns, so that thirty attributes can be asked at once.
        for _ in range(max(1, min(most, len(chosen) // 8) if len(chosen) == len(some) else 1)):
            pick = _choose(found, rng)
            at.append(first + pick)
            bins.append(found[pick, np.arange(count)])
            last.append(np.full(count, len(rules.rules[number].edges)))
    order = rng.random((count, len(at))).argsort(1)[:, :most]
    every_at, every_bin, every_last = (np.stack(one, 1) for one in (at, bins, last))
    take = np.arange(count)[:, None], order
    wanted = rng.choice(np.arange(1, most + 1), count, p=np.asarray(sizes) / np.sum(sizes))
    present = (np.arange(order.shape[1]) < wanted[:, None]).astype(np.float32)
    masks = _masks(every_bin[take], every_last[take], rng)
    # What is undefined cannot be wanted.
    present *= every_bin[take] < BINS
    # The same column twice would be two wants of one value.
    chosen_at = every_at[take]
    for left in range(chosen_at.shape[1]):
        for right in range(left):
            present[:, left] *= chosen_at[:, left] != chosen_at[:, right]
    return Batch(tuple(columns), rows, Wants(chosen_at, present, masks))


def _choose(bins: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return which of C columns each row asks for, `(B,)`, given the bins `(C, B)`."""
    columns, count = bins.shape
    if columns == 1:
        return np.zeros(count, dtype=np.int64)
    seen = rng.random(bins.shape) < rng.uniform(0.1, 1.0, count)
    score = np.where(seen & (bins < BINS), bins, -1) + rng.random(bins.shape)
    searched = rng.random(count) < SEARCHED
    return np.where(searched, score.argmax(0), rng.integers(columns, size=count))


def _masks(bins: np.ndarray, last: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return which bins are wanted, `(B, L, BINS + 1)`: bounds on one or both sides of a sample's own bin."""
    below = np.floor(bins * (1 - rng.random(bins.shape) ** 1.5)).astype(np.int64)
    above = bins + np.ceil((last - bins) * rng.random(bins.shape) ** 1.5).astype(np.int64)
    kind = rng.integers(4, size=bins.shape)  # at least, at most, between, near
    low = np.where(kind == 1, 0, np.where(kind == 3, bins - rng.integers(3, size=bins.shape), below))
    high = np.where(kind == 0, last, np.where(kind == 3, bins + rng.integers(3, size=bins.shape), above))
    top = (bins == last) & (rng.random(bins.shape) < AT_TOP)
    low = np.where(top | (last == 1), bins, low)
    high = np.where(top | (last == 1), bins, high)
    every = np.arange(BINS + 1)
    found = (every >= low[..., None]) & (every <= high[..., None])
    middle, size = rng.integers(BINS, size=bins.shape) % (last + 1), rng.integers(1, BINS // 2, size=bins.shape)
    apart = (every < middle[..., None]) | (every >= (middle + size)[..., None])
    own = np.take_along_axis(apart, np.minimum(bins, BINS)[..., None], -1)[..., 0]
    excluded = (rng.random(bins.shape) < NEGATED) & own
    found = np.where(excluded[..., None], apart, found) & (every <= last[..., None])
    return found.astype(np.float32)
