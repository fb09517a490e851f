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
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from lc_core.constraints.constraint import Constraint, Entry, fold, leaves
from lc_core.critics.critic import Critic, Odds
from lc_core.energy.targets import Space, Targets

if TYPE_CHECKING:
    from lc_core.energy.decoder_guide import DecoderGuide

__all__ = ["Energy", "EnergyValue", "entry_odds"]


def entry_odds(entry: Entry, odds: Mapping[str, Odds]) -> Odds:
    """Return the log odds that an entry is met, given those of its leaves, by label."""

    def leaf(one: Constraint, holds: bool) -> Odds:
        return odds[one.label] if holds else Odds(yes=odds[one.label].no, no=odds[one.label].yes)

    def join(every: bool, parts: list[Odds]) -> Odds:
        yes, no = torch.stack([part.yes for part in parts]), torch.stack([part.no for part in parts])
        if every:
            return Odds(yes=-(-yes).logsumexp(0), no=no.logsumexp(0))
        return Odds(yes=yes.logsumexp(0), no=-(-no).logsumexp(0))

    return fold(entry, leaf, join)


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
        critics: For each leaf's label, the critic of its measurement; several leaves may share one.
        heads: For each leaf's label, the number of its first head in that critic.
        realism: The realism critic, latents to logits `(B,)`.
        realism_weight: Weight of its term.
        space: What is free in the entries.
        code: What an amortised engine is given of the values that rows want of it, `(B, F)` or `(1, F)`.
        decoder: Follows the constraints whose guide it is; counts what it decodes.
    """

    entries: Sequence[Entry]
    critics: Mapping[str, Critic] = field(default_factory=dict)
    heads: Mapping[str, int] = field(default_factory=dict)
    realism: Callable[[Tensor], Tensor] | None = None
    realism_weight: float = 0.0
    space: Space = field(default_factory=Space)
    code: Tensor | None = None
    decoder: DecoderGuide | None = None

    @property
    def decodes(self) -> int:
        """Outputs decoded so far to follow constraints through the decoder."""
        return self.decoder.decodes if self.decoder else 0

    def at(self, targets: Targets) -> Energy:
        """Return the energy of rows that want these values of what is free."""
        return replace(self, entries=tuple(map(targets.apply, self.entries)), code=targets.code)

    def logits(self, z: Tensor, entries: Sequence[Entry]) -> dict[str, Tensor]:
        """Return the logits `(B, V, K + 1)` that each leaf's critic gives, from the leaf's first head on, by label.

        Leaves without a critic, which are followed through the decoder, are left out.
        """
        every: dict[int, Tensor] = {}
        found = {}
        for leaf in leaves(entries):
            if leaf.guide == "decoder":
                continue
            critic = self.critics[leaf.label]
            if id(critic) not in every:
                every[id(critic)] = critic.every(z)
            found[leaf.label] = every[id(critic)][:, self.heads.get(leaf.label, 0) :]
        return found

    def odds(self, z: Tensor, entries: Sequence[Entry]) -> dict[str, Odds]:
        """Return the log odds of each of some entries, by label."""
        logits = self.logits(z, entries)
        critics = [leaf for leaf in leaves(entries) if leaf.guide == "critic"]
        found = {leaf.label: self.critics[leaf.label].odds(logits[leaf.label], leaf.want) for leaf in critics}
        if through := [leaf for leaf in leaves(entries) if leaf.guide == "decoder"]:
            assert self.decoder is not None, "prepare gives one where an entry is followed through the decoder"
            found |= self.decoder.odds(z, through)
        return {entry.label: entry_odds(entry, found) for entry in entries}

    def __call__(self, z: Tensor) -> EnergyValue:
        """Return the energy of latents `(B, *latent_shape)` and its terms."""
        entries = [entry for entry in self.entries if entry.weight > 0]
        odds = self.odds(z, entries)
        terms = {entry.label: entry.weight * F.softplus(-odds[entry.label].yes) for entry in entries}
        if self.realism is not None and self.realism_weight > 0:
            terms["realism"] = self.realism_weight * F.softplus(-self.realism(z))
        if not terms:
            return EnergyValue(0.0 * z.flatten(1).sum(1), {})  # nothing is wanted, and that has a gradient: zero
        return EnergyValue(torch.stack(list(terms.values())).sum(0), terms)

    def predicted_satisfied(self, z: Tensor) -> Tensor:
        """Return which latents the critics call satisfied, `(B,)` bool.

        Every required entry has log odds above 0, and so has realism where it has a weight: an example that stopped
        as soon as its constraints hold would be left where realism has not yet brought it.
        """
        satisfied = torch.ones(len(z), dtype=torch.bool, device=z.device)
        if self.realism is not None and self.realism_weight > 0:
            satisfied &= self.realism(z) > 0
        for odds in self.odds(z, [entry for entry in self.entries if entry.require]).values():
            satisfied &= odds.yes > 0
        return satisfied
