"""What the benchmark of realism compares: held-out sources that are not shared, sets in order, rules for stopping."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import paper, realism
from benchmarks.paper.__main__ import EXPERIMENTS
from benchmarks.tables import table
from lc_core import load_model
from lc_plugins.digits.data import read_digits
from lc_plugins.melody.corpus import Corpus


@pytest.fixture(scope="module")
def model():
    return load_model("digits.8x8")


@pytest.fixture(scope="module")
def digits():
    """Held-out digits as bytes, `(297, 1, 8, 8)`."""
    return np.rint(read_digits("test").pictures * 255).astype(np.uint8)


def test_posterior_samples_stand_source_by_source_and_decode_to_something_alike(model, digits):
    z, data = realism.posterior(model, digits[:5], 10, seed=0)
    assert (data == digits[:5].repeat(2, axis=0)).all()
    decoded = realism.decode(model, z)
    assert decoded.dtype == np.uint8 and decoded.shape == data.shape
    error = np.abs(decoded.astype(float) - data).mean()
    assert error < np.abs(decoded.astype(float) - data[::-1]).mean()


def test_posterior_samples_of_another_seed_are_others(model, digits):
    assert not torch.equal(realism.posterior(model, digits, 9, 0)[0], realism.posterior(model, digits, 9, 1)[0])


def test_the_halves_of_the_held_out_windows_share_none():
    windows = np.arange(400)[:, None].repeat(32, axis=1)
    corpus = Corpus(windows, np.array(["4/4"] * 400), np.arange(400) >= 100, 1)
    first, second = (set(half[:, 0]) for half in realism.melody_sources(1_000, corpus))
    assert first | second == set(range(100, 400)) and not first & second


def test_a_try_is_taken_at_its_first_latent_above_what_is_wanted():
    way = list(torch.tensor([[0.0, 5.0, 0.0], [1.0, 6.0, 0.1], [2.0, 7.0, 0.2]])[:, :, None])
    taken = realism.first_above(torch.nn.Flatten(0), way, torch.tensor([1.0, 2.0, 3.0]))
    assert taken.squeeze(1).tolist() == pytest.approx([1.0, 5.0, 0.2])


def test_prior_samples_climb_realism_by_the_engine_gradient_whatever_the_spec_says():
    problem = realism.load_problem(realism.DOMAINS["melodies"])
    assert problem.base == "prior" and {"steps", "lr"} <= set(problem.engine.settings())
    z = problem.model.sample_prior(4, torch.Generator().manual_seed(0))
    way = realism.trajectory(problem, z)
    assert realism.logits(problem.model.realism(), way[-1]).mean() > realism.logits(problem.model.realism(), z).mean()


def test_the_way_begins_at_the_start_and_ends_where_refinement_does(model):
    from benchmarks.paper.e7_digits import SPEC
    from lc_core.runs.build import build_problem
    from lc_core.spec import load_spec

    problem = build_problem(load_spec(SPEC), device="cpu")
    z = model.sample_prior(4, torch.Generator().manual_seed(0))
    way = realism.trajectory(problem, z)
    assert torch.equal(way[0], z) and len(way) == problem.engine.steps + 1
    assert torch.allclose(way[-1], realism.refine(problem, z))


def test_every_set_has_a_row_in_the_table():
    figures = {realism.REFERENCE: {"diatonic": 0.9}, realism.AGAIN: {"AUC": 0.5, "diatonic": 0.91}}
    assert realism.as_table(figures).splitlines() == [
        "| against posterior samples | AUC | diatonic |",
        "| --- | --- | --- |",
        "| posterior samples |  | 90.0 % |",
        "| other posterior samples | 0.500 | 91.0 % |",
    ]


def test_tables_have_three_decimals_for_floats_only():
    assert table(["a", "b"], [[1, 0.12345]]).splitlines()[-1] == "| 1 | 0.123 |"


def test_no_experiment_of_the_paper_is_left_out():
    (folder,) = paper.__path__
    assert sorted(EXPERIMENTS) == sorted(path.stem for path in Path(folder).glob("e[0-9]*.py"))
