"""What a sampler knows of rules: the settings of each as numbers, and its values as bins.

A *rule* is a measurement under any settings. A *column* is a rule under certain settings. A *want* says of a column
which bins of its values are asked for: each bin's number is the share of the bin that is wanted, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from lc_core.common.guard import blaming
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.measurement import Measurement, measure_all
from lc_core.constraints.settings_code import SettingsCode, code_of
from lc_core.constraints.want import SLACK, Want
from lc_core.errors import LCError
from lc_core.spec.values import plain

__all__ = ["BINS", "Column", "Rule", "Rules", "bins_of", "measured_bins"]

BINS = 32
"""Bins of a rule's values; one more stands for "undefined"."""
QUANTILES = 1_024
"""So many quantiles of a rule's values tell which share of a bin lies within bounds."""


@dataclass(frozen=True)
class Rule:
    """A measurement under any settings, or under fixed ones.

    Args:
        name: Its registered name, such as `melody.in_scale`.
        function: The measurement's function; None until it is needed, of a sampler that was read from a folder.
        fixed: Its settings, where the sampler knows these only; None for all that its code can tell.
        size: How many numbers tell its settings.
        edges: Lowest value of every bin but the first, rising, at most `BINS - 1`.
        quantiles: Quantiles of its defined values on prior samples, rising.
        shape: The shape of one output, if it is known.
    """

    name: str
    function: Any = None
    fixed: Mapping[str, Any] | None = None
    size: int = 0
    edges: np.ndarray = field(default_factory=lambda: np.zeros(0))
    quantiles: np.ndarray = field(default_factory=lambda: np.zeros(0))
    shape: tuple[int, ...] = ()

    @cached_property
    def code(self) -> SettingsCode:
        """How its settings are told."""
        found = None if self.fixed is not None else code_of(self.function, self.shape)
        return found or SettingsCode(0, lambda _: np.zeros(0), lambda _: self.fixed or {})

    @cached_property
    def usual(self) -> np.ndarray | None:
        """Which share of each bin meets what is wanted of it by default, `(BINS + 1,)`; None if nothing is."""
        want = self.want
        return None if want is None else self.mask(want)

    @property
    def want(self) -> Want | None:
        """What is wanted of it by default."""
        return self.measurement({}).info.want

    @property
    def label(self) -> str:
        """Its name, and its settings where they are fixed."""
        told = ", ".join(f"{key} {plain(value)}" for key, value in (self.fixed or {}).items())
        return f"{self.name} ({told})" if told else self.name

    @classmethod
    def of(cls, one: Measurement, *, fixed: bool, shape: tuple[int, ...] = ()) -> Rule:
        """Return a measurement as a rule without bins, under any settings or under its own.

        Args:
            one: The measurement.
            fixed: Whether it is known under its own settings only.
            shape: The shape of one output, if it is known.

        Raises:
            LCError: If it is asked for under any settings, and they have no bounds.
        """
        code = code_of(one.function, shape)
        if not fixed and code is None:
            raise LCError(
                f"{one.name} has settings without bounds, which cannot be drawn",
                hint="name it in a spec with the settings that you want, or declare @measurement(..., code=...)",
            )
        size = 0 if fixed or not code else code.size
        return cls(one.name, one.function, one.settings() if fixed else None, size, shape=shape)

    def measurement(self, params: Mapping[str, Any]) -> Measurement:
        """Return the measurement under settings."""
        return Measurement(self.function, params if self.fixed is None else self.fixed, self.name)

    def knows(self, one: Measurement) -> bool:
        """Return whether a measurement is this rule, under settings that it knows."""
        if one.name != self.name or self.fixed is not None:
            return one.name == self.name and plain(self.fixed) == plain(one.settings())
        code = code_of(one.function, self.shape)
        with blaming(f"the code of {self.name}"):
            return one.part is None and (code is None or code.tells(one.settings()))

    def encode(self, one: Measurement) -> np.ndarray:
        """Return the code of a measurement's settings, `(size,)` float32.

        Raises:
            LCError: If the code that it declares is not what it says.
        """
        with blaming(f"the code of {self.name}"):
            found = np.asarray(self.code.encode(one.settings()), dtype=np.float32)
        if found.shape != (self.size,) or not np.isfinite(found).all():
            raise LCError(f"the code of {self.name} has shape {found.shape}; expected ({self.size},), all finite")
        return found

    def bin_of(self, values: np.ndarray) -> np.ndarray:
        """Return the bins of values, of any shape, as int64; `BINS` for NaN."""
        found = np.searchsorted(self.edges, np.nan_to_num(values), side="right")
        return np.where(np.isnan(values), BINS, found)

    def mask(self, want: Want, *, holds: bool = True) -> np.ndarray:
        """Return which share of each bin meets a want, or misses it: `(BINS + 1,)` float32. Undefined does neither."""
        inside = want.met(self.quantiles)
        bins = self.bin_of(self.quantiles)
        total = np.bincount(bins, minlength=BINS + 1)
        found = np.bincount(bins, weights=inside, minlength=BINS + 1) / np.maximum(total, 1)
        if not holds:
            found = np.where(total > 0, 1.0 - found, 0.0)
        elif not found.any():  # bounds between two quantiles, or beyond all: the bin that they are in is wanted
            middle = np.clip(0.5 * (want.low + want.high), self.quantiles[0], self.quantiles[-1])
            found[self.bin_of(np.array(np.nan_to_num(middle, nan=self.quantiles[-1])))] = 1.0
        found[BINS] = 0.0
        return found.astype(np.float32)


@dataclass(frozen=True)
class Column:
    """A rule under certain settings.

    Args:
        rule: The rule's number.
        measurement: The measurement with its settings.
        code: The code of the settings, padded to the longest of all rules.
    """

    rule: int
    measurement: Measurement
    code: np.ndarray


@dataclass(frozen=True)
class Rules:
    """The rules of a sampler, in order."""

    rules: tuple[Rule, ...]

    @classmethod
    def told(cls, config: Mapping[str, Any]) -> Rules:
        """Return the rules that a sampler's `config.json` names, without functions and bins."""
        return cls(
            tuple(
                Rule(str(one["name"]), fixed=one["fixed"], size=int(one["size"]), shape=tuple(one.get("shape", ())))
                for one in config["rules"]
            )
        )

    @property
    def size(self) -> int:
        """Numbers in the longest code of settings."""
        return max([rule.size for rule in self.rules], default=0)

    def column(self, one: Measurement) -> Column | None:
        """Return a measurement as a column; None if no rule is like it."""
        for number, rule in enumerate(self.rules):
            if rule.knows(one):
                return Column(number, one, np.pad(rule.encode(one), (0, self.size - rule.size)))
        return None

    def knows(self, leaf: Constraint) -> bool:
        """Return whether a constraint can be asked of the sampler."""
        return leaf.free is None and any(rule.knows(leaf.measurement) for rule in self.rules)

    def draw(self, number: int, count: int, rng: np.random.Generator) -> list[Column]:
        """Return up to `count` distinct columns of a rule with settings that its code draws."""
        rule = self.rules[number]
        found: dict[bytes, Column] = {}
        for _ in range(8 * count):
            measurement = rule.measurement(rule.code.draw(rng))
            code = rule.encode(measurement)
            found.setdefault(code.tobytes(), Column(number, measurement, np.pad(code, (0, self.size - len(code)))))
            if len(found) == count or not len(code):
                break
        return list(found.values())

    @staticmethod
    def complete(columns: Sequence[Sequence[Column]], count: int) -> tuple[bool, ...]:
        """Return for each rule whether `draw`, asked for `count` columns, found all that it has."""
        return tuple(len(some) < count for some in columns)


def bins_of(values: np.ndarray, usual: Want | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of bins for values, and their quantiles.

    Values that are few have a bin each; others are cut at quantiles, and at the bounds that are usually asked for.

    Args:
        values: Values of a rule on prior samples, NaN for undefined, of any shape.
        usual: What is usually wanted of them.
    """
    known = np.sort(values[~np.isnan(values)].ravel())
    if not len(known):
        return np.zeros(0), np.zeros(1)
    distinct = np.unique(known)
    if len(distinct) <= BINS:
        edges = (distinct[1:] + distinct[:-1]) / 2
    else:
        bounds = [] if usual is None else [usual.low - SLACK, np.nextafter(usual.high + SLACK, np.inf)]
        bounds = [one for one in bounds if known[0] < one <= known[-1]]
        parts = BINS - len(bounds)
        edges = np.unique(np.quantile(known, np.arange(1, parts) / parts, method="nearest"))
        edges = np.unique(np.concatenate([edges[edges > known[0]] - SLACK, bounds]))
    places = np.unique(np.linspace(0, len(known) - 1, QUANTILES).astype(int))
    if len(distinct) <= QUANTILES:  # rare values count too
        return edges, np.sort(np.concatenate([distinct, known[places]]))
    return edges, known[places]


def measured_bins(rules: Rules, columns: Sequence[Column], outputs: np.ndarray) -> np.ndarray:
    """Return the bin of every column's value on outputs, `(B, C)` int64."""
    values = measure_all([one.measurement for one in columns], outputs)
    found = [rules.rules[one.rule].bin_of(some) for one, some in zip(columns, values, strict=True)]
    return np.stack(found, axis=1) if found else np.zeros((len(outputs), 0), dtype=np.int64)
