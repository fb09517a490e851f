"""E2 and E3, conditional generation of avatars: `python -m benchmarks.paper.e2_conditional`.

16 prior samples are moved to each of 8 full vectors of attributes by one actor in one pass: a row of the sheet is a
vector, a column a prior sample. E2 has no distance penalty; E3 has one, so that a column keeps its identity. Every
figure is the judge's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks.paper.conditional import Conditional, fit_conditional
from benchmarks.tables import out_option, percent, say, table, write_results
from lc_core import load_model
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.editing.state import sigma_distance
from lc_plugins.avatars.attributes import visible
from lc_plugins.avatars.dataset import read_avatars
from lc_plugins.avatars.judge import judge
from lc_plugins.images.sheet import write_sheet

COLUMNS, ROWS = 16, 8


def measure(actor: Conditional, vectors: np.ndarray, out: Path) -> dict[str, Any]:
    """Move the same prior samples to each vector, write the sheet, and let the judge count."""
    z = actor.model.sample_prior(COLUMNS, block_generator(2_018, 0, "columns"))
    starts = z.repeat(len(vectors), 1)
    wanted = vectors.repeat(COLUMNS, axis=0)
    moved = actor.move(starts, wanted)
    evaluator = Evaluator(actor.model, ())
    pictures = evaluator.decode(moved)
    write_sheet(np.concatenate([evaluator.decode(z), pictures]), out, columns=COLUMNS)
    right = ((judge(pictures) >= 0.5) == wanted) | ~visible(wanted)
    places = moved.view(len(vectors), COLUMNS, -1)
    return {
        "attributes right": float(right.mean()),
        "all of a picture right": float(right.all(axis=1).mean()),
        "distance from the start": float(np.median(sigma_distance(moved, starts, actor.model.sigma_bar))),
        "spread within a row": float(places.std(dim=1).square().mean().sqrt()),
        "fit, s": actor.seconds,
    }


@click.command()
@out_option("e2")
@click.option("--model", default="avatars.64", show_default=True)
@click.option("--realism", default=0.5, show_default=True, help="Weight of realism; E5 takes the actor of this.")
@click.option("--distance", default=0.1, show_default=True, help="Weight of the distance in E3.")
def main(out: Path, model: str, realism: float, distance: float) -> None:
    """Write the two sheets and print what the judge says of them."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    latent_model = load_model(model)
    held = read_avatars("test", progress=say).held.astype(bool)
    vectors = held[np.random.default_rng(0).choice(len(held), ROWS, replace=False)]
    found = {}
    for name, weight in (("E2", 0.0), ("E3", distance)):
        actor = fit_conditional(latent_model, distance=weight, realism=realism)
        found[f"{name}, distance weight {weight:g}"] = measure(actor, vectors, out / f"{name.lower()}.png")
    rows = [
        [name, *(percent(value) if "right" in key else round(value, 2) for key, value in one.items())]
        for name, one in found.items()
    ]
    head = ["experiment", *next(iter(found.values()))]
    title = f"# E2 and E3: {COLUMNS} prior samples to {ROWS} full vectors of attributes, by the judge"
    write_results(out, "\n\n".join([title, table(head, rows)]), found)


if __name__ == "__main__":
    main()
