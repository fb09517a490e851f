"""`digits.digit`: which digit a picture shows, by the verifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from lc_core import measurement
from lc_plugins.digits.classifier import Classifier, load_classifier

__all__ = ["SHA256", "VERIFIER", "digit"]

VERIFIER = Path(__file__).parent / "pretrained" / "verifier"
SHA256 = "f62f580ce8ff9a452d2b8eb8ef1d1ae97eac3f76b3e460d4b4661b44c7435253"
"""Hash of the verifier's weights. Fitted critics are cached by the text of this module, so by the weights too."""


@cache
def _verifier() -> Classifier:
    return load_classifier(VERIFIER, SHA256)


def _involves(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"digit": other} for other in range(10) if other != settings["digit"]]


def _digits(pictures: np.ndarray, settings: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return what `digit` does under each of S settings, `(B, S)`."""
    return _verifier().probabilities(pictures)[:, [one["digit"] for one in settings]]


@measurement(
    accepts="image.gray/1",
    unit="probability",
    range=(0, 1),
    at_least=0.5,
    involves=_involves,
    together=_digits,
)
def digit(pictures: np.ndarray, *, digit: Annotated[int, Field(ge=0, le=9)]) -> np.ndarray:
    """Return the calibrated probability that a picture shows a digit, `(B,)`, 0 to 1.

    The softmax of a perceptron's logits over ten digits, divided by a temperature (C. Guo et al., "On Calibration of
    Modern Neural Networks", ICML 2017); the ten probabilities of a picture add up to 1. A picture that shows no digit
    has probabilities as well, often one that is high: realism, not this, keeps pictures like digits.

    Args:
        pictures: Pictures `(B, 1, 8, 8)` in [0, 1], ink high. They are measured at whole 255ths, as files hold them.
        digit: 0 to 9.

    Raises:
        LCError: If pictures have another size.
    """
    return _verifier().probabilities(pictures)[:, digit]
