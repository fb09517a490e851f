"""Gets ready for one way of finding outputs, to be timed: `python -m benchmarks.bench.ready NAME`."""

from __future__ import annotations

import sys

import torch

from benchmarks.bench.compared import OURS
from benchmarks.bench.peers import BATCH, Objective, search
from benchmarks.bench.rare import MODEL, compositions
from lc_core import load_model
from lc_core.constraints.evaluator import Evaluator
from lc_core.fitting.prepare import prepare
from lc_core.sampler.engine import Sampler


def main(name: str) -> None:
    """Load the model, the rules and what a way needs; a search decodes twice as many latents as it asks for at once."""
    torch.set_num_threads(1)
    model, entries = load_model(MODEL), compositions(2)[0].entries()
    if name == OURS:
        prepare(Evaluator(model, entries), Sampler().sized_for(model))
    else:
        search(name, Objective(model, entries, (2 * BATCH,), 60.0), 0)


if __name__ == "__main__":
    main(sys.argv[1])
