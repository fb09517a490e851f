"""Which values a rule can take under the others, by the sampler, where too few prior samples meet these to tell it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np

from lc_core.bank.rate import ENOUGH, Rates, Span, span_of
from lc_core.constraints.constraint import Constraint, Entry, leaves
from lc_core.constraints.evaluator import Evaluator
from lc_core.errors import LCError
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import LatentModel
from lc_core.sampler.engine import Sampler
from lc_core.sampling.block import run_block
from lc_core.sampling.problem import Problem

__all__ = ["sampled_spans"]

BLOCKS = 4
"""Most blocks of tries for one rule."""
SAMPLED = 32
"""Verified outputs that are enough to tell which values a measurement takes among them."""


def sampled_spans(model: LatentModel, entries: Sequence[Entry], found: Rates, *, seconds: float) -> dict[str, Span]:
    """Return what constraints take under the other conditions, of those that prior samples do not tell it of.

    Args:
        model: The model.
        entries: Top-level entries.
        found: What prior samples told.
        seconds: After so many no further block is tried.

    Returns:
        A span by label, of verified outputs of the model's sampler; none where it does not know all the others, or
        where they are met by too few of its tries.
    """
    ends, spans = time.monotonic() + seconds, {}
    sampler, conditions = Sampler(), Evaluator(model, entries).conditions
    for one in entries:
        others = tuple(entry for entry in conditions if entry is not one)
        if not isinstance(one, Constraint) or not others or found.others_met[one.label] >= ENOUGH:
            continue
        if sampler.unfit(model, others, 0.0) or sampler.knows(model, others) < len(list(leaves(others))):
            continue
        values = [one.measurement(outputs) for outputs in _verified(model, others, sampler, ends)]
        if values and (span := span_of(np.concatenate(values), SAMPLED, told="verified outputs of the sampler")):
            spans[one.label] = span
    return spans


def _verified(model: LatentModel, others: tuple[Entry, ...], sampler: Sampler, ends: float) -> Iterator[np.ndarray]:
    """Yield outputs of the sampler that meet conditions; none once the time is over."""
    if time.monotonic() > ends:
        return
    try:
        prepared = prepare(Evaluator(model, others), sampler)
    except LCError:
        return  # a rule is no longer what the sampler learned: sampling says so
    problem = Problem(model=model, entries=others, engine=prepared.engine, count=1, moves=0)
    for number in range(BLOCKS):
        block = run_block(problem, prepared.energy, number)
        if block.satisfied.any():
            yield block.outputs[block.satisfied[block.rows]]
        if time.monotonic() > ends:
            return
