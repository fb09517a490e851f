"""`melody.likeness`: what the discriminator says of melodies that it was not trained on."""

from __future__ import annotations

import numpy as np
import pytest

from lc_core.common.seeds import block_generator
from lc_core.errors import LCError
from lc_plugins.melody.likeness import likeness
from lc_plugins.melody.model import load_folk_2bar
from lc_plugins.melody.tokens import HOLD


def scale(*pitches: int) -> np.ndarray:
    return np.array([[token for pitch in pitches for token in (pitch, HOLD)]])


def test_a_reel_is_more_like_tunes_than_prior_samples_are() -> None:
    model = load_folk_2bar()
    prior = likeness(np.asarray(model.decode(model.sample_prior(2_000, block_generator(0, 0)))))
    reel = likeness(scale(67, 71, 74, 71, 76, 71, 74, 71, 67, 71, 74, 71, 69, 66, 67, 62))
    assert np.median(prior) < 0 < reel[0]


def test_wide_leaps_out_of_any_key_are_less_like_tunes_than_a_scale() -> None:
    tune = scale(62, 64, 66, 67, 69, 71, 73, 74, 73, 71, 69, 67, 66, 64, 62, 62)
    wild = scale(62, 81, 56, 75, 61, 80, 58, 77, 63, 82, 57, 74, 60, 79, 55, 76)
    assert likeness(wild)[0] < likeness(tune)[0]


def test_melodies_of_another_length_are_refused_with_the_length_that_is_known() -> None:
    with pytest.raises(LCError, match="32 steps.*found 16 steps"):
        likeness(np.full((1, 16), 60))
