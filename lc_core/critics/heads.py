"""Constraints that share a critic.

Many settings of one measurement, such as thirty attributes that one classifier knows, are learned by one network with
a head for each: it costs about as much as one of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lc_core.constraints.constraint import Constraint
from lc_core.constraints.measurement import Measurement

__all__ = ["Heads", "SHARE", "critic_heads"]

SHARE = 8
"""So many constraints on one measurement share a critic. Fewer have one each, which other specs find in the cache."""


@dataclass(frozen=True)
class Heads:
    """Constraints on one measurement that share one critic, with one head each; most often a single one.

    Attributes:
        leaves: The constraints, in the order of the critic's heads.
    """

    leaves: tuple[Constraint, ...]

    @property
    def name(self) -> str:
        """The measurement's name, with the number of constraints if there are several."""
        name = self.leaves[0].measurement.name
        return name if len(self.leaves) == 1 else f"{name} ({len(self.leaves)} constraints)"

    @property
    def variants(self) -> tuple[Measurement, ...]:
        """The measurements of all heads."""
        return tuple(one for leaf in self.leaves for one in leaf.variants)

    def first(self) -> dict[str, int]:
        """Return the number of each constraint's first head, by label."""
        first, number = {}, 0
        for leaf in self.leaves:
            first[leaf.label] = number
            number += len(leaf.variants)
        return first

    def gather(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the values of all heads, `(N, H)`, given those of each constraint, `(N,)` or `(N, V)`, by label."""
        columns = [values[leaf.label].reshape(len(values[leaf.label]), -1) for leaf in self.leaves]
        return np.concatenate(columns, axis=1)

    def scatter(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """Return what `gather` was given."""
        parts = np.split(values, list(self.first().values())[1:], axis=1)
        return {leaf.label: part if leaf.free else part[:, 0] for leaf, part in zip(self.leaves, parts, strict=True)}


def critic_heads(leaves: Sequence[Constraint]) -> list[Heads]:
    """Return constraints by the critic that they share, in the order of the first of each.

    Those that are followed through the decoder need none and are left out.
    """
    alike: dict[int, list[Constraint]] = {}
    for leaf in leaves:
        if leaf.guide == "critic":
            alike.setdefault(id(leaf.measurement.function), []).append(leaf)
    found = []
    for some in alike.values():
        found += [Heads(tuple(some))] if len(some) >= SHARE else [Heads((leaf,)) for leaf in some]
    return found
