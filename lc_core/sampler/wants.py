"""Random wants that a sampler learns from: each set is one that some prior sample meets, so none is impossible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lc_core.sampler.rules import BINS, Column, Rules

__all__ = ["Batch", "Table", "Wants", "draw_wants", "met", "wanted_by"]

CANDIDATES = 24
"""Settings of one rule that a batch chooses among."""
SEARCHED = 0.85
"""Share of rows that take, of some settings, those under which the sample's value is the highest; others any."""
AT_TOP = 0.7
"""Share of rows that ask for the highest value where the sample has it."""
USUAL = 0.5
"""Share of wants that ask for what a rule's default asks for, or for its contrary where the sample has that."""
NEGATED = 1 / 12
"""Share of wants that only exclude some values."""


@dataclass(frozen=True)
class Table:
    """Prior samples and the bins of their values, under many settings.

    Attributes:
        columns: For each rule its columns.
        bins: For each rule the bins of its columns, `(C, N)` uint8.
        complete: For each rule whether these are all settings that it can have.
        latents: Those of the samples, `(N, *latent_shape)`.
    """

    columns: tuple[tuple[Column, ...], ...]
    bins: tuple[np.ndarray, ...]
    complete: tuple[bool, ...]
    latents: Tensor

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


def met(bins: np.ndarray, wants: Wants) -> np.ndarray:
    """Return which rows meet their wants, `(B,)` bool, given the bins of a batch's columns on them, `(B, C)`."""
    own = np.take_along_axis(bins, wants.at, axis=1)
    share = np.take_along_axis(wants.masks, own[..., None], -1)[..., 0]
    found: np.ndarray = ((share > 0) | (wants.present == 0)).all(1)
    return found


def wanted_by(wants: Wants, row: int) -> dict[int, np.ndarray]:
    """Return what a row wants: the mask `(BINS + 1,)` of each column, by the column's place in the batch."""
    return {int(wants.at[row, place]): wants.masks[row, place] for place in np.flatnonzero(wants.present[row])}


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
    for number, times in enumerate(_times(table, most)):
        some = table.columns[number]
        chosen = np.arange(len(some))
        if len(some) > max(CANDIDATES, 2 * times):
            chosen = rng.choice(len(some), max(CANDIDATES, 2 * times), replace=False)
        found = table.bins[number][np.ix_(chosen, rows)].astype(np.int64)  # (c, B)
        pick = _choose(found, times, rng)
        at.append(len(columns) + pick)
        bins.append(np.take_along_axis(found, pick, axis=0))
        last.append(np.full((times, count), len(rules.rules[number].edges)))
        columns += [some[one] for one in chosen]
    every_at, every_bin, every_last = (np.concatenate(one).T for one in (at, bins, last))
    order = rng.random(every_at.shape).argsort(1)[:, :most]
    take = np.arange(count)[:, None], order
    wanted = rng.choice(np.arange(1, most + 1), count, p=np.asarray(sizes) / np.sum(sizes))
    present = (np.arange(order.shape[1]) < wanted[:, None]).astype(np.float32)
    masks = _usual(_masks(every_bin[take], every_last[take], rng), every_bin[take], every_at[take], columns, rules, rng)
    # What is undefined cannot be wanted.
    present *= every_bin[take] < BINS
    return Batch(tuple(columns), rows, Wants(every_at[take], present, masks))


def _times(table: Table, most: int) -> list[int]:
    """Return how often each rule takes part in a row.

    Once, unless a row may have more wants than there are rules: then those whose settings are few, such as thirty
    attributes, are asked under several of them at once.
    """
    times = [1] * len(table.columns)
    free = [len(some) if whole else 1 for some, whole in zip(table.columns, table.complete, strict=True)]
    for _ in range(most - len(times)):
        number = max(range(len(times)), key=lambda one: free[one] / times[one])
        if times[number] < free[number]:
            times[number] += 1
    return times


def _choose(bins: np.ndarray, times: int, rng: np.random.Generator) -> np.ndarray:
    """Return which of C columns each row asks for, `(times, B)`, all distinct, given the bins `(C, B)`."""
    count = bins.shape[1]
    seen = rng.random(bins.shape) < rng.uniform(0.1, 1.0, count)
    score = np.where(seen & (bins < BINS), bins, -1) + rng.random(bins.shape)
    score = np.where(rng.random(count) < SEARCHED, score, rng.random(bins.shape))
    chosen: np.ndarray = np.argsort(-score, axis=0)[:times]
    return chosen


def _usual(
    masks: np.ndarray,
    bins: np.ndarray,
    at: np.ndarray,
    columns: Sequence[Column],
    rules: Rules,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return masks `(B, L, BINS + 1)`, some of them replaced by the default want of their rule, or its contrary."""
    none = np.zeros(BINS + 1, dtype=np.float32)
    usual = np.stack([none if rule.usual is None else rule.usual for rule in rules.rules])
    every = np.arange(BINS + 1)
    contrary = np.stack([(every <= len(rule.edges)) - one for rule, one in zip(rules.rules, usual, strict=True)])
    rule = np.array([one.rule for one in columns])[at]
    held = np.take_along_axis(usual[rule], np.minimum(bins, BINS)[..., None], -1)
    found = np.where(held > 0, usual[rule], contrary[rule])
    asked = (rng.random(bins.shape) < USUAL) & usual[rule].any(-1)
    return np.where(asked[..., None], found, masks).astype(np.float32)


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
