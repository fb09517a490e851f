"""The judge of digits: a classifier that only reports.

It was trained on the half of the training pictures that the verifier never saw. Nothing that guides a search, fits a
critic or selects outputs may import this module.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from lc_plugins.digits.classifier import Classifier, load_classifier

__all__ = ["JUDGE", "SHA256", "judged"]

JUDGE = Path(__file__).parent / "pretrained" / "judge"
SHA256 = "f644e8a598787eb55fa10ba4f594cde6912d450466dfe8185e13b5a19dcca34b"


@cache
def _judge() -> Classifier:
    return load_classifier(JUDGE, SHA256)


def judged(pictures: np.ndarray) -> np.ndarray:
    """Return the judge's probability of each digit, `(B, 10)`, for pictures `(B, 1, 8, 8)` in [0, 1]."""
    return _judge().probabilities(pictures)
