"""Draws values of what is free in a tree of constraints, and gives them to an amortised engine.

Of each free parameter a row's code holds one number for each of its values (1 for the row's, else 0), and of each
free bound one number, scaled from its range to -1 to 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lc_core.constraints.constraint import Constraint, Entry, leaves, map_leaves
from lc_core.constraints.free import EachWant, Free
from lc_core.constraints.logic import meet_all
from lc_core.constraints.want import Want

__all__ = ["FIXED", "Space", "Targets", "code_of", "without_free"]


def without_free(entry: Entry) -> Entry:
    """Return an entry with nothing free: what an engine that is not amortised takes."""
    return map_leaves(entry, lambda leaf: replace(leaf, free=None))


@dataclass(frozen=True)
class Targets:
    """What each row wants of what is free.

    Attributes:
        wants: For each free leaf's label, what each row wants.
        code: What an engine is given, `(B, F)` float32, or `(1, F)` for all rows; F is 0 if nothing is free.
    """

    wants: Mapping[str, EachWant]
    code: Tensor

    def apply(self, entry: Entry) -> Entry:
        """Return an entry whose free leaves want what each row wants."""
        return map_leaves(entry, self._applied)

    def _applied(self, leaf: Constraint) -> Constraint:
        each = self.wants.get(leaf.label)
        if each is None:
            return leaf
        if not (leaf.free and leaf.free.bounds):  # its own bounds, or its threshold's, hold for every row
            each = EachWant(lows=np.array([leaf.want.low]), highs=np.array([leaf.want.high]), variant=each.variant)
        return replace(leaf, want=each)

    def take(self, rows: np.ndarray) -> Targets:
        """Return the targets of some rows."""
        wants = {}
        for label, each in self.wants.items():
            lows, highs, variant = (
                part if len(part) == 1 else part[rows] for part in (each.lows, each.highs, each.variant)
            )
            wants[label] = EachWant(lows=lows, highs=highs, variant=variant)
        return Targets(wants, self.code[torch.from_numpy(rows)])

    def pick(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return of values `(B, V)`, measured under every combination, those `(B,)` of each row's own."""
        found = dict(values)
        for label, each in self.wants.items():
            rows = np.arange(len(values[label]))
            found[label] = values[label][rows, np.broadcast_to(each.variant, rows.shape)]
        return found

    def met(self, entries: Sequence[Entry], values: Mapping[str, np.ndarray], count: int) -> np.ndarray:
        """Return which of `count` rows meet every entry, `(count,)` bool, of values under every combination."""
        return meet_all(map(self.apply, entries), self.pick(values), count)


@dataclass(frozen=True)
class Space:
    """All that is free in a tree of constraints.

    Attributes:
        leaves: The constraints of which something is free.
        seen: Combinations of their parameters that outputs met together, `(N, L)`: for each leaf a number among its
            variants.
    """

    leaves: Sequence[Constraint] = ()
    seen: np.ndarray | None = None

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Space:
        """Return what is free in some entries."""
        return cls(tuple(leaf for leaf in leaves(entries) if leaf.free))

    @property
    def size(self) -> int:
        """F, how many numbers a code has."""
        return sum(free.size for free in self._frees())

    def _frees(self) -> list[Free]:
        return [leaf.free for leaf in self.leaves if leaf.free]

    def with_seen(self, values: Mapping[str, np.ndarray], generator: torch.Generator) -> Space:
        """Return this space, to draw from what outputs met together if the parameters of several leaves are free.

        Most combinations of many attributes, each drawn alone, cannot be: nobody has black and blond hair.

        Args:
            values: What each leaf measures under every combination of its parameters, `(N, V)`, by label.
            generator: Draws among what an output meets, and among all where it meets nothing.
        """
        if sum(bool(free.params) for free in self._frees()) < 2:
            return self
        seen = []
        for leaf in self.leaves:
            met = leaf.want.met(values[leaf.label])
            draw = torch.rand(met.shape, generator=generator).numpy()
            seen.append((met + draw).argmax(axis=1))
        return replace(self, seen=np.stack(seen, axis=1))

    def draw(self, count: int, generator: torch.Generator) -> Targets:
        """Draw targets for `count` rows.

        Each value is as likely as the others. If combinations were seen, one leaf's value is drawn so, and a
        combination that has it gives those of the other leaves.
        """
        numbers = torch.rand((count, sum(1 + len(free.bounds) for free in self._frees())), generator=generator).numpy()
        columns = iter(numbers.T.astype(np.float64))
        picked: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
        together = self._draw_seen(count, generator)
        for number, leaf in enumerate(self.leaves):
            assert leaf.free
            variant = (next(columns) * len(leaf.variants)).astype(np.int64).clip(0, len(leaf.variants) - 1)
            if together is not None:
                variant = together[:, number]
            ends = leaf.free.bounds
            picked.append((variant, {key: low + next(columns) * (high - low) for key, (low, high) in ends.items()}))
        return self._targets(picked, count)

    def _draw_seen(self, count: int, generator: torch.Generator) -> np.ndarray | None:
        """Draw combinations `(count, L)` that were seen, so that each value of each leaf has its share."""
        if self.seen is None:
            return None
        rows = torch.randint(len(self.seen), (count,), generator=generator).numpy()
        which = torch.randint(len(self.leaves), (count,), generator=generator).numpy()
        numbers = torch.rand((count, 2), generator=generator, dtype=torch.float64).numpy()
        for leaf_number, leaf in enumerate(self.leaves):
            wanted = (numbers[:, 0] * len(leaf.variants)).astype(np.int64)
            for variant in range(len(leaf.variants)):
                having = np.flatnonzero(self.seen[:, leaf_number] == variant)
                own = np.flatnonzero((which == leaf_number) & (wanted == variant))
                if len(having):
                    rows[own] = having[(numbers[own, 1] * len(having)).astype(np.int64)]
        drawn: np.ndarray = self.seen[rows]
        return drawn

    def own(self) -> Targets:
        """Return the targets that the constraints themselves name, one row for all."""
        picked = []
        for leaf in self.leaves:
            assert leaf.free
            bounds = {key: np.array([getattr(leaf.want, key)], dtype=np.float64) for key in leaf.free.bounds}
            picked.append((np.array([leaf.variant]), bounds))
        return self._targets(picked, 1)

    def choose(self, variants: Mapping[str, np.ndarray]) -> Targets:
        """Return targets of rows that each want their own values of free parameters; bounds are the constraints' own.

        Args:
            variants: For each leaf's label the numbers of the combinations among its `variants`, `(B,)`.
        """
        picked = []
        for leaf in self.leaves:
            assert leaf.free
            own = {key: np.array([getattr(leaf.want, key)], dtype=np.float64) for key in leaf.free.bounds}
            picked.append((variants[leaf.label], own))
        return self._targets(picked, len(picked[0][0]))

    def _targets(self, picked: Sequence[tuple[np.ndarray, dict[str, np.ndarray]]], count: int) -> Targets:
        wants: dict[str, EachWant] = {}
        code: list[np.ndarray] = [np.zeros((count, 0))]
        for leaf, (variant, bounds) in zip(self.leaves, picked, strict=True):
            assert leaf.free
            code += code_of(leaf.free, variant, bounds)
            lows, highs = _interval(leaf.want, bounds)
            wants[leaf.label] = EachWant(lows=lows, highs=highs, variant=variant)
        return Targets(wants, torch.from_numpy(np.concatenate(code, axis=1)).float())


def code_of(free: Free, variant: np.ndarray, bounds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return the columns of a code, `(B, ...)` each, that hold what rows want of one constraint.

    Args:
        free: What is free of it.
        variant: Number of each row's combination of free parameters, `(B,)`.
        bounds: Each row's own free bounds, `(B,)`, by name.
    """
    columns = []
    choices = list(free.choices())
    for key, values in free.params.items():
        index = np.array([[value == one for one in values].index(True) for value in (c[key] for c in choices)])
        columns.append(np.eye(len(values))[index[variant]])
    for key, (low, high) in free.bounds.items():
        columns.append((2 * (bounds[key] - low) / (high - low) - 1)[:, None])
    return columns


def _interval(want: Want, bounds: Mapping[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and the highest value that satisfies, given the bounds that are free."""
    if "target" in bounds:
        assert want.tolerance is not None
        return bounds["target"] - want.tolerance, bounds["target"] + want.tolerance
    return bounds.get("at_least", np.array([want.low])), bounds.get("at_most", np.array([want.high]))


FIXED = Space().own()
"""The targets of constraints of which nothing is free."""
