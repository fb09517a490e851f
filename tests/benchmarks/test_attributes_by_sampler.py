"""What is asked of the sampler of avatars, and how it is judged."""

from __future__ import annotations

import numpy as np

from benchmarks.attributes import asked_of, batch_of, sampler_of, spread
from lc_core import load_model
from lc_core.common.seeds import block_generator
from lc_core.models.latent_model import decode_array, draw_prior
from lc_core.sampler.rules import measured_bins
from lc_core.sampler.wants import met
from lc_plugins.avatars.attributes import NAMES, choose, labels, visible


def test_only_what_can_be_seen_is_asked_and_so_much_of_it() -> None:
    held = np.stack([labels(choose(3, index)) for index in range(200)])
    asked = asked_of(held, 3, np.random.default_rng(0))
    assert not (asked & ~visible(held)).any()
    assert (asked.sum(1) == 3).all()
    assert (asked_of(held, 30, np.random.default_rng(0)) == visible(held)).all()


def test_a_picture_meets_its_row_where_the_verifier_says_what_the_row_asks() -> None:
    model = load_model("avatars.64")
    trained = sampler_of(model)
    outputs = decode_array(model, draw_prior(model, 64, block_generator(0, 0)))
    batch = batch_of(trained, np.zeros((64, len(NAMES)), dtype=bool), np.ones((64, len(NAMES)), dtype=bool))
    values = np.stack([one.measurement(outputs) for one in batch.columns], axis=1)
    batch_met = met(measured_bins(trained.rules, batch.columns, outputs), batch.wants)
    assert (batch_met == (values < 0.5).all(1)).all()


def test_the_spread_is_that_within_rows() -> None:
    rows = np.repeat(np.arange(5.0), 4)[:, None] + np.tile([-1.0, 1.0], 10)[:, None]
    assert np.isclose(spread(rows, 4), np.sqrt(4 / 3))
