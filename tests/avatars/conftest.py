"""Drawn avatars that nothing was trained on: the same few for all tests."""

from __future__ import annotations

import numpy as np
import pytest

from lc_plugins.avatars.attributes import choose, labels
from lc_plugins.avatars.dataset import Avatars
from lc_plugins.avatars.draw import draw
from lc_plugins.images.arrays import from_pixels

SEED = 977  # of neither part of the data set


@pytest.fixture(scope="session")
def avatars() -> Avatars:
    """Sixty avatars, with what holds in them."""
    parts = [choose(SEED, index) for index in range(60)]
    return Avatars(np.stack([draw(one) for one in parts]), np.stack([labels(one) for one in parts]))


@pytest.fixture(scope="session")
def pictures(avatars: Avatars) -> np.ndarray:
    """The same as float pictures `(60, 3, 64, 64)`."""
    return from_pixels(avatars.pictures)
