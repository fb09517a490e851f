"""One rule followed by a critic and through the decoder, side by side: `python -m benchmarks.guide [CASE]...`.

For each way, in one run on one thread: the share of first tries that satisfy, measured on decoded outputs; decodes and
seconds of the fit, and of the tries. A critic is fitted anew, and refined for the engine, as if nothing were cached.
"""

from __future__ import annotations

import time
from dataclasses import replace

import click
import torch

from lc_core.api import load_model
from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.measurement import Measurement
from lc_core.engines.actor import Actor
from lc_core.engines.base import Engine
from lc_core.engines.gradient import Gradient
from lc_core.fitting.critics import FitSettings
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import LatentModel, draw_prior
from lc_core.sampling.block import run_block
from lc_core.sampling.problem import Problem

PRIOR = 2_048
BLUE = {"color": "#4060c0", "box": (0.85, 0.3, 1.0, 0.7)}
"""Clothes of an avatar: the lowest rows, in the middle."""


class Counted(LatentModel):
    """A model that counts what it decodes."""

    def __init__(self, inner: LatentModel) -> None:
        self.inner, self.decodes = inner, 0
        self.name, self.latent_shape, self.output_type = inner.name, inner.latent_shape, inner.output_type
        self.block, self.digest = inner.block, inner.digest

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        self.decodes += len(z)
        found: torch.Tensor = self.inner.decode(z)
        return found


def cases() -> dict[str, tuple[str, Measurement, dict[str, float], Engine, int]]:
    """Model, what is measured, what is wanted, the engine, and how many blocks of tries are run."""
    from lc_plugins.images.measurements import brightness, color_distance

    dark, bright = Measurement(brightness, {"box": (0.0, 0.0, 0.5, 1.0)}), Measurement(brightness)
    blue = Measurement(color_distance, BLUE)
    return {
        "digits-dark-top": ("digits.8x8", dark, {"at_most": 0.2}, Gradient(), 4),
        "digits-bright": ("digits.8x8", bright, {"between": (0.4, 0.42)}, Gradient(), 4),
        "digits-bright-actor": ("digits.8x8", bright, {"between": (0.4, 0.42)}, Actor(), 1),
        "avatars-blue": ("avatars.64", blue, {"at_most": 0.1}, Gradient(block=64), 2),
    }


@click.command()
@click.argument("names", nargs=-1)
@click.option("--fit-seed", type=int, default=0)
def main(names: tuple[str, ...], fit_seed: int) -> None:
    """Print the figures of some cases, all by default."""
    torch.set_num_threads(1)
    print("case                 guide    prior    satisfied  fit: decodes  seconds   tries: decodes a try  ms a try")
    for name, (model_name, measurement, want, engine, blocks) in cases().items():
        if names and name not in names:
            continue
        inner = load_model(model_name)
        for guide in ("critic", "decoder"):
            model = Counted(inner)
            entries = (Constraint(measurement, guide=guide, **want),)
            evaluator = Evaluator(model, entries)
            rate = evaluator.satisfied_latents(draw_prior(model, PRIOR, block_generator(5, 0, "guide"))).mean()
            model.decodes = 0
            prepared = prepare(evaluator, engine, settings=FitSettings(seed=fit_seed))
            fitted = model.decodes
            problem = replace(Problem(model, entries, engine), engine=prepared.engine)
            model.decodes, began = 0, time.perf_counter()
            found = [run_block(problem, prepared.energy, number) for number in range(blocks)]
            spent, tries = time.perf_counter() - began, blocks * engine.block
            share = sum(int(block.satisfied.sum()) for block in found) / tries
            assert model.decodes == sum(block.decodes for block in found), "what is reported is what was decoded"
            print(
                f"{name:20s} {guide:8s} {rate:6.2%}  {share:9.1%}  {fitted:12,d}  {prepared.seconds:7.1f}"
                f"  {model.decodes / tries:20.1f}  {1000 * spent / tries:8.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
