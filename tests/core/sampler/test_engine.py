"""The engine `sampler` stops a try at the check that measures it as satisfied."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lc_core import Constraint, LatentModel, Measurement, measurement
from lc_core.common.owned import Owned
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import decode_array, draw_prior
from lc_core.sampler.engine import Sampler
from lc_core.sampler.folder import write_sampler
from lc_core.sampler.rules import Rule
from lc_core.sampler.training import SamplerSettings, Trainer, tabulate
from lc_core.sampling.block import run_block
from lc_core.sampling.problem import Problem


class Points(LatentModel):
    """Outputs are the latents."""

    latent_shape = (4,)
    output_type = "points/1"

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z


@measurement(accepts="points/1", unit="", range=(-np.inf, np.inf), at_least=0.0)
def first(outputs: np.ndarray) -> np.ndarray:
    """Return the first value."""
    return outputs[:, 0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sampler that has learned nothing."""
    model, path = Points(), tmp_path_factory.mktemp("sampler") / "points"
    settings = SamplerSettings(steps=1, batch=8, samples=256, sizes=(1.0,), width=8, blocks=1)
    z = draw_prior(model, 256, block_generator(0, 0))
    rules = [Rule.of(Measurement(first, {}, "first"), fixed=False)]
    rules, table = tabulate(rules, settings, [(z, decode_array(model, z))])
    with Owned.open(path, "sampler") as owned:
        write_sampler(owned, Trainer(model, rules, table, settings))
    return path


@pytest.mark.parametrize(("require", "decodes"), [(True, 2 * 64), (False, 64)])
def test_tries_stop_at_the_first_check_that_measures_them_as_satisfied_unless_there_are_preferences(
    folder: Path, require: bool, decodes: int
) -> None:
    model = Points()
    conditions = Constraint(first, at_least=-100.0, label="a")
    preference = [] if require else [Constraint(first, label="b", require=False)]
    entries = (conditions, *preference)
    engine = Sampler(folder=str(folder), steps=12, moves=0, block=64)
    prepared = prepare(Evaluator(model, entries), engine)
    problem = Problem(model=model, entries=entries, engine=prepared.engine, count=16, seed=0)
    assert run_block(problem, prepared.energy, 0).decodes == decodes
