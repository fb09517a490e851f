"""A network that is trained to tell two sets apart: it does where they differ, and cannot where they are alike."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lc_core.evaluation.two_sample import two_sample_auc


def noise(seed, shape):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("shape", [(3, 64, 64), (1, 8, 8)])
def test_a_network_tells_bright_pictures_from_dark_but_not_noise_from_noise(shape):
    first, second = noise(0, (300, *shape)), noise(1, (300, *shape))
    assert two_sample_auc(first, first // 2, steps=15) > 0.98
    assert 0.35 < two_sample_auc(first, second, steps=15) < 0.65


def test_a_network_tells_melodies_by_their_pitches_but_not_alike_ones():
    draw = np.random.default_rng(0)
    low, again = draw.integers(60, 70, (2, 300, 32))
    high = draw.integers(66, 76, (300, 32))
    assert two_sample_auc(low, high, steps=60) > 0.95
    assert 0.35 < two_sample_auc(low, again, steps=60) < 0.65


def test_of_other_outputs_it_sees_all_numbers():
    draw = np.random.default_rng(0)
    first, second = draw.normal(size=(2, 300, 2, 3))
    assert two_sample_auc(first, second * 5, steps=60) > 0.85
    assert 0.35 < two_sample_auc(first, second, steps=60) < 0.65


@pytest.mark.parametrize("kind", ["pictures", "symbols", "numbers"])
def test_the_same_seed_gives_the_same_auc_whatever_torch_drew_before(kind):
    draw = np.random.default_rng(0)
    sets = {
        "pictures": (noise(0, (90, 1, 8, 8)), noise(1, (90, 1, 8, 8))),
        "symbols": draw.integers(0, 130, (2, 90, 16)),
        "numbers": draw.normal(size=(2, 90, 5)),
    }[kind]
    first = two_sample_auc(*sets, steps=5)
    torch.rand(3)
    assert two_sample_auc(*sets, steps=5) == first


def test_a_set_of_one_is_refused():
    with pytest.raises(ValueError, match="found 1"):
        two_sample_auc(np.zeros((1, 3)), np.zeros((5, 3)))
