"""How many prior samples meet the entries of a spec: each, all of them, all but one; and which of them conflict."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lc_core.bank.bank import Bank
from lc_core.constraints.constraint import Constraint, Entry
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import verdict
from lc_core.constraints.measurement import measure_all
from lc_core.models.cost import SLOW
from lc_core.models.latent_model import draw_prior

__all__ = ["ENOUGH", "PROBE", "Conflict", "Rate", "Rates", "Span", "probe_size", "rates", "rates_of", "span_of"]

PROBE = 4_096
"""Samples that are looked at if fewer are there."""
Z = 1.959964
"""Standard deviations within which a normal variable is in 95 of 100 cases."""
ENOUGH = 200
"""Samples that meet the others, from which it is told which values a measurement takes among them."""
RARE = 0.1
"""Two entries conflict if both are met by less than this share of what chance would give."""
EXPECTED = 5
"""So many are expected to meet both by chance before it tells something that none does."""
QUICK = 3.0
"""Seconds for which `probe_size` lets a block be decoded and measured."""


@dataclass(frozen=True)
class Rate:
    """How many samples of how many meet something."""

    met: int
    of: int

    @property
    def ends(self) -> tuple[float, float]:
        """The 95 % confidence interval of the rate, by Wilson (1927)."""
        share, spread = self.met / self.of, Z * Z / self.of
        centre = (share + spread / 2) / (1 + spread)
        half = math.sqrt(spread * share * (1 - share) + spread * spread / 4) / (1 + spread)
        return (0.0 if self.met == 0 else centre - half), (1.0 if self.met == self.of else centre + half)

    def __str__(self) -> str:
        """Return it in words.

        Example:
            >>> str(Rate(50, 65_536)), str(Rate(600, 1000)), str(Rate(0, 65_536))
            ('1 in 1,310 (95 %: 994 to 1,730)', '60.0 % (95 %: 56.9 to 63.0)', 'fewer than 1 in 17,000')
        """
        low, high = self.ends
        if self.met == 0:
            return f"fewer than 1 in {_digits(1 / high, 2, math.floor)}"
        if self.met / self.of >= RARE:
            return f"{100 * self.met / self.of:.1f} % (95 %: {100 * low:.1f} to {100 * high:.1f})"
        return f"1 in {_digits(self.of / self.met)} (95 %: {_digits(1 / high)} to {_digits(1 / low)})"


@dataclass(frozen=True)
class Conflict:
    """Two entries, how many samples meet both, and how many would if one told nothing of the other."""

    labels: tuple[str, str]
    met: int
    expected: float

    def __str__(self) -> str:
        """Return it in words."""
        first, second = self.labels
        found = "no sample meets" if self.met == 0 else f"{self.met:,} meet"
        return f"{first} and {second} conflict: {found} both, where about {self.expected:,.0f} would by chance"


@dataclass(frozen=True)
class Span:
    """Which values a measurement takes among the samples that meet all other conditions.

    Attributes:
        samples: How many samples meet the others.
        low: Lowest value.
        high: Highest value.
        middle: What nine of ten lie between.
        told: What these samples are.
    """

    samples: int
    low: float
    high: float
    middle: tuple[float, float]
    told: str = "samples"

    def __str__(self) -> str:
        """Return it in words.

        Example:
            >>> str(Span(300, 1e-38, 1.0, (2 / 7, 0.98)))
            '0 to 1, nine of ten from 0.286 to 0.98, on 300 samples that meet the others'
        """
        places = 3 - math.floor(math.log10(self.high - self.low))  # a thousandth of the whole is shown
        low, high, first, last = (f"{round(one, places) + 0:g}" for one in (self.low, self.high, *self.middle))
        ends = f"{low} to {high}, nine of ten from {first} to {last}"
        return f"{ends}, on {self.samples:,} {self.told} that meet the others"


@dataclass(frozen=True)
class Rates:
    """How prior samples meet the entries of a spec.

    Attributes:
        samples: How many samples were looked at.
        entries: Rate of each top-level entry, by label.
        every: Rate of all conditions together; None if there is none.
        but: Rate of all conditions but one, by the label of that one, where there are three or more.
        conflicts: Pairs of conditions that (nearly) exclude each other.
        spans: For each top-level constraint with more than two values, what it takes under the other conditions.
        others_met: How many samples meet all conditions but one, by its label; all of them, by that of a preference.
    """

    samples: int
    entries: dict[str, Rate]
    every: Rate | None
    but: dict[str, Rate] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()
    spans: dict[str, Span] = field(default_factory=dict)
    others_met: dict[str, int] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Return it in words, a line for each thing."""
        found = [f"{label}: {rate}" for label, rate in self.entries.items()]
        if self.every is not None and len(self.entries) > 1:
            found.append(f"all conditions: {self.every}")
        found += [f"all but {label}: {rate}" for label, rate in self.but.items()]
        found += map(str, self.conflicts)
        return found + [f"{label} can be {span}" for label, span in self.spans.items()]


def rates(bank: Bank, entries: Sequence[Entry], count: int, *, seconds: float = math.inf) -> Rates | None:
    """Tell how many of a bank's first samples meet the entries of a spec; those that are missing are decoded.

    Args:
        bank: The bank.
        entries: Top-level entries; the labels of their leaves are distinct.
        count: Samples to look at, rounded up to whole blocks.
        seconds: After so many, what was looked at until then is enough.

    Returns:
        The rates; None if `count` is 0.

    Raises:
        LCError: If the decoder or a measurement is at fault.
    """
    evaluator, began = Evaluator(bank.model, entries), time.monotonic()
    measurements = [leaf.measurement for leaf in evaluator.leaves]
    blocks = []
    for number in range(-(-count // bank.block)):
        blocks.append(bank.values(number, measurements))
        if time.monotonic() - began > seconds:
            break
    if not blocks:
        return None
    columns = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
    values = dict(zip((leaf.label for leaf in evaluator.leaves), columns, strict=True))
    return rates_of(evaluator, values, len(blocks) * bank.block)


def probe_size(bank: Bank, entries: Sequence[Entry]) -> int:
    """Return how many samples to look at: those that are there, and `PROBE` at least if a block takes seconds at most.

    Raises:
        LCError: If the decoder or a measurement is at fault.
    """
    measurements = [leaf.measurement for leaf in Evaluator(bank.model, entries).leaves]
    there = max(bank.there(), bank.there(measurements))
    slow = bank.model.operations > SLOW or _seconds_of_block(bank, entries) > QUICK
    return bank.there(measurements) if slow else max(there, PROBE)


def _seconds_of_block(bank: Bank, entries: Sequence[Entry]) -> float:
    """Return how long a block may take to be decoded and measured; only a few outputs are."""
    import torch

    evaluator = Evaluator(bank.model, entries)
    measurements = [leaf.measurement for leaf in evaluator.leaves]
    spent = 0.0
    for count in (2, 8):  # the first is slower than all others
        z = draw_prior(bank.model, count, torch.Generator().manual_seed(0))
        began = time.monotonic()
        measure_all(measurements, evaluator.decode(z))
        spent = (time.monotonic() - began) / count * bank.block
        if spent > 10 * QUICK:
            break
    return spent


def rates_of(evaluator: Evaluator, values: Mapping[str, np.ndarray], samples: int) -> Rates:
    """Tell how many samples meet the entries of a spec, from what is measured on them.

    Args:
        evaluator: The model and the entries.
        values: For each leaf's label its values `(samples,)`.
        samples: How many samples.
    """
    met = {entry.label: verdict(entry, values).met for entry in evaluator.entries}
    wanted = {entry.label: met[entry.label] for entry in evaluator.conditions}
    others = {label: _all([one for key, one in wanted.items() if key != label], samples) for label in met}
    graded = [one for one in evaluator.entries if isinstance(one, Constraint)]
    spans = {one.label: span_of(values[one.label][others[one.label]]) for one in graded}
    return Rates(
        samples=samples,
        entries={label: _rate(one) for label, one in met.items()},
        every=_rate(_all(list(wanted.values()), samples)) if wanted else None,
        but={label: _rate(others[label]) for label in wanted} if len(wanted) > 2 else {},
        conflicts=tuple(_conflicts(wanted, samples)),
        spans={label: span for label, span in spans.items() if span is not None},
        others_met={label: int(one.sum()) for label, one in others.items()},
    )


def _rate(met: np.ndarray) -> Rate:
    return Rate(int(met.sum()), len(met))


def _all(met: Sequence[np.ndarray], samples: int) -> np.ndarray:
    return np.logical_and.reduce(met) if met else np.ones(samples, dtype=bool)


def _conflicts(met: Mapping[str, np.ndarray], samples: int) -> list[Conflict]:
    """Return the pairs that hardly any sample meets, although each alone is met often enough to see that."""
    found = []
    for one, other in itertools.combinations(met, 2):
        both, expected = _rate(met[one] & met[other]), float(met[one].sum() * met[other].sum() / samples)
        few = both.met == 0 and expected >= EXPECTED
        if few or both.ends[1] * samples < RARE * expected:
            found.append(Conflict((one, other), both.met, expected))
    return found


def span_of(values: np.ndarray, enough: int = ENOUGH, told: str = "samples") -> Span | None:
    """Return which values a measurement takes on outputs; None if there are too few, or it says yes or no.

    Args:
        values: Its values, NaN where it has none.
        enough: How many are not too few.
        told: What the outputs are.
    """
    known = values[~np.isnan(values)]
    if len(known) < enough or len(np.unique(known)) < 3:
        return None
    low, high = np.quantile(known, (0.05, 0.95))
    return Span(len(known), float(known.min()), float(known.max()), (float(low), float(high)), told)


def _digits(number: float, digits: int = 3, rounding: Any = round) -> str:
    """Return a number of 1 or more with so many digits that tell something."""
    step = 10.0 ** (math.floor(math.log10(number)) + 1 - digits)
    rounded = rounding(number / step) * step
    return f"{rounded:,.0f}" if step >= 1 else f"{rounded:.{-round(math.log10(step))}f}"
