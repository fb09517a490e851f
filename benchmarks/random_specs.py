"""Random compositions of a model's rules, and how rare each is among prior samples.

A composition has 1 to 5 leaves, each a random rule under settings that its code draws. In one of two the bounds are the
rule's default, if it has one; the others are drawn from quantiles of its values. One leaf in twelve stands in a `not`,
and in one composition of eight some leaves stand in an `any`. Composition i depends on (seed, i) and the model alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.tables import say
from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint, Entry, any_of, leaves, none_of
from lc_core.constraints.logic import verdict
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.settings_code import code_of
from lc_core.constraints.want import Want
from lc_core.models.latent_model import LatentModel, decode_array, draw_prior
from lc_core.plugins.registry import Registered, Registry
from lc_core.spec.values import plain

__all__ = ["Composition", "Population", "compositions", "decade_of", "rules_of"]

MOST_LEAVES = 5
ANY, NOT, DEFAULT = 1 / 8, 1 / 12, 1 / 2
"""How often leaves stand in an `any`, how often a leaf in a `not`, and how often bounds are the rule's default."""
SCREENED = 65_536
"""Samples that bounds are drawn from, and that tell which compositions are worth counting on all."""
PIECE = 65_536
"""Samples that are measured at once."""
MOST_CANDIDATES = 50_000


def rules_of(registry: Registry, output: str) -> list[Registered]:
    """Return the rules that measure a type of output and whose settings can be drawn, by name."""
    found = []
    for one in registry.all("constraint"):
        function = one.load()
        if Measurement(function).accepts(output) and code_of(function) is not None:
            found.append(one)
    return sorted(found, key=lambda one: one.name)


class Population:
    """Decoded prior samples, which are measured as rules ask; values of rules without settings are kept.

    Args:
        outputs: The outputs `(N, ...)`, in a type that may be smaller than the model's own.
        dtype: The model's own type.
    """

    def __init__(self, outputs: np.ndarray, dtype: str) -> None:
        self.outputs, self.dtype = outputs, dtype
        self._kept: dict[str, np.ndarray] = {}

    @classmethod
    def of(cls, model: LatentModel, count: int, folder: Path) -> Population:
        """Return the first `count` samples of a stream that no other command uses; those in the folder are read."""
        one = decode_array(model, draw_prior(model, model.block, block_generator(0, 0, "compositions")))
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"prior-{model.digest[:12]}-{count}.npy"
        if not path.is_file():
            kind = np.uint8 if one.dtype.kind in "iu" and 0 <= one.min() and one.max() < 256 else one.dtype
            new = path.with_suffix(f".{os.getpid()}.npy")
            every = np.lib.format.open_memmap(new, "w+", kind, (count, *one.shape[1:]))
            for block, start in enumerate(range(0, count, model.block)):
                part = decode_array(model, draw_prior(model, model.block, block_generator(0, block, "compositions")))
                every[start : start + model.block] = part[: count - start]
                assert (every[start : start + model.block] == part[: count - start]).all(), "outputs fit their type"
                if block % 128 == 0:
                    say(f"decoded {start:,} of {count:,} prior samples")
            every.flush()
            new.rename(path)
        return cls(np.load(path, mmap_mode="r"), one.dtype.str)

    def __len__(self) -> int:
        return len(self.outputs)

    def values(self, one: Measurement, rows: np.ndarray | None = None) -> np.ndarray:
        """Measure some rows, all if not given: `(n,)` float64."""
        every = np.arange(len(self))
        if one.params:
            return self._measure(one, every if rows is None else rows)
        if one.name not in self._kept:
            self._kept[one.name] = self._measure(one, every)
        return self._kept[one.name] if rows is None else self._kept[one.name][rows]

    def _measure(self, one: Measurement, rows: np.ndarray) -> np.ndarray:
        pieces = np.array_split(rows, max(1, -(-len(rows) // PIECE)))
        return np.concatenate([one(np.asarray(self.outputs[piece]).astype(self.dtype)) for piece in pieces])

    @property
    def screened(self) -> np.ndarray:
        """The first rows, on which candidates are looked at."""
        return np.arange(min(SCREENED, len(self)))

    def met(self, entry: Entry, rows: np.ndarray) -> np.ndarray:
        """Return which rows meet an entry, `(n,)` bool."""
        return verdict(entry, {leaf.label: self.values(leaf.measurement, rows) for leaf in leaves([entry])}).met


@dataclass(frozen=True)
class Composition:
    """A composition.

    Attributes:
        number: Its number among the candidates of a seed.
        entries: What it asks.
        rate: Share of prior samples that meets it.
        changed: A bound of it as another might ask it, `constraints.0.at_least=0.4`, not harder to meet; or empty.
    """

    number: int
    entries: tuple[Entry, ...]
    rate: float = np.nan
    changed: str = field(default="", compare=False)

    def as_yaml(self, model: str, render: Sequence[str] = ()) -> str:
        """Return it as a spec."""
        tree = {"lc": 1, "model": model, "constraints": [_item(one) for one in self.entries], "render": [*render]}
        return yaml.safe_dump(tree, sort_keys=False, width=110)


def _item(entry: Entry) -> dict[str, Any]:
    """Return an entry as it stands in a spec."""
    if isinstance(entry, Constraint):
        params = {"params": plain(dict(entry.measurement.params))} if entry.measurement.params else {}
        return {"use": entry.measurement.name, **params, **entry.want.as_dict()}
    inside = [_item(child) for child in entry.entries]
    return {entry.kind: inside[0] if entry.kind == "not" else inside}


def decade_of(rate: float) -> int:
    """Return k of the decade 1e-k that a rate is in, the nearest by its logarithm; 99 for a rate of 0."""
    return int(np.ceil(-np.log10(rate) - 0.5)) if rate > 0 else 99


def compositions(
    population: Population,
    rules: Sequence[Registered],
    seed: int,
    *,
    per_decade: int,
    decades: Sequence[int] = (1, 2, 3, 4, 5),
    new: Sequence[Registered] = (),
    least: float = 0.0,
) -> dict[int, list[Composition]]:
    """Draw compositions until there are enough in every decade, by decade in the order in which they were drawn.

    Args:
        population: Prior samples.
        rules: The rules to compose.
        seed: Of the draws.
        per_decade: How many of each.
        decades: For each k, rates from 1e-k / sqrt(10) to 1e-k * sqrt(10).
        new: Rules of which each composition has one, with two of the others.
        least: The lowest rate.
    """
    found: dict[int, list[Composition]] = {one: [] for one in decades}
    for number in range(MOST_CANDIDATES):
        if all(len(one) >= per_decade for one in found.values()):
            break
        drawn = _draw(population, rules, np.random.default_rng([seed, number]), number, new)
        open_ = [one for one in decades if len(found[one]) < per_decade]
        rate = _rate(population, drawn.entries, open_)
        if (decade := decade_of(rate)) in open_ and rate >= least:
            found[decade].append(Composition(number, drawn.entries, rate, drawn.changed))
    return found


def _draw(
    population: Population,
    rules: Sequence[Registered],
    rng: np.random.Generator,
    number: int,
    new: Sequence[Registered],
) -> Composition:
    """Draw a composition."""
    count = 3 if new else int(rng.integers(1, MOST_LEAVES + 1))
    entries: list[Entry] = []
    changed = ""
    known: set[str] = set()
    while len(entries) < count:
        some = new if new and not entries else rules
        one = some[int(rng.integers(len(some)))]
        code = code_of(one.load())
        assert code is not None, "rules_of leaves out rules whose settings cannot be drawn"
        measurement = Measurement(one.load(), plain(dict(code.draw(rng))), one.name)
        if (key := f"{one.name} {measurement.params}") in known:
            continue
        known.add(key)
        want, other = _draw_want(measurement, population.values(measurement, population.screened), rng)
        leaf = Constraint(measurement, want=want, label=f"{len(entries)}")
        if rng.random() < NOT:
            entries.append(none_of(leaf, label=f"not-{len(entries)}"))
            continue
        changed = changed or (f"constraints.{len(entries)}.{other}" if other else "")
        entries.append(leaf)
    if count > 1 and rng.random() < ANY:
        first = int(rng.integers(count - 1))
        place = int(changed.split(".")[1]) if changed else 0
        changed = changed if place < first else ""
        entries = [*entries[:first], any_of(*entries[first:], label="any")]
    return Composition(number, tuple(entries), changed=changed)


def _draw_want(one: Measurement, values: np.ndarray, rng: np.random.Generator) -> tuple[Want, str]:
    """Draw a want, and return with it a bound that is not harder to meet, as `--set` takes it below the leaf."""
    known = values[~np.isnan(values)]
    default = one.info.want
    if default is not None and rng.random() < DEFAULT:
        return default, ""
    distinct = np.unique(known)
    if len(distinct) <= 2:
        return default or Want(at_least=_rounded(distinct[-1] if len(distinct) else 0.0)), ""

    def at(share: float) -> float:
        return _rounded(np.quantile(known, min(max(share, 0.0), 1.0), method="nearest"))

    for _ in range(20):
        kind, low, width = int(rng.integers(4)), rng.random(), rng.uniform(0.1, 0.5)
        if kind == 0:
            want, other = Want(at_least=at(low)), f"at_least={at(low - 0.1)}"
        elif kind == 1:
            want, other = Want(at_most=at(low)), f"at_most={at(low + 0.1)}"
        else:
            low *= 1 - width
            ends, wider = (at(low), at(low + width)), (at(low - 0.05), at(low + width + 0.05))
            want, other = Want(between=ends), f"between=[{wider[0]}, {wider[1]}]"
            if kind == 3:
                half = _rounded((ends[1] - ends[0]) / 2)
                want = Want(target=_rounded(sum(ends) / 2), tolerance=half)
                other = f"tolerance={_rounded(1.2 * half + (not half))}"
        if 0 < want.met(known).sum() < len(known):
            return want, other
    return Want(at_least=at(0.5)), ""


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _rate(population: Population, entries: Sequence[Entry], decades: Sequence[int]) -> float:
    """Return the share of samples that meets entries; 0 where a part of them tells that none of the decades has it."""
    some = population.screened
    each = [population.met(entry, some) for entry in entries]
    hits, total = int(np.logical_and.reduce(each).sum()), len(some)
    least, most = hits - 3 * hits**0.5 - 1, hits + 3 * hits**0.5 + 4
    if not set(range(decade_of(most / total), decade_of(least / total) + 1)) & set(decades):
        return 0.0
    rows = np.arange(len(population))
    for at in np.argsort([one.mean() for one in each], kind="stable"):  # the rarest first leaves few rows to measure
        rows = rows[population.met(entries[at], rows)]
    return len(rows) / len(population)
