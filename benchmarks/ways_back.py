"""What each way back of an edit adds: `python -m benchmarks.ways_back [TASK]...`.

Decoded prior samples that do not satisfy are edited until they do, and brought back towards their starts by all ways of
`lc_core.editing.way_back`, and with each one left out. Told are the share that satisfies, measured on decoded outputs,
and the distance from the start in units of sigma_bar (root mean square). One fit for each task, the same for all rows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import click
import numpy as np
import torch

from benchmarks.tables import percent, say, table
from lc_core import Constraint, Measurement, load_model, transform
from lc_core.common import block_generator
from lc_core.editing import EditSettings
from lc_core.models import decode_outputs, draw_prior
from lc_core.plugins import build_registry

COUNT = 32
WAYS = {
    "all ways": EditSettings(),
    "without the straight way": EditSettings(halvings=0),
    "without sliding": EditSettings(slides=0),
    "without the engine's way": EditSettings(nearer=()),
    "without parts": EditSettings(parts=0),
    "none": EditSettings(halvings=0, slides=0, nearer=(), parts=0),
}


@dataclass(frozen=True)
class Task:
    """A model, and what its outputs are to become."""

    model: str
    use: str
    params: dict[str, Any]
    want: dict[str, float]
    guide: str = "critic"


TASKS = {
    "avatars: eyeglasses": Task(
        "avatars.64", "avatars.attribute", {"name": "eyeglasses"}, {"at_least": 0.9}, "decoder"
    ),
    "digits: nine": Task("digits.8x8", "digits.digit", {"digit": 9}, {"at_least": 0.99}),
    "digits: bright": Task("digits.8x8", "images.brightness", {}, {"at_least": 0.4}, "decoder"),
    "melodies: C major": Task("melody.folk-2bar", "melody.in_scale", {"tonic": "C", "mode": "major"}, {"at_least": 1}),
}


def measured(task: Task) -> list[tuple[Any, ...]]:
    """Return a row for each set of ways."""
    model, registered = load_model(task.model), build_registry().get("constraint", task.use)
    measurement = Measurement(registered.load(), registered.fill(task.params), name=task.use)
    rule = Constraint(measurement, **task.want, guide=task.guide)
    outputs = decode_outputs(model, draw_prior(model, 8 * COUNT, block_generator(11, 0, "ways back")))
    wanted = measurement(outputs)
    inputs = outputs[~(wanted >= task.want["at_least"])][:COUNT]
    rows = []
    for name, settings in WAYS.items():
        began = time.monotonic()
        result = transform(model=model, inputs=inputs, constraints=[rule], edit=settings, progress=say)
        seconds = time.monotonic() - began - result.report["seconds"]["fit"]
        moved = result.distance[result.satisfied]
        met = percent(float(result.satisfied.mean()))
        rows.append((name, met, float(np.median(moved)), float(moved.mean()), f"{result.decodes:,}", f"{seconds:.0f}"))
    return rows


@click.command()
@click.argument("names", nargs=-1)
def main(names: tuple[str, ...]) -> None:
    """Print the table of some tasks, all by default."""
    torch.set_num_threads(1)
    head = ("ways", "satisfied", "median distance", "mean distance", "decodes", "seconds")
    for name in names or TASKS:
        print(f"\n{name}, {COUNT} decoded prior samples\n\n{table(head, measured(TASKS[name]))}", flush=True)


if __name__ == "__main__":
    main()
