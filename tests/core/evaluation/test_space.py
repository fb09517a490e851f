"""Feature spaces: which one serves the outputs of a model, and the random projection of all others."""

from __future__ import annotations

import numpy as np
import pytest

import lc_core
from lc_core.common.seeds import block_generator
from lc_core.evaluation.space import Space
from lc_core.models.latent_model import decode_outputs, draw_prior
from lc_core.plugins.discover import build_registry
from lc_core.plugins.registry import space_of


@pytest.mark.parametrize(
    ("name", "space", "numbers"),
    [
        ("melody.folk-2bar", "melody.profile", 78),
        ("digits.8x8", "images.averages_gray", 64),
        ("avatars.64", "avatars.judged", 128),
    ],
)
def test_outputs_of_shipped_models_have_features(name, space, numbers):
    model = lc_core.load_model(name)
    outputs = decode_outputs(model, draw_prior(model, 8, block_generator(0, 0)))
    found = space_of(build_registry(), model.output_type, model.name)
    assert found is not None and found.name == space
    features = Space(found).fitted(outputs)(outputs)
    assert features.shape == (8, numbers) and len(np.unique(features, axis=0)) == 8


def test_other_pictures_are_not_compared_by_what_is_for_avatars():
    found = space_of(build_registry(), "image.rgb/1", "images.celeba")
    assert found is not None and found.name == "images.averages"
    assert space_of(build_registry(), "sound.wave/1") is None


@pytest.mark.parametrize(
    "outputs",
    [
        np.random.default_rng(0).integers(-3, 9, (50, 6)),
        np.random.default_rng(0).normal(size=(50, 3, 5)),
        np.random.default_rng(0).integers(0, 9_999, (50, 6)),
        np.random.default_rng(0).random((50, 4)) > 0.5,
        np.ones((50, 4)),
    ],
    ids=["few values", "numbers", "many values", "yes and no", "constant"],
)
def test_a_projection_keeps_equal_outputs_equal_and_different_ones_apart(outputs):
    features = Space().fitted(outputs)
    found = features(outputs)
    assert found.shape == (50, 64) and np.isfinite(found).all()
    assert len(np.unique(found, axis=0)) == len(np.unique(outputs, axis=0))
    assert np.array_equal(features(outputs[::-1]), found[::-1])


def test_values_that_a_reference_lacks_are_taken_as_its_nearest():
    features = Space().fitted(np.array([[0, 3], [1, 2]]))
    assert np.array_equal(features(np.array([[-5, 9]])), features(np.array([[0, 3]])))
