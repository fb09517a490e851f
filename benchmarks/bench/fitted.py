"""Verified outputs a second once an actor is fitted for a spec, and what the fit takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from benchmarks.bench.figure import Clock, Figure, Ratio, Sizes, in_turn, quartiles_of, short, spent
from lc_core import load_model
from lc_core.constraints.evaluator import Evaluator
from lc_core.engines.actor import Actor
from lc_core.engines.rejection import Rejection
from lc_core.fitting.critics import FitSettings
from lc_core.fitting.prepare import prepare
from lc_core.sampling.block import Block, run_block
from lc_core.sampling.problem import Problem
from lc_core.spec import load_spec

__all__ = ["fitted"]

SPEC, MET, OF = "melody/rare", 168, 1_000_000
"""A spec, and how many of so many prior samples meet it."""
QUICK = FitSettings(prior_samples=1_024, push_samples=64, steps=20, rounds=1)


def fitted(sizes: Sizes, clock: Clock) -> Figure:
    """Compare a fitted actor with rejection on a spec that 1 in 6,000 prior samples meets."""
    figure = Figure(
        "An actor, once it is fitted for a spec",
        f"Verified distinct outputs a second of blocks of {SPEC}, which {MET} of {OF:,} prior samples meet, divided by "
        "those of rejection: its tries a second, times that rate.",
    )
    model, entries = load_model("melody.folk-2bar"), load_spec(SPEC).entries
    settings = replace(FitSettings(), rounds=sizes.fit_rounds) if sizes.fit_rounds > 1 else QUICK
    began = spent()
    prepared = prepare(Evaluator(model, entries), Actor(), settings=settings)
    fit = spent() - began
    ours = Problem(model=model, entries=entries, engine=prepared.engine, count=10**6)
    plain = replace(ours, engine=Rejection(block=prepared.engine.block))
    found: list[Block] = []
    runs = {
        "actor": lambda number: found.append(run_block(ours, prepared.energy, number)),
        "rejection": lambda number: run_block(plain, None, number),
    }
    with torch.inference_mode():
        seconds = in_turn(runs, 2 * sizes.rounds, Clock(clock.limit, now=spent))  # the fit has time of its own
    kept = np.concatenate([block.outputs[block.satisfied[block.rows]] for block in found])
    tries = sum(block.size for block in found)
    share = len(np.unique(kept, axis=0)) / tries
    each = share * OF / MET * np.array(seconds["rejection"]) / np.array(seconds["actor"])
    speed = share * prepared.engine.block / float(np.median(seconds["actor"]))
    figure.ratios.append(Ratio("actor, 1 in 6,000, distinct", "rejection", *quartiles_of(each), len(each), 200.0))
    figure.notes.append(
        f"Its fit took {fit:.0f} s; {share:.1%} of {tries:,} tries are distinct and satisfy: {short(speed)} a second. "
        f"`fit.rounds` was {settings.rounds}."
    )
    figure.details = {"fit": fit, "share": share, "a second": speed}
    return figure
