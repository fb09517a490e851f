"""E5, the judge on real and on generated avatars: `python -m benchmarks.paper.e5_attributes`.

Attribute vectors are those of held-out pictures, so real and generated pictures are asked for the same. The judge has
no part in generating. What something hides in a picture counts nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks.paper.attributes import Generate, optimiser
from benchmarks.paper.conditional import fit_conditional
from benchmarks.tables import out_option, percent, say, table, write_results
from lc_core import load_model
from lc_core.constraints.evaluator import Evaluator
from lc_core.models.latent_model import LatentModel
from lc_plugins.avatars.attributes import visible
from lc_plugins.avatars.dataset import Avatars, read_avatars
from lc_plugins.avatars.judge import judge
from lc_plugins.avatars.scores import score_attributes, summary
from lc_plugins.images.arrays import from_pixels
from lc_plugins.images.sheet import write_sheet

TOTALS = ("accuracy", "weighted precision", "weighted recall", "weighted F1", "macro-F1", "all attributes right")


def judged(pictures: np.ndarray, held: np.ndarray) -> dict[str, Any]:
    """Return `scores_of` what the judge says of pictures `(N, 3, 64, 64)`."""
    return scores_of(judge(pictures), held)


def scores_of(said: np.ndarray, held: np.ndarray) -> dict[str, Any]:
    """Return the scores of what the judge says `(N, 30)` of pictures that are to have attributes `(N, 30)`.

    Returns:
        `attributes`: share, accuracy, precision, recall and F1 of each; `summary`: totals, weighted by how common each
        attribute is, and the share of pictures of which the judge says all that is asked.
    """
    scores = score_attributes(said, held)
    share = np.array([row["share"] for row in scores.values()])
    totals = summary(scores)
    for key in ("precision", "recall"):
        values = np.array([row[key] for row in scores.values()])
        totals[f"weighted {key}"] = float((values * share).sum() / share.sum())
    totals["all attributes right"] = float((((said >= 0.5) == held) | ~visible(held)).all(axis=1).mean())
    return {"summary": totals, "attributes": scores}


def measure(model: LatentModel, ways: Mapping[str, Generate], test: Avatars, out: Path) -> dict[str, dict[str, Any]]:
    """Judge real pictures, their reconstructions and those that are generated in some ways; write sheets of each."""
    images = from_pixels(np.asarray(test.pictures))
    sets = {"real": images, "reconstructions": Evaluator(model, ()).decode(model.encode(images).mean)}
    for name, generate in ways.items():
        began = time.perf_counter()
        sets[name] = generate(test.held.astype(bool))
        say(f"{name}: {len(images)} pictures in {time.perf_counter() - began:.0f} s")
    for name, pictures in sets.items():
        write_sheet(pictures[:64], out / f"{name}.png", columns=8)
    return {name: judged(pictures, test.held) for name, pictures in sets.items()}


@click.command()
@out_option("e5")
@click.option("--count", default=5_000, show_default=True, help="Held-out pictures, at most 5,000.")
@click.option("--optimiser", "by_optimiser", is_flag=True, help="Generate by the gradient engine as well.")
@click.option("--distance", default=0.0, show_default=True, help="The actor's distance weight; E3 has 0.1.")
def main(out: Path, count: int, by_optimiser: bool, distance: float) -> None:
    """Print the judge's scores of real, reconstructed and generated avatars."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    model = load_model("avatars.64")
    every = read_avatars("test", progress=say)
    test = Avatars(every.pictures[:count], every.held[:count])
    actor = fit_conditional(model, distance=distance, realism=0.5)
    ways: dict[str, Generate] = {"actor": actor}
    if by_optimiser:
        ways["optimiser"] = optimiser(model)
    found = measure(model, ways, test, out)
    totals = [[name, *(percent(one["summary"][key]) for key in TOTALS)] for name, one in found.items()]
    figures = ("accuracy", "precision", "recall", "f1")
    head = ["attribute", "share", *(f"{name}: {key}" for name in found for key in figures)]
    rows = []
    for name, row in found["actor"]["attributes"].items():
        each = [one["attributes"][name][key] for one in found.values() for key in figures]
        rows.append([name, *map(percent, (row["share"], *each))])
    how = f"one forward pass from prior samples, no selection; fit {actor.seconds:.0f} s, 0 if it was in the cache"
    title = f"# E5: the judge on {len(test.held):,} real and generated avatars\n\nActor: {how}."
    text = "\n\n".join([title, table(["", *TOTALS], totals), table(head, rows)])
    settings = {"model": model.name, "digest": model.digest, "count": count, "how": how}
    write_results(out, text, {"settings": settings, **found})


if __name__ == "__main__":
    main()
