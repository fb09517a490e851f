"""Accuracy, precision, recall and F1 by attribute."""

from __future__ import annotations

import numpy as np
import pytest

from lc_plugins.avatars.attributes import NAMES
from lc_plugins.avatars.scores import score_attributes, summary


def row(*names: str) -> np.ndarray:
    return np.array([name in names for name in NAMES])


def test_hits_misses_and_false_alarms_are_counted() -> None:
    held = np.stack([row("beard"), row("beard"), row("beard"), row()])
    said = np.stack([row("beard"), row("beard"), row(), row("beard")]).astype(float)
    beard = score_attributes(said, held)["beard"]
    assert beard == {
        "share": 0.75,
        "accuracy": 0.5,
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
    }


def test_what_is_hidden_does_not_count() -> None:
    held = np.stack([row("hat", "black_hair"), row("black_hair")])
    scores = score_attributes(np.stack([row("hat"), row("black_hair")]).astype(float), held)
    assert scores["black_hair"]["f1"] == scores["black_hair"]["accuracy"] == 1


def test_the_best_and_the_worst_summary() -> None:
    held = np.stack([row(*NAMES[::2]), row(*NAMES[1::2])])
    seen = held & ~np.isin(NAMES, ("bald", "hat"))  # keep everything visible
    right, wrong = (score_attributes(one.astype(float), seen) for one in (seen, ~seen))
    assert summary(wrong)["macro-F1"] == 0
    assert summary(right)["weighted F1"] == 1
