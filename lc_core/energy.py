"""The energy that an engine descends: one term for each top-level entry, one for realism.

Every entry becomes log odds `(B,)`, and odds combine as

- not: swap the odds of "met" and "negation met";
- any: log-sum-exp of the log odds, the OR of LACE (Nie et al. 2021);
- all: minus the log-sum-exp of minus the log odds (De Morgan).

A term is `weight * -log sigmoid(log odds)`, the cross-entropy of "met" (Engel et al. 2018, the optimiser's loss).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional as F

from lc_core.conditioning import Space, Targets
from lc_core.constraint import Constraint, Entry
from lc_core.critics.critic import Critic, Odds

__all__ = ["Energy", "EnergyValue", "entry_odds"]


def entry_odds(entry: Entry, critics: Mapping[str, Critic], z: Tensor) -> Odds:
    """Return the log odds that an entry is met, by the critics of its leaves (by label)."""
    if isinstance(entry, Constraint):
        return critics[entry.label].odds(z, entry.want)
    parts = [entry_odds(child, critics, z) for child in entry.entries]
    if entry.kind == "not":
        return Odds(yes=parts[0].no, no=parts[0].yes)
    yes = torch.stack([part.yes for part in parts])
    no = torch.stack([part.no for part in parts])
    if entry.kind == "any":
        return Odds(yes=yes.logsumexp(0), no=-(-no).logsumexp(0))
    return Odds(yes=-(-yes).logsumexp(0), no=no.logsumexp(0))


@dataclass(frozen=True)
class EnergyValue:
    """An energy `(B,)`, lower is better, with the weighted terms `(B,)` that add up to it, by label."""

    total: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Energy:
    """The weighted sum of what is wanted of a latent.

    Args:
        entries: The top-level entries.
        critics: For each leaf's label, the critic of its measurement.
        realism: The realism critic, latents to logits `(B,)`.
        realism_weight: Weight of its term.
        space: What is free in the entries.
        code: What an amortised engine is told of the values that rows want of it, `(B, F)` or `(1, F)`.
    """

    entries: Sequence[Entry]
    critics: Mapping[str, Critic] = field(default_factory=dict)
    realism: Callable[[Tensor], Tensor] | None = None
    realism_weight: float = 0.0
    space: Space = field(default_factory=Space)
    code: Tensor | None = None

    def at(self, targets: Targets) -> Energy:
        """Return the energy of rows that want these values of what is free."""
        return replace(self, entries=tuple(map(targets.apply, self.entries)), code=targets.code)

    def __call__(self, z: Tensor) -> EnergyValue:
        """Return the energy of latents `(B, *latent_shape)` and its terms."""
        terms = {
            entry.label: entry.weight * F.softplus(-entry_odds(entry, self.critics, z).yes)
            for entry in self.entries
            if entry.weight > 0
        }
        if self.realism is not None and self.realism_weight > 0:
            terms["realism"] = self.realism_weight * F.softplus(-self.realism(z))
        if not terms:
            return EnergyValue(0.0 * z.flatten(1).sum(1), {})  # nothing is wanted, and that has a gradient: zero
        return EnergyValue(torch.stack(list(terms.values())).sum(0), terms)

    def likely(self, z: Tensor) -> Tensor:
        """Return which latents the critics call satisfied, `(B,)` bool.

        Every required entry has log odds above 0, and so has realism where it has a weight: an example that stopped
        as soon as its constraints hold would be left where realism has not yet brought it.
        """
        likely = torch.ones(len(z), dtype=torch.bool, device=z.device)
        if self.realism is not None and self.realism_weight > 0:
            likely &= self.realism(z) > 0
        for entry in self.entries:
            if entry.require:
                likely &= entry_odds(entry, self.critics, z).yes > 0
        return likely
