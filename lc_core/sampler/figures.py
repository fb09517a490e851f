"""What is measured of a trained sampler: first tries at random wants that it was not trained on, decoded and measured.

Wants are drawn as in training, from prior samples that took no part in it. A composition's rate is the share of the
other samples that meet all its wants, so what is rare for the prior and what is rare for the sampler stand side by
side.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lc_core.common.progress import Progress, ProgressLine
from lc_core.common.seeds import block_generator
from lc_core.common.words import counted
from lc_core.models.latent_model import LatentModel, decode_outputs, draw_prior
from lc_core.sampler.asked import Asked
from lc_core.sampler.engine import Sampler
from lc_core.sampler.folder import Trained
from lc_core.sampler.rules import measured_bins
from lc_core.sampler.settings import SamplerSettings
from lc_core.sampler.unseen import SamplerEnergy
from lc_core.sampler.wants import Batch, Table, Wants, draw_wants, met, wanted_by

__all__ = ["first_tries", "measure_sampler"]

TRIES = 16
"""First tries of each composition."""
AT_ONCE = 16
"""Compositions whose tries are one batch."""


@dataclass(frozen=True)
class _Tried:
    """One composition: shares of prior samples and of its tries that meet all; each want's rule, and shares that do."""

    rate: float
    satisfied: float
    distinct: float
    wants: tuple[tuple[int, float, float], ...]


def measure_sampler(
    model: LatentModel, trained: Trained, table: Table, settings: SamplerSettings, progress: Progress
) -> dict[str, Any]:
    """Measure a sampler on random compositions.

    Args:
        model: The model.
        trained: The sampler, all its rules with their functions.
        table: Prior samples that it was not trained on, measured under settings of every rule, in its bins.
        settings: Its training's: how many compositions, and how many wants they have.
        progress: Called with a line of text now and then.

    Returns:
        `compositions`, `tries` of each, and most `steps` of a try; `satisfied`, the median share of tries that meet
        all; `by_rate` and `by_rule`, the same by decade of the prior's rate and by rule; `distinct`, the mean share of
        distinct outputs.
    """
    rng = np.random.default_rng(settings.seed + 2)
    count = settings.compositions
    batch = draw_wants(trained.rules, table, count, settings.sizes, rng)
    tried: list[_Tried] = []
    for first in range(0, count, AT_ONCE):
        done = min(first + AT_ONCE, count)
        tried += _try(model, trained, table, batch, range(first, done))
        progress(ProgressLine(f"measured {done} of {counted(count, 'composition')}", done, count))
    return {
        "compositions": len(tried),
        "tries": TRIES,
        "steps": Sampler().steps,
        "samples": len(table),
        "satisfied": float(np.median([one.satisfied for one in tried])) if tried else math.nan,
        "distinct": float(np.mean([one.distinct for one in tried])) if tried else math.nan,
        "by_rate": _by_rate(tried, len(table)),
        "by_rule": _by_rule(tried, [rule.label for rule in trained.rules.rules]),
    }


def _try(model: LatentModel, trained: Trained, table: Table, batch: Batch, which: range) -> list[_Tried]:
    """Try some compositions of a batch, all in one."""
    outputs = first_tries(model, trained, batch, which)[1]
    bins = measured_bins(trained.rules, batch.columns, outputs)
    found = []
    for place, row in enumerate(which):
        masks = wanted_by(batch.wants, row)
        own = slice(place * TRIES, (place + 1) * TRIES)
        holds = {at: mask[bins[own, at]] > 0 for at, mask in masks.items()}
        before = {at: mask[_held(table, batch, at)] > 0 for at, mask in masks.items()}
        if not masks:
            continue
        others = np.delete(np.logical_and.reduce(list(before.values())), batch.rows[row])
        found.append(
            _Tried(
                rate=float(others.mean()),
                satisfied=float(np.logical_and.reduce(list(holds.values())).mean()),
                distinct=len({one.tobytes() for one in outputs[own]}) / TRIES,
                wants=tuple(
                    (batch.columns[at].rule, float(holds[at].mean()), float(before[at].mean())) for at in masks
                ),
            )
        )
    return found


def first_tries(
    model: LatentModel, trained: Trained, batch: Batch, which: range, *, tries: int = TRIES, base: str = "prior"
) -> tuple[Tensor, np.ndarray]:
    """Try each of a batch's rows a number of times, one row after the other; a try ends at the first check it meets.

    Args:
        model: The model.
        trained: The sampler, with the functions of the batch's rules.
        batch: Columns, and what each row wants of them.
        which: The rows.
        tries: How often each is tried.
        base: `prior`, or `data` for a model with a flow.

    Returns:
        Latents and outputs of the tries, `len(which) * tries` of them.
    """
    wants = batch.wants
    own = Wants(
        *(np.ascontiguousarray(one[which.start : which.stop]) for one in (wants.at, wants.present, wants.masks))
    )
    asked = Asked.of_wants(batch.columns, own, model.device)
    engine = Sampler().asking(trained, asked, carry=model.flow() if base == "data" else None)
    z = draw_prior(model, len(which) * tries, block_generator(0, which.start, "sampler/figures"))
    state = engine.init(z, model)
    way = torch.arange(len(which), device=z.device).repeat_interleave(tries)
    state = (state[0], way, *state[2:])
    every = Wants(*(np.repeat(one, tries, axis=0) for one in (own.at, own.present, own.masks)))
    final = state[0].clone()
    for number in range(1, engine.steps + 1):
        state = engine.step(state, SamplerEnergy(()), model, number)
        if number not in engine.checks and number < engine.steps:
            continue
        left = state[2][:, 1]
        final[left] = state[0]
        bins = measured_bins(trained.rules, batch.columns, decode_outputs(model, state[0]))
        rows = left.cpu().numpy()
        done = met(bins, Wants(every.at[rows], every.present[rows], every.masks[rows]))
        state = tuple(part[torch.from_numpy(~done).to(z.device)] for part in state)
        if done.all():
            break
    return final, decode_outputs(model, final)


def _held(table: Table, batch: Batch, at: int) -> np.ndarray:
    """Return the bins of one of a batch's columns on the samples of a table, `(N,)`."""
    column = batch.columns[at]
    place = next(number for number, one in enumerate(table.columns[column.rule]) if one is column)
    bins: np.ndarray = table.bins[column.rule][place]
    return bins


def _by_rate(tried: list[_Tried], samples: int) -> list[dict[str, Any]]:
    """Return figures by decade of the prior's rate, from the most common; last what none of the samples met."""
    decades: dict[tuple[float, float], list[_Tried]] = defaultdict(list)
    for one in tried:
        decade = math.floor(-math.log10(one.rate) + 1e-9) if one.rate else 0
        decades[(10.0 ** -(decade + 1), 10.0**-decade) if one.rate else (0.0, 1 / samples)].append(one)
    found = []
    for bounds, some in sorted(decades.items(), reverse=True):
        low, median, high = np.quantile([one.satisfied for one in some], [0.25, 0.5, 0.75])
        found.append(
            {
                "rate": list(bounds),
                "compositions": len(some),
                "prior": float(np.median([one.rate for one in some])),
                "satisfied": float(median),
                "quartiles": [float(low), float(high)],
            }
        )
    return found


def _by_rule(tried: list[_Tried], names: list[str]) -> list[dict[str, Any]]:
    """Return for each rule the mean share of tries that meet a want of it, and of prior samples that do."""
    by_rule: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for one in tried:
        for rule, after, before in one.wants:
            by_rule[rule].append((after, before))
    return [
        {
            "rule": name,
            "wants": len(by_rule[number]),
            "satisfied": float(np.mean([met for met, _ in by_rule[number]])) if by_rule[number] else None,
            "prior": float(np.mean([before for _, before in by_rule[number]])) if by_rule[number] else None,
        }
        for number, name in enumerate(names)
    ]
