"""The space that sets of melodies are compared in."""

from __future__ import annotations

import numpy as np
import pytest

from lc_plugins.melody.spaces import profile

HOLD, OFF = 128, 129


def test_two_notes_by_hand():
    (found,) = profile(np.array([[60, HOLD, HOLD, HOLD, 67, HOLD, OFF, HOLD]]))  # C4 for four steps, G4 for two
    classes, intervals, starts, shape, filled, mean = np.split(found, [12, 29, 37, 45, 53])
    assert classes == pytest.approx([0.5 if one in (0, 7) else 0 for one in range(12)])
    assert intervals == pytest.approx([1 if one == 7 else 0 for one in range(-8, 9)])
    assert starts == pytest.approx(np.array([1, 0, 0, 0, 1, 0, 0, 0]) / np.sqrt(8))
    middle = (4 * 60 + 2 * 67) / 6
    pitches = np.array([60, 60, 60, 60, 67, 67, middle, middle])
    assert shape == pytest.approx((pitches - middle) / 12 / np.sqrt(8), abs=1e-6)
    assert filled == pytest.approx(np.array([1, 1, 1, 1, 1, 1, 0, 0]) / np.sqrt(8))
    assert mean == pytest.approx([(middle - 60) / 12])


@pytest.mark.parametrize("steps", [1, 3, 32, 100])
def test_any_melody_has_finite_features_and_silence_none(steps):
    tokens = np.random.default_rng(steps).integers(0, 130, (50, steps))
    found = profile(tokens)
    assert found.shape == (50, 46 + steps) and np.isfinite(found).all()
    assert np.array_equal(found, np.concatenate([profile(tokens[:7]), profile(tokens[7:])]))
    assert (profile(np.full((2, steps), HOLD)) == 0).all()


def test_what_sounds_the_same_has_the_same_features():
    assert np.array_equal(*profile(np.array([[60, OFF, HOLD, 62], [60, OFF, OFF, 62]])))
