"""Which engines serve a spec, and why: decided from the spec, the model and a fixed number of prior samples.

Nothing else decides, neither what is in a cache nor how much is asked for: so output i depends on (seed, i) alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from lc_core.bank.bank import Bank
from lc_core.common.cache import Cache
from lc_core.common.words import counted
from lc_core.constraints.constraint import Entry, leaves
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.faults import AGAIN, not_repeated
from lc_core.engines.base import Engine
from lc_core.engines.gradient import Gradient
from lc_core.engines.presets import fresh_actor
from lc_core.engines.rejection import Rejection
from lc_core.models.cost import share_of_block
from lc_core.models.latent_model import LatentModel, decodes_of_base
from lc_core.sampler.engine import Sampler

__all__ = ["OFTEN", "PROBE", "Plan", "Probe", "make_plan"]

BLOCK = 1_024
"""Tries in a block of rejection: also that of the probe, so that these samples are decoded once."""
PROBE = 4
"""Blocks of prior samples that are looked at first, and tried first."""
EXACT = 16
"""Blocks that are tried first where the sampler knows every rule and a decode is cheap: these are measured quickly, and
what one sample in a thousand meets is then served exactly, and as soon."""
OFTEN = 1 / 128
"""Where at least this share of prior samples meets a spec, more are tried: what else is as soon is not exact."""


@dataclass(frozen=True)
class Probe:
    """How many of the first prior samples meet a spec.

    Attributes:
        looked: Prior samples that were decoded and measured.
        met: How many of them meet all conditions.
        steady: Whether some that were measured again had the same values.
    """

    looked: int
    met: int
    steady: bool = True


@dataclass(frozen=True)
class Plan:
    """What serves a spec.

    Attributes:
        engine: What runs after the first tries, or from the beginning.
        exact_blocks: Blocks of prior samples that are tried before it.
        exact: Rejection, in the size of its blocks.
        reasons: Why, a line for each decision.
        probe: What was looked at; None where nothing had to be.
        refined: Whether critics are refined for the spec; only where an engine cannot do without.
    """

    engine: Engine
    exact_blocks: int
    exact: Rejection
    reasons: tuple[str, ...]
    probe: Probe | None = None
    refined: bool = False

    def card(self) -> dict[str, Any]:
        """Return what a report says of the plan."""
        looked = {"looked": self.probe.looked, "met": self.probe.met} if self.probe else None
        return {"engines": self.names, "reasons": list(self.reasons), "probe": looked}

    @property
    def names(self) -> list[str]:
        """The engines that it uses, in turn."""
        first = ["rejection"] if self.exact_blocks else []
        then = type(self.engine).__name__.lower()
        return first if first == [then] else [*first, then]


def make_plan(
    evaluator: Evaluator,
    *,
    realism: float = 0.0,
    base: str = "prior",
    exact: int | None = None,
    cache: Cache | None = None,
    bank: Bank | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> Plan:
    """Choose what serves entries.

    Args:
        evaluator: The model and the entries.
        realism: Weight of realism.
        base: What tries begin from, `prior` or `data`.
        exact: Samples of the base that are tried first; None for as many as are looked at.
        cache: Where the bank of prior samples is kept.
        bank: That bank, if it is open.
        progress: Called with a line before samples are looked at that have to be decoded first.
    """
    model, entries = evaluator.model, evaluator.entries
    of_base = 1 + decodes_of_base(model, base)
    drawing = Rejection(block=max(1, int(BLOCK * share_of_block(model.operations * of_base, model.device) / of_base)))
    conditions = evaluator.conditions
    if any(leaf.free for leaf in leaves(entries)):
        return Plan(fresh_actor(), 0, drawing, ("free values: an actor is trained for all of them",), refined=True)
    if of_base > 1:
        why = f"{model.name} takes many decodes to bring a prior sample to where data are"
        sampler = Sampler()
        reason = sampler.unfit(model, entries, 0.0)
        if reason is None and sampler.knows_base(model):
            return Plan(sampler, 0, drawing, (f"{why}: the sampler has learned it",))
        if not entries:
            return Plan(drawing, 0, drawing, (f"{why}; nothing else is asked",))
        engine, how = _without_sampler(reason or "it has not learned what data are")
        return Plan(engine, 0, drawing, (why, how))
    if realism > 0 and base == "prior":
        why = "realism is asked for of what begins from the prior: gradients follow the realism critic"
        return Plan(Gradient(), 0, drawing, (why,))
    if len(conditions) < len(entries):
        engine, why = _guided(model, entries)
        return Plan(engine, 0, drawing, ("preferences: prior samples do not follow them", why))
    if not entries:
        return Plan(drawing, 0, drawing, ("nothing is asked: every sample will do",))
    probe = _look(evaluator, drawing, base, cache, bank, progress)
    share = probe.met / probe.looked
    of = "prior samples" if base == "prior" else "samples like data"
    doubts = () if probe.steady else ("a rule had other values when it was measured again: nothing is exact under it",)
    seen = f"{probe.met:,} of {probe.looked:,} {of} (the first of seed 0) meet all conditions"
    if share >= OFTEN:
        why = f"{seen}: the run tries until it has enough{', which is exact' if probe.steady else ''}"
        return Plan(drawing, 0, drawing, (why, *doubts), probe)
    engine, why = _guided(model, entries)
    blocks = _first_blocks(engine, drawing, model, entries) if exact is None else -(-exact // drawing.block)
    many = counted(blocks * drawing.block, "sample")
    first = f"{seen}: {many} of the run's own are tried first{', which are exact' if probe.steady else ''}"
    return Plan(engine, blocks, drawing, (first, *doubts, why), probe)


def _first_blocks(engine: Engine, drawing: Rejection, model: LatentModel, entries: Sequence[Entry]) -> int:
    """Return how many blocks are tried as they are, where a spec does not say it."""
    if drawing.block < BLOCK or not isinstance(engine, Sampler):
        return PROBE
    return EXACT if engine.knows(model, entries) == len(list(leaves(entries))) else PROBE


def _guided(model: LatentModel, entries: Sequence[Entry]) -> tuple[Engine, str]:
    """Return the engine that moves samples to where entries hold, and why it is that one."""
    sampler = Sampler()
    if (reason := sampler.unfit(model, entries, 0.0)) is None:
        return sampler, _told(sampler, model, entries)
    return _without_sampler(reason)


def _without_sampler(reason: str) -> tuple[Engine, str]:
    return Gradient(), f"no sampler ({reason}): critics are fitted, one for each rule"


def _told(sampler: Sampler, model: LatentModel, entries: Sequence[Entry]) -> str:
    known, all_of = sampler.knows(model, entries), len(list(leaves(entries)))
    if known == all_of:
        return "then the sampler, which knows every rule"
    return f"then the sampler, which knows {known} of {counted(all_of, 'rule')}; the others get a critic each"


def _look(
    evaluator: Evaluator,
    exact: Rejection,
    base: str,
    cache: Cache | None,
    bank: Bank | None,
    progress: Callable[[str], None],
) -> Probe:
    """Look at the first samples of the base, with seed 0."""
    met, steady, labels = 0, True, [leaf.label for leaf in evaluator.leaves]
    measurements = [leaf.measurement for leaf in evaluator.leaves]
    bank = bank or Bank(evaluator.model, block=exact.block, cache=cache, base=base)
    if bank.there() < PROBE * exact.block:
        progress(f"plan: decoding and measuring the first {PROBE * exact.block:,} samples, once for this model")
    for number in range(PROBE):
        columns = bank.values(number, measurements)
        if number == 0:
            index = np.arange(min(AGAIN, exact.block))
            some = bank.rows(number, index)
            steady = not any(map(not_repeated, measurements, columns, repeat(some), repeat(index)))
        met += int(evaluator.satisfied(dict(zip(labels, columns, strict=True)), exact.block).sum())
    return Probe(PROBE * exact.block, met, steady)
