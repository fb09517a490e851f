"""The probe: its parts of the rows, its calibration, and that the same set gives the same probe."""

from __future__ import annotations

import numpy as np
import torch

from lc_core.common.cache import Cache
from lc_core.constraints.want import Want
from lc_plugins.labels.label_set import Column, LabelledModel, LabelSet
from lc_plugins.labels.probe import PARTS, ProbeSettings, fitted_probe, split

SETTINGS = ProbeSettings(steps=300, hidden=32)


def toy(count: int = 4_000, noise: float = 1.0) -> LabelSet:
    """Two names on 4 numbers: one told by the first of them as well as the noise lets it, the other by two of them."""
    random = np.random.default_rng(0)
    mean = random.normal(size=(count, 4)).astype(np.float32)
    first = mean[:, 0] + noise * random.logistic(size=count) > 0
    both = (mean[:, 1] > 0) != (mean[:, 2] > 0)
    return LabelSet(
        model=LabelledModel("toy.model", "0" * 64, "toy/1"),
        columns=tuple(Column(name, Want(at_least=0.5)) for name in ("first", "both")),
        values={"first": first.astype(float), "both": both.astype(float)},
        z=mean,
        mean=mean,
        std=np.full_like(mean, 0.05),
    )


def test_every_part_has_its_share_of_each_class():
    held = np.random.default_rng(1).random((1000, 3)) < (0.5, 0.2, 0.03)
    parts = split(held)
    assert sorted(np.concatenate(list(parts.values()))) == list(range(1000))
    for name, rows in parts.items():
        share = PARTS[name] / 20
        assert abs(len(rows) - 1000 * share) <= 5
        for column in held.T:
            assert abs(column[rows].sum() - column.sum() * share) <= 6, name


def test_the_parts_are_the_same_for_the_same_labels_and_seed():
    held = np.random.default_rng(1).random((200, 2)) < 0.5
    for name, rows in split(held).items():
        np.testing.assert_array_equal(rows, split(held)[name])
    assert any(not np.array_equal(rows, split(held, seed=1)[name]) for name, rows in split(held).items())


def test_its_probabilities_are_those_of_the_labels():
    probe = fitted_probe(toy(), settings=SETTINGS)
    z = torch.randn(2_000, 4, generator=torch.Generator().manual_seed(3))
    told = probe.probabilities(z)
    true = torch.sigmoid(z[:, 0]).numpy()
    assert np.abs(told[:, 0] - true).mean() < 0.06
    assert ((told[:, 1] > 0.5) == (z[:, 1] > 0).numpy() ^ (z[:, 2] > 0).numpy()).mean() > 0.92


def test_its_card_is_of_held_out_rows():
    card = fitted_probe(toy(), settings=SETTINGS).card
    assert set(card) == {"first", "both"}
    assert card["both"]["auc"] > 0.98 and 0.7 < card["first"]["auc"] < 0.9
    assert card["first"]["ece"] < 0.08
    assert card["first"]["rows"] == 4_000 and card["first"]["held_out"] == 600


def test_the_same_set_gives_the_same_probe_with_and_without_the_cache(tmp_path):
    labels, z = toy(400), torch.ones(3, 4)
    expected = fitted_probe(labels, settings=SETTINGS).probabilities(z)
    for _ in range(2):
        probe = fitted_probe(labels, settings=SETTINGS, cache=Cache(tmp_path))
        np.testing.assert_array_equal(probe.probabilities(z), expected)
    assert len(Cache(tmp_path).entries()) == 1


def test_it_can_be_fitted_where_gradients_are_off():
    with torch.inference_mode():
        assert fitted_probe(toy(400), settings=SETTINGS).probabilities(torch.ones(1, 4)).shape == (1, 2)
