"""E4: what is kept counts where it can be seen."""

from __future__ import annotations

import numpy as np

from benchmarks.paper.e4_edits import kept_share
from lc_plugins.avatars.attributes import NAMES


def labels(*rows):
    return np.array([[name in row for name in NAMES] for row in rows])


def test_what_is_hidden_before_or_after_counts_neither_as_kept_nor_as_lost():
    others = ["black_hair", "red_hair", "smiling"]
    was = labels(["hat", "black_hair", "smiling"], ["black_hair"], ["black_hair"])
    said = labels(["hat", "red_hair", "smiling"], ["black_hair", "smiling"], ["bald", "red_hair"])
    # Hair can be seen in the second only, where both colours stay and the smile does not.
    assert kept_share(was, said, others) == 4 / 5
    assert kept_share(was[:1], said[:1], ["black_hair", "smiling"]) == 1
