"""The judge of digits: a classifier that only reports.

It was trained on the half of the training pictures that the verifier never saw. Nothing that guides a search, fits a
critic or selects outputs may import this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from lc_plugins.digits.classifier import Classifier, load_classifier

__all__ = ["JUDGE", "SHA256", "digits", "judged"]

JUDGE = Path(__file__).parent / "pretrained" / "judge"
SHA256 = "f644e8a598787eb55fa10ba4f594cde6912d450466dfe8185e13b5a19dcca34b"


@cache
def _judge() -> Classifier:
    return load_classifier(JUDGE, SHA256)


def judged(pictures: np.ndarray) -> np.ndarray:
    """Return the judge's probability of each digit, `(B, 10)`, for pictures `(B, 1, 8, 8)` in [0, 1]."""
    return _judge().probabilities(pictures)


def digits(pictures: np.ndarray, settings: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return what the judge says of `digits.digit` under each of S settings, `(B, S)` float64."""
    shown: np.ndarray = judged(pictures)[:, [one["digit"] for one in settings]].astype(np.float64)
    return shown
