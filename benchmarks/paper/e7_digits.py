"""E7, digits: `python -m benchmarks.paper.e7_digits`.

Prior samples, the same refined by realism alone, and each digit by the gradient engine under the shipped spec
`digits/seven` with another digit, told by the digits' judge. First tries, no selection.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks.melody import TRIES, first_tries, prior_rate, say
from benchmarks.realism import decode, posterior, refine
from benchmarks.tables import out_option, percent, table, write_results
from lc_core.common.cache import Cache
from lc_core.common.seeds import block_generator
from lc_core.evaluation import two_sample_auc
from lc_core.runs.build import build_problem, prepare_problem
from lc_core.spec import load_spec
from lc_plugins.digits.data import read_digits
from lc_plugins.digits.judge import judged
from lc_plugins.images.arrays import to_pixels
from lc_plugins.images.sheet import write_sheet

SURE = 0.9
SHOWN = 100
SCALE = 4
SPEC = "digits/seven"


def sets(count: int, steps: int, out: Path) -> list[list[Any]]:
    """Write sheets of data and of samples; return for each how sure the judge is, and the AUC."""
    problem = build_problem(load_spec(SPEC, engine="gradient"), device="cpu")
    model = problem.model
    test = read_digits("test").pictures
    data = np.ascontiguousarray(np.moveaxis(to_pixels(test), -1, 1)[:, :1])
    halves = data[: len(data) // 2], data[len(data) // 2 :]
    prior = model.sample_prior(count, block_generator(0, 0, "realism/prior"))
    encoded, again = (posterior(model, half, count, seed)[0] for seed, half in enumerate(halves))
    every = {"posterior": decode(model, encoded), "other posterior": decode(model, again)}
    every |= {"prior": decode(model, prior), "refined": decode(model, refine(problem, prior)), "held-out": data}
    rows = []
    for name, pictures in every.items():
        shown = pictures[:: max(1, len(pictures) // SHOWN)][:SHOWN] / np.float32(255)
        write_sheet(shown, out / f"{name.replace(' ', '-')}.png", scale=SCALE)
        sure = float((judged(pictures / np.float32(255)).max(axis=1) >= SURE).mean())
        compared = name not in ("posterior", "held-out")
        auc = two_sample_auc(every["posterior"], pictures, steps=steps) if compared else ""
        rows.append([name, len(pictures), percent(sure), float(pictures.mean() / 255), auc])
    return rows


def digits(out: Path) -> tuple[list[list[Any]], list[float]]:
    """Write a sheet with a row for each digit; return a table's rows and the judge's share of right ones."""
    rows, right, shown = [], [], []
    for digit in range(10):
        spec = load_spec(SPEC, overrides=[f"constraints.0.params.digit={digit}"], engine="gradient")
        problem = build_problem(spec, device="cpu")
        prepared = prepare_problem(problem, spec.fit, Cache(), say)
        pictures, met, _ = first_tries(problem, prepared.energy)
        said = judged(pictures)
        right.append(float((said.argmax(axis=1) == digit).mean()))
        rate, _, _, _ = prior_rate(problem)
        odds = met.mean() / (1 - met.mean()) / (rate / (1 - rate)) if met.mean() < 1 else np.inf
        row = [percent(met.mean()), percent(rate), f"{odds:,.0f}x", percent(right[-1]), float(said[:, digit].mean())]
        rows.append([digit, *row, f"{prepared.seconds:.0f}"])
        shown.append(pictures[:10])
    write_sheet(np.concatenate(shown), out / "digits.png", columns=10, scale=SCALE)
    return rows, right


@click.command()
@out_option("e7")
@click.option("--count", default=3_000, show_default=True, help="Samples of each set.")
@click.option("--steps", default=500, show_default=True, help="Training steps of the two-sample classifier.")
def main(out: Path, count: int, steps: int) -> None:
    """Write sheets of digits and what the judge says of them."""
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    samples = sets(count, steps, out)
    each, right = digits(out)
    first = table(["", "pictures", f"judge sure ({SURE})", "mean pixel", "AUC against posterior"], samples)
    head = ["digit", "satisfied", "prior's rate", "lift in odds", "judge agrees", "judge's mean probability", "fit, s"]
    text = f"# E7: digits\n\n{first}\n\n`{SPEC}` for each digit, {TRIES:,} first tries:\n\n{table(head, each)}\n\n"
    text += f"The judge agrees with {percent(float(np.mean(right)))} on average, {percent(min(right))} for the worst."
    write_results(out, text, {"samples": samples, "digits": each, "judge agrees": right})


if __name__ == "__main__":
    main()
