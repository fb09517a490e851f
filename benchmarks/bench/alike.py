"""How like exact outputs those are that each way finds."""

from __future__ import annotations

import numpy as np

from benchmarks.bench.compared import OURS
from benchmarks.bench.figure import Clock, Figure, Sizes
from benchmarks.bench.peers import PEERS, Objective, installed, search
from benchmarks.bench.rare import LONGEST, MODEL, compositions
from lc_core import load_model
from lc_core.constraints.evaluator import Evaluator
from lc_core.evaluation import two_sample_auc
from lc_core.fitting.prepare import prepare
from lc_core.sampler.engine import Sampler
from lc_core.sampling.block import run_block
from lc_core.sampling.problem import Problem

__all__ = ["alike"]

UNBOUNDED = 10**9
"""Decodes of a search that ends when it has found enough."""
SECOND = "rejection, another seed"


def alike(sizes: Sizes, clock: Clock) -> Figure:
    """Tell how well a classifier tells the outputs of each way from exact ones."""
    one, count = compositions(2)[0], sizes.alike
    figure = Figure(
        "How like exact outputs those are that each way finds",
        f"The first {count} distinct outputs of each way on composition {one.name}, which {one.rate:.2%} of prior "
        "samples meet, against as many by rejection, which are exact. AUC of a classifier that is trained to tell the "
        "two apart: 0.5 if it cannot, 1 if it always can.",
    )
    model, entries = load_model(MODEL), one.entries()

    def searched(name: str, seed: int) -> np.ndarray:
        objective = Objective(model, entries, (UNBOUNDED,), LONGEST, enough=count)
        search(name, objective, seed)
        return np.array(list(objective.found.values())[:count])

    prepared = prepare(Evaluator(model, entries), Sampler().sized_for(model))
    problem = Problem(model=model, entries=entries, engine=prepared.engine, count=10**6)
    ours: dict[bytes, np.ndarray] = {}
    number = 0
    while len(ours) < count:
        block = run_block(problem, prepared.energy, number)
        ours |= {row.tobytes(): row for row in block.outputs[block.satisfied[block.rows]]}
        number += 1
    sets = {SECOND: searched("rejection", 1), OURS: np.array(list(ours.values())[:count])}
    sets |= {name: searched(name, 0) for name in PEERS if name != "rejection" and installed(name)}
    exact = searched("rejection", 0)
    rows = [(name, len(outputs), two_sample_auc(exact, outputs)) for name, outputs in sets.items()]
    figure.tables.append((("by", "outputs", "AUC against exact outputs"), rows))
    return figure
