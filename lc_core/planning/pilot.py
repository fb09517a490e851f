"""A block of tries that tells whether critics which were fitted for any spec do for this one."""

from __future__ import annotations

from lc_core.constraints.evaluator import Evaluator
from lc_core.fitting.prepare import Prepared
from lc_core.sampling.block import run_block
from lc_core.sampling.problem import Problem

__all__ = ["SELDOM", "pilot"]

SEED = 2**40
"""Seed of the tries: fixed, and one that nobody samples with."""
SELDOM = 0.02
"""Where a smaller share of tries satisfies, refinement is sooner than more tries."""


def pilot(evaluator: Evaluator, prepared: Prepared, *, realism: float = 0.0, base: str = "prior") -> float:
    """Return the share of a block of tries that meets all conditions.

    Args:
        evaluator: The model and the entries.
        prepared: The engine and its energy.
        realism: Weight of realism.
        base: What tries begin from.
    """
    problem = Problem(
        model=evaluator.model,
        entries=evaluator.entries,
        engine=prepared.engine,
        realism=realism,
        seed=SEED,
        base=base,
    )
    return float(run_block(problem, prepared.energy, 0).satisfied.mean())
