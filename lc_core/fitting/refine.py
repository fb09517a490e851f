"""Refine an energy's critics where the engine goes, in many small rounds.

In a round the engine descends the energy as it is, some latents on its way are decoded and measured, and the critics
take a few steps on them, beside prior samples and all that was seen in earlier rounds (a data set that follows the
policy, as in DAgger, Ross et al. 2011). The engine is guided by an average of the critics' weights, not by the newest
ones, whose slips it would follow from one round to the next.

What few tries reach cannot be told from what none does. So an entry that fewer than a tenth of the tries meet is
replaced, for a round, by a looser one that a tenth meet: its aim, which tightens as the tries come nearer (a curriculum
on the threshold, as levels in the cross-entropy method, Rubinstein 1999). A rule that only says yes or no has no looser
one; so while few tries satisfy, copies of what does, in part drawn anew, are decoded as well.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint, Entry
from lc_core.constraints.evaluator import Measured
from lc_core.constraints.logic import order, verdict
from lc_core.constraints.want import SLACK, Want
from lc_core.critics.critic import Critic
from lc_core.critics.heads import Family, families
from lc_core.energy.energy import Energy
from lc_core.energy.targets import FIXED, Targets
from lc_core.engines.base import Engine, run_engine
from lc_core.fitting.critics import CriticFitter, draw_batches, train_critic
from lc_core.models.latent_model import draw_carried, draw_prior

__all__ = ["Refined", "aimed", "refine_critics"]

Progress = Callable[[str], None]

AIM = 0.1
"""An entry that a smaller share of the tries meets is aimed at by a looser one."""
AVERAGE = 0.99
"""What a training step keeps of the averaged weights."""
WINDOW = 3
"""Rounds over which the share of tries that satisfy is averaged."""
FALLEN = 1.25
"""A round counts for at most so many times its own share: after better ones it may be far below their average."""
FAIR, GOOD, ENOUGH = 0.5, 0.9, 0.995
"""Shares from which a long and a shorter lack of progress ends refinement, and at which it ends at once."""
PROGRESS = 0.2
"""Progress is that a fifth fewer of the tries fail, or a quarter more succeed; less is as likely to be chance."""
TASTE = 0.2
"""What meeting every preference is worth in the choice of a round, where satisfying every condition is worth 1."""
VISITS = 8
"""Latents of a try that are decoded in a round, the last included."""
ELITE = 64
"""Latents that come nearest are copied if none satisfies."""
REDRAWN = 0.2
"""Share of a copy's values that are drawn anew from the prior, to begin with."""


@dataclass
class Refined:
    """Refined critics by leaf label, an amortised engine's weights, and what is known of the fit.

    `aims` are looser wants, by label, where they differ from what is wanted.
    """

    critics: dict[str, Critic]
    aims: dict[str, Want] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)


def aimed(entry: Entry, aims: Mapping[str, Want]) -> Entry:
    """Return an entry whose leaves want what `aims` says of their label, where it says something."""
    if isinstance(entry, Constraint):
        return replace(entry, want=aims.get(entry.label, entry.want))
    return replace(entry, entries=tuple(aimed(child, aims) for child in entry.entries))


def choose_aims(
    entries: Sequence[Entry], values: Mapping[str, np.ndarray], targets: Targets = FIXED
) -> dict[str, Want]:
    """Return looser wants, by label, for the leaves of entries that too few of the last tries meet.

    Args:
        entries: The top-level entries.
        values: What each leaf measures on the last tries, `(N,)`, by label.
        targets: What each of these tries wanted of what is free.
    """
    aims: dict[str, Want] = {}
    for entry in entries:
        if verdict(targets.apply(entry), values).met.mean() < AIM:
            aims |= _looser(entry, values, holds=True)
    return aims


def _looser(entry: Entry, values: Mapping[str, np.ndarray], *, holds: bool) -> dict[str, Want]:
    if not isinstance(entry, Constraint):
        holds = holds != (entry.kind == "not")
        return {label: want for child in entry.entries for label, want in _looser(child, values, holds=holds).items()}
    want, measured = entry.want, values[entry.label]
    if entry.guide == "decoder":
        return {}  # has a slope wherever it is
    if entry.free and entry.free.bounds:
        return {}  # among the bounds that are drawn some are loose already
    if holds:
        away = np.maximum(want.low - measured, measured - want.high)
    else:
        # A bound is inclusive: what lies on it has to be left out by the negation.
        away = np.minimum(measured - want.low, want.high - measured) + 4 * SLACK
    away = np.where(np.isnan(away), np.inf, away)
    shift = float(np.quantile(away, AIM, method="higher"))
    if (away <= shift).mean() > 0.5:  # many values are alike, and an aim that most tries meet leads nowhere
        shift = float(np.max(away[away < shift], initial=0.0))
    if not SLACK < shift < np.inf:
        return {}
    low, high = (want.low - shift, want.high + shift) if holds else (want.low + shift, want.high - shift)
    if high == np.inf:
        return {entry.label: Want(at_least=low)}
    if low == -np.inf:
        return {entry.label: Want(at_most=high)}
    return {entry.label: Want(between=(low, high))} if low <= high else {}


def _grown(share: float, before: float) -> bool:
    """Return whether a share has grown by more than chance."""
    fewer_fail, more_succeed = 1 - share <= (1 - PROGRESS) * (1 - before), share * (1 - PROGRESS) >= before
    return share > before and (fewer_fail or more_succeed)


def refine_critics(
    fitter: CriticFitter, energy: Energy, engine: Engine, progress: Progress = lambda _: None
) -> Refined:
    """Refine an energy's critics where an engine goes.

    Args:
        fitter: Has fitted the critics, or could have; gives the settings, the model and its prior samples.
        energy: The energy.
        engine: The engine that will descend it.
        progress: Called with a line of text now and then.

    Returns:
        The critics of the best round, by the share of tries that the engine brings to satisfy every condition, and
        to a lesser part by the share that meets its preferences, measured on decoded outputs without a stop on the
        way, over the last few rounds; a round that fell far below those before it counts as little more than its own.
    """
    if not engine.amortised and (not energy.critics or fitter.settings.rounds == 0):
        return Refined(dict(energy.critics))
    return _Refinement(fitter, energy, engine, progress).run()


class _Refinement:
    """The critics that learn, their averages that guide, what was seen so far, and the best of it."""

    def __init__(self, fitter: CriticFitter, energy: Energy, engine: Engine, progress: Progress) -> None:
        self.fitter, self.progress = fitter, progress
        self.settings, self.evaluator = fitter.settings, fitter.evaluator
        self.generator = block_generator(self.settings.seed, 0, "refine")
        if energy.space.leaves:
            energy = replace(energy, space=energy.space.with_seen(fitter.prior.values, self.generator))
        self.energy = energy
        self.engine = engine.begin(self.evaluator.model, energy.space, self.generator)
        if energy.critics:
            self.engine.study(self.energy, fitter.prior)
        self.visit = sorted({max(1, engine.steps * part // VISITS) for part in range(1, VISITS + 1)})
        self.count = self.settings.round_samples * VISITS // len(self.visit)
        self.families = families(self.evaluator.leaves)
        self.learning = copy.deepcopy(dict(energy.critics))
        self.guiding = copy.deepcopy(dict(energy.critics))
        self.aims: dict[str, Want] = {}
        self.targets = energy.space.own()
        self.redrawn = REDRAWN
        self.path: Measured | None = None
        self.preferences = [entry for entry in energy.entries if not entry.require and entry.weight > 0]
        self.history: list[float] = []
        self.liked: list[float] = []
        self.best = Refined({})

    def run(self) -> Refined:
        """Run rounds until nearly every try meets everything, or no round is better than the best for a while.

        A round in which the share that the settings ask for satisfies is the last one, and the one that is taken.
        """
        ruled = bool(self.evaluator.conditions or self.preferences)
        best_score, best, last, since = -1.0, (0.0, 0.0), (-1.0, -1.0), 0
        for number in range(self.settings.rounds + 1):
            self.engine.learn(self._aimed(), self.evaluator.model, self.generator)
            fresh = self._explore(number)
            share, taste = (float(np.mean(one[-WINDOW:])) for one in (self.history, self.liked))
            share = min(share, FALLEN * self.history[-1])
            score = (share + TASTE * taste) / (1 + TASTE)
            told = f", preferences are met by {self.liked[-1]:.1%}" if self.preferences else ""
            self.progress(f"refinement {number}: {self.history[-1]:.1%} of tries satisfy at their last step{told}")
            reached = self._reached()
            known = len(self.history) >= min(WINDOW, self.settings.rounds + 1)
            if reached or (known and (score > best_score or not ruled)):
                best_score, best = score, (share, taste)
                self.best = Refined(copy.deepcopy(self.guiding), dict(self.aims), self.engine.tensors())
            if any(map(_grown, best, last)):
                last, since = best, number
            waited, patience = number - since, self.settings.patience
            stalled = (best[0] >= GOOD and waited >= patience) or (best[0] >= FAIR and waited >= 2 * patience)
            enough = known and min(share, score) >= ENOUGH
            if reached or number == self.settings.rounds or (ruled and (stalled or enough)):
                break
            self._learn(fresh)
        wants = {label: want.as_dict() for label, want in self.best.aims.items()}
        decodes = self.energy.decodes + (0 if self.path is None else len(self.path)) + len(fresh)
        self.best.card = {"satisfied_by_round": self.history, "aims": wants, "decodes": decodes}
        return self.best

    def _reached(self) -> bool:
        """Return whether the last round satisfied conditions as often as the settings ask for."""
        stop_at = self.settings.stop_at
        return bool(self.evaluator.conditions) and stop_at is not None and self.history[-1] >= stop_at

    def _explore(self, number: int) -> Measured:
        """Run the engine from fresh prior samples, note how many tries satisfy, and return what it visited."""
        model, generator = self.evaluator.model, block_generator(self.settings.seed, 0, f"refine/{number}")
        flow = model.flow() if self.energy.realism_weight > 0 and self.engine.begins_real else None
        starts = draw_carried(model, self.count, generator, flow)
        self.targets = self.energy.space.draw(self.count, block_generator(self.settings.seed, number, "targets"))
        energy = self._aimed().at(self.targets)
        result = run_engine(self.engine, self.evaluator.model, starts, energy, visit=self.visit)
        fresh = Measured.of(self.evaluator, torch.cat(result.visited))
        ends = self._ends(fresh)
        met = [verdict(self.targets.apply(entry), ends).met for entry in self.evaluator.conditions]
        self.history.append(float(np.logical_and.reduce([np.ones(self.count, dtype=bool), *met]).mean()))
        liked = [verdict(self.targets.apply(entry), ends).met.mean() for entry in self.preferences]
        weights = [entry.weight for entry in self.preferences]
        self.liked.append(float(np.average(liked, weights=weights)) if liked else self.history[-1])
        return fresh

    def _ends(self, fresh: Measured) -> dict[str, np.ndarray]:
        """Return what was measured, under what each try wanted, where the tries ended."""
        return self.targets.pick(fresh.last(self.count))

    def _aimed(self) -> Energy:
        """Return the energy as it guides now."""
        entries = tuple(aimed(entry, self.aims) for entry in self.energy.entries)
        return replace(self.energy, entries=entries, critics=self.guiding)

    def _learn(self, fresh: Measured) -> None:
        """Take up what was visited, choose the next aims and let the critics learn."""
        self.aims = choose_aims(self.energy.entries, self._ends(fresh), self.targets)
        if self.history[-1] < AIM and self.families and not self.energy.space.leaves:
            fresh = fresh + self._copies(fresh)
        self.path = fresh if self.path is None else self.path + fresh
        for family in self.families:
            self._split(family)
            self._train(family, len(fresh))

    def _copies(self, fresh: Measured) -> Measured:
        """Decode copies, in part drawn anew, of latents that satisfy, or of those that come nearest."""
        count, seen = self.settings.round_samples, self.fitter.prior + fresh
        seen = seen if self.path is None else seen + self.path
        hits = np.flatnonzero(self.evaluator.satisfied(seen.values, len(seen)))
        rows = hits if len(hits) else order(self.evaluator.conditions, seen.values, len(seen))[:ELITE]
        pick = torch.from_numpy(rows)[torch.randint(len(rows), (count,), generator=self.generator)]
        origin, model = seen.z[pick], self.evaluator.model
        anew = torch.rand(origin.shape, generator=self.generator) < self.redrawn
        drawn = draw_prior(model, count, self.generator)
        copies = Measured.of(self.evaluator, model.project(torch.where(anew.to(origin.device), drawn, origin), origin))
        if len(hits):
            share = self.evaluator.satisfied(copies.values, count).mean()
            self.redrawn = float(np.clip(self.redrawn * np.exp(share - 0.3), 0.02, 0.5))
        return copies

    def _split(self, family: Family) -> None:
        """Give the critics of a family bins that end where its wants and its aims do."""
        assert self.path is not None
        values = np.concatenate([family.gather(part.values).ravel() for part in (self.fitter.prior, self.path)])
        labels = [leaf.label for leaf in family.leaves]
        fixed = [leaf for leaf in family.leaves if not (leaf.free and leaf.free.bounds)]
        wants = [want for leaf in fixed for want in (leaf.want, self.aims.get(leaf.label, leaf.want))]
        edges = [edge for want in wants for edge in (want.low - SLACK, np.nextafter(want.high + SLACK, np.inf))]
        for critics in (self.learning, self.guiding):
            critic = critics[labels[0]]
            for edge in dict.fromkeys(filter(np.isfinite, edges)):
                critic = critic.split(float(edge), values)
            critics.update(dict.fromkeys(labels, critic))

    def _train(self, family: Family, fresh: int) -> None:
        """Train on a quarter of prior samples, a half of the whole path so far and a quarter of the newest round."""
        assert self.path is not None
        label, prior, path = family.leaves[0].label, self.fitter.prior, self.path
        critic, guide = self.learning[label], self.guiding[label]
        on_prior, on_path = (torch.from_numpy(critic.bins.index(family.gather(part.values))) for part in (prior, path))
        quarter = self.settings.batch // 4
        parts = [(prior.z, on_prior, quarter), (path.z, on_path, 2 * quarter)]
        parts += [(path.z[-fresh:], on_path[-fresh:], quarter)]
        batches = draw_batches(parts, self.generator)
        weights: list[torch.Tensor] = list(critic.parameters())
        averages: list[torch.Tensor] = list(guide.parameters())

        def average() -> None:
            with torch.no_grad():
                torch._foreach_lerp_(averages, weights, 1 - AVERAGE)

        train_critic(critic, batches, self.settings.round_steps, self.settings.lr / 2, after_step=average)
