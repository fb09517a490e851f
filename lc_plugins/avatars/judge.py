"""The judge: a classifier of avatars that only reports.

It was trained on other pictures and from another seed than the verifier. Nothing that guides or selects imports this
module, so a figure of the judge is no engine's aim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_plugins.avatars.attributes import NAMES
from lc_plugins.avatars.weights import load_classifier
from lc_plugins.images.arrays import as_images

if TYPE_CHECKING:
    from lc_plugins.avatars.classifier import AttributeClassifier

__all__ = ["SHIPPED", "attributes", "judge", "judge_features"]

SHIPPED = Path(__file__).parent / "pretrained" / "judge"


@cache
def _net() -> AttributeClassifier:
    return load_classifier(SHIPPED)


def judge(pictures: Any) -> np.ndarray:
    """Return how probable it is that each attribute is seen in pictures, `(B, 30)` float64, as the judge has it.

    Args:
        pictures: Pictures `(B, 3, 64, 64)`, float in [0, 1]; they are rounded to 256 levels.

    Raises:
        LCError: If they are of another size or kind.
    """
    from lc_plugins.avatars.classifier import classify

    return classify(_net(), _checked(pictures))


def attributes(pictures: Any, settings: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return what the judge says of `avatars.attribute` under each of S settings, `(B, S)` float64."""
    shown = judge(pictures)[:, [NAMES.index(one["name"]) for one in settings]]
    return np.where([one["present"] for one in settings], shown, 1 - shown)


def judge_features(pictures: Any) -> np.ndarray:
    """Return the judge's last hidden layer, `(B, 128)` float32: a space to compare sets of pictures in."""
    from lc_plugins.avatars.classifier import hidden_features

    return hidden_features(_net(), _checked(pictures))


def _checked(pictures: Any) -> np.ndarray:
    images: np.ndarray = as_images(pictures, size=(64, 64), who="the judge").cpu().numpy()
    return images
