"""E1, sharp and blurry VAE, prior and refined samples: `python -m benchmarks.paper.e1_samples`."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch

from benchmarks.realism import AGAIN, DOMAINS, REFERENCE, REFINED, as_table, compare, load_problem, make_sets
from benchmarks.tables import out_option, write_results
from lc_plugins.images.sheet import write_sheet

SHOWN = 64
SHEETS = {
    "prior samples": "prior",
    REFINED: "refined",
    REFERENCE: "posterior",
    "held-out data": "held-out",
}


@click.command()
@out_option("e1")
@click.option("--count", default=2_500, show_default=True, help="Pictures of each set.")
@click.option("--steps", default=500, show_default=True, help="Training steps of the two-sample classifier.")
def main(out: Path, count: int, steps: int) -> None:
    """Write sheets of samples of both models, and how like held-out data they are."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    texts, figures = [], {}
    for name in ("avatars", "avatars-blurry"):
        domain = DOMAINS[name]
        problem = load_problem(domain)
        sets, sources = make_sets(domain, problem, count)
        for label, file in SHEETS.items():
            shown = sets[label][np.arange(SHOWN) * count // SHOWN]
            write_sheet(shown / np.float32(255), out / f"{name}-{file}.png", columns=8)
        found = compare(domain, sets, near=min(count, sources), k=3, steps=steps)
        figures[problem.model.name] = {"digest": problem.model.digest, "count": count, "steps": steps, "sets": found}
        texts.append(f"## {problem.model.name}, {count:,} pictures of each set, k = 3\n\n{as_table(found)}")
    note = f"Two-sample AUC, and neighbours in {DOMAINS['avatars'].space}; best is what *{AGAIN}* have."
    write_results(out, "\n\n".join(["# E1: sharp and blurry VAE", note, *texts]), figures)


if __name__ == "__main__":
    main()
