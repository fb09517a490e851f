"""Refine an energy's critics where the engine goes, in many small rounds.

In a round the engine descends the energy as it is, some latents on its way are decoded and measured, and the critics
take a few steps on them, beside prior samples and all that was seen in earlier rounds (a data set that follows the
policy, as in DAgger, Ross et al. 2011). The engine is guided by an average of the critics' weights, not by the newest
ones, whose slips it would follow from one round to the next.

Where hardly any try satisfies, critics cannot learn what would. So an entry that fewer than a tenth of the tries meet
is replaced, for a round, by a looser one that a tenth meet: its curriculum threshold. It tightens as the tries come
nearer (like the levels of the cross-entropy method, Rubinstein 1999). A rule that only says yes or no has no looser
one. So while few tries satisfy, copies of latents that do are decoded as well, with some of their values drawn anew.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lc_core.common.progress import Progress
from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint, Entry, fold, map_leaves
from lc_core.constraints.evaluator import Measured
from lc_core.constraints.logic import meet_all, order, verdict
from lc_core.constraints.want import SLACK, Want
from lc_core.critics.critic import Critic
from lc_core.critics.heads import Heads, critic_heads
from lc_core.energy.energy import Energy
from lc_core.energy.targets import FIXED, Targets
from lc_core.engines.base import Engine
from lc_core.engines.loop import run_engine
from lc_core.fitting.critics import CriticFitter, draw_batches, train_critic
from lc_core.models.latent_model import draw_prior, draw_transported
from lc_core.spec.refine_settings import RefineSettings

__all__ = ["Refined", "with_thresholds", "refine_critics", "visited_steps"]


@dataclass
class Refined:
    """Refined critics by leaf label, an amortised engine's weights, and what is known of the fit.

    `thresholds` are looser wants, by label, where they differ from what is wanted.
    """

    critics: dict[str, Critic]
    thresholds: dict[str, Want] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)


def with_thresholds(entry: Entry, thresholds: Mapping[str, Want]) -> Entry:
    """Return an entry whose leaves want their curriculum threshold, by label, where they have one."""
    return map_leaves(entry, lambda leaf: replace(leaf, want=thresholds.get(leaf.label, leaf.want)))


def choose_thresholds(
    entries: Sequence[Entry],
    values: Mapping[str, np.ndarray],
    targets: Targets = FIXED,
    *,
    share: float = RefineSettings.threshold_share,
) -> dict[str, Want]:
    """Return looser wants, by label, for the leaves of entries that too few of the last tries meet.

    Args:
        entries: The top-level entries.
        values: What each leaf measures on the last tries, `(N,)`, by label.
        targets: What each of these tries wanted of what is free.
        share: Entries that a smaller share of the tries meets get a looser want, which this share meets.
    """
    thresholds: dict[str, Want] = {}
    for entry in entries:
        if verdict(targets.apply(entry), values).met.mean() < share:
            wanted = fold(entry, lambda leaf, holds: [(leaf, holds)], lambda _, parts: list(chain(*parts)))
            for leaf, holds in wanted:
                thresholds |= _looser(leaf, values, share, holds=holds)
    return thresholds


def _looser(entry: Constraint, values: Mapping[str, np.ndarray], share: float, *, holds: bool) -> dict[str, Want]:
    """Return the looser want of a constraint that is to hold, or not to; nothing where that helps nothing."""
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
    shift = float(np.quantile(away, share, method="higher"))
    if (away <= shift).mean() > 0.5:  # many values are alike, and a threshold that most tries meet leads nowhere
        shift = float(np.max(away[away < shift], initial=0.0))
    if not SLACK < shift < np.inf:
        return {}
    low, high = (want.low - shift, want.high + shift) if holds else (want.low + shift, want.high - shift)
    if high == np.inf:
        return {entry.label: Want(at_least=low)}
    if low == -np.inf:
        return {entry.label: Want(at_most=high)}
    return {entry.label: Want(between=(low, high))} if low <= high else {}


def _grown(share: float, before: float, progress: float) -> bool:
    """Return whether a share has grown by more than chance."""
    fewer_fail, more_succeed = 1 - share <= (1 - progress) * (1 - before), share * (1 - progress) >= before
    return share > before and (fewer_fail or more_succeed)


def visited_steps(engine: Engine, visits: int) -> list[int]:
    """Return the steps of a try after which a round decodes: `visits` of them if it has so many, the last included."""
    return sorted({max(1, engine.steps * part // visits) for part in range(1, visits + 1)})


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
    return _Refinement(fitter, energy, engine, progress).run()


class _Refinement:
    """The critics that learn, their averages that guide, what was seen so far, and the best of it."""

    def __init__(self, fitter: CriticFitter, energy: Energy, engine: Engine, progress: Progress) -> None:
        self.fitter, self.progress = fitter, progress
        self.settings, self.how, self.evaluator = fitter.settings, fitter.settings.refine, fitter.evaluator
        self.generator = block_generator(self.settings.seed, 0, "refine")
        if energy.space.leaves:
            energy = replace(energy, space=energy.space.with_seen(fitter.prior.values, self.generator))
        self.energy = energy
        self.engine = engine.begin(self.evaluator.model, energy.space, self.generator)
        if energy.critics:
            self.engine.study(self.energy, fitter.prior)
        self.visit = visited_steps(engine, self.how.visits)
        self.count = self.settings.round_samples * self.how.visits // len(self.visit)
        self.heads = critic_heads(self.evaluator.leaves)
        self.learning = copy.deepcopy(dict(energy.critics))
        self.guiding = copy.deepcopy(dict(energy.critics))
        self.thresholds: dict[str, Want] = {}
        self.targets = energy.space.own()
        self.redrawn = self.how.redrawn
        self.path: Measured | None = None
        self.preferences = [entry for entry in energy.entries if not entry.require and entry.weight > 0]
        self.history: list[float] = []
        self.preference_scores: list[float] = []
        self.best = Refined({})

    def run(self) -> Refined:
        """Run rounds until nearly every try meets everything, or no round is better than the best for a while.

        A round in which the share that the settings ask for satisfies is the last one, and the one that is taken.
        """
        ruled, how = bool(self.evaluator.conditions or self.preferences), self.how
        best_score, best, last, since = -1.0, (0.0, 0.0), (-1.0, -1.0), 0
        for number in range(self.settings.rounds + 1):
            self.engine.learn(self._with_thresholds(), self.evaluator.model, self.generator)
            fresh = self._explore(number)
            shares = (one[-how.window :] for one in (self.history, self.preference_scores))
            share, preferred = (float(np.mean(one)) for one in shares)
            share = min(share, how.most_over_own * self.history[-1])
            score = (share + how.preference_score * preferred) / (1 + how.preference_score)
            more = f", preferences are met by {self.preference_scores[-1]:.1%}" if self.preferences else ""
            self.progress(f"refinement {number}: {self.history[-1]:.1%} of tries satisfy at their last step{more}")
            reached = self._reached()
            known = len(self.history) >= min(how.window, self.settings.rounds + 1)
            if reached or (known and (score > best_score or not ruled)):
                best_score, best = score, (share, preferred)
                self.best = Refined(copy.deepcopy(self.guiding), dict(self.thresholds), self.engine.tensors())
            if any(_grown(*pair, how.progress) for pair in zip(best, last, strict=True)):
                last, since = best, number
            waited, patience = number - since, self.settings.patience
            stalled = (best[0] >= how.good and waited >= patience) or (best[0] >= how.fair and waited >= 2 * patience)
            enough = known and min(share, score) >= how.enough
            if reached or number == self.settings.rounds or (ruled and (stalled or enough)):
                break
            self._learn(fresh)
        wants = {label: want.as_dict() for label, want in self.best.thresholds.items()}
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
        starts = draw_transported(model, self.count, generator, flow)
        self.targets = self.energy.space.draw(self.count, block_generator(self.settings.seed, number, "targets"))
        energy = self._with_thresholds().at(self.targets)
        result = run_engine(self.engine, self.evaluator.model, starts, energy, visit=self.visit)
        fresh = Measured.of(self.evaluator, torch.cat(result.visited))
        ends = self._ends(fresh)
        wanted = map(self.targets.apply, self.evaluator.conditions)
        self.history.append(float(meet_all(wanted, ends, self.count).mean()))
        met = [verdict(self.targets.apply(entry), ends).met.mean() for entry in self.preferences]
        weights = [entry.weight for entry in self.preferences]
        self.preference_scores.append(float(np.average(met, weights=weights)) if met else self.history[-1])
        return fresh

    def _ends(self, fresh: Measured) -> dict[str, np.ndarray]:
        """Return what was measured, under what each try wanted, where the tries ended."""
        return self.targets.pick(fresh.last(self.count))

    def _with_thresholds(self) -> Energy:
        """Return the energy as it guides now."""
        entries = tuple(with_thresholds(entry, self.thresholds) for entry in self.energy.entries)
        return replace(self.energy, entries=entries, critics=self.guiding)

    def _learn(self, fresh: Measured) -> None:
        """Take up what was visited, choose the next thresholds and let the critics learn."""
        share = self.how.threshold_share
        self.thresholds = choose_thresholds(self.energy.entries, self._ends(fresh), self.targets, share=share)
        if self.history[-1] < share and self.heads and not self.energy.space.leaves:
            fresh = fresh + self._copies(fresh)
        self.path = fresh if self.path is None else self.path + fresh
        for heads in self.heads:
            self._split(heads)
            self._train(heads, len(fresh))

    def _copies(self, fresh: Measured) -> Measured:
        """Decode copies, in part drawn anew, of latents that satisfy, or of those that come nearest."""
        count, seen = self.settings.round_samples, self.fitter.prior + fresh
        seen = seen if self.path is None else seen + self.path
        hits = np.flatnonzero(self.evaluator.satisfied(seen.values, len(seen)))
        rows = hits if len(hits) else order(self.evaluator.conditions, seen.values, len(seen))[: self.how.nearest]
        pick = torch.from_numpy(rows)[torch.randint(len(rows), (count,), generator=self.generator)]
        origin, model = seen.z[pick], self.evaluator.model
        anew = torch.rand(origin.shape, generator=self.generator) < self.redrawn
        drawn = draw_prior(model, count, self.generator)
        copies = Measured.of(self.evaluator, model.project(torch.where(anew.to(origin.device), drawn, origin), origin))
        if len(hits):
            share = self.evaluator.satisfied(copies.values, count).mean()
            self.redrawn = float(np.clip(self.redrawn * np.exp(share - 0.3), 0.02, 0.5))
        return copies

    def _split(self, heads: Heads) -> None:
        """Give a critic bins that end where the wants and the thresholds of its heads do."""
        assert self.path is not None
        values = np.concatenate([heads.gather(part.values).ravel() for part in (self.fitter.prior, self.path)])
        labels = [leaf.label for leaf in heads.leaves]
        fixed = [leaf for leaf in heads.leaves if not (leaf.free and leaf.free.bounds)]
        wants = [want for leaf in fixed for want in (leaf.want, self.thresholds.get(leaf.label, leaf.want))]
        edges = [edge for want in wants for edge in (want.low - SLACK, np.nextafter(want.high + SLACK, np.inf))]
        for critics in (self.learning, self.guiding):
            critic = critics[labels[0]]
            for edge in dict.fromkeys(filter(np.isfinite, edges)):
                critic = critic.split(float(edge), values)
            critics.update(dict.fromkeys(labels, critic))

    def _train(self, heads: Heads, fresh: int) -> None:
        """Train on a quarter of prior samples, a half of the whole path so far and a quarter of the newest round."""
        assert self.path is not None
        label, prior, path = heads.leaves[0].label, self.fitter.prior, self.path
        critic, guide = self.learning[label], self.guiding[label]
        on_prior, on_path = (torch.from_numpy(critic.bins.index(heads.gather(part.values))) for part in (prior, path))
        quarter = self.settings.batch // 4
        parts = [(prior.z, on_prior, quarter), (path.z, on_path, 2 * quarter)]
        parts += [(path.z[-fresh:], on_path[-fresh:], quarter)]
        batches = draw_batches(parts, self.generator)
        weights: list[torch.Tensor] = list(critic.parameters())
        averages: list[torch.Tensor] = list(guide.parameters())

        def average() -> None:
            with torch.no_grad():
                torch._foreach_lerp_(averages, weights, 1 - self.how.average)

        train_critic(critic, batches, self.settings.round_steps, self.settings.lr / 2, after_step=average)
