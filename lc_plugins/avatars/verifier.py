"""`avatars.attribute`: whether a picture shows an attribute, by the classifier called the verifier.

It decides what is satisfied, and critics are fitted to it. Figures are told by another classifier, in a module of its
own, that nothing here knows of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lc_core import SettingsCode, measurement
from lc_plugins.avatars.attributes import NAMES, involved
from lc_plugins.avatars.weights import load_classifier
from lc_plugins.images.arrays import as_images

if TYPE_CHECKING:
    from torch import Tensor

    from lc_plugins.avatars.classifier import AttributeClassifier

__all__ = ["SHIPPED", "WEIGHTS_SHA256", "Attribute", "attribute", "probabilities"]

SHIPPED = Path(__file__).parent / "pretrained" / "verifier"
WEIGHTS_SHA256 = "8077713fa9e566e820fe25ceee456cbc8f95abea6e09d1feed6cc3d160181fcf"
"""Hash of the verifier's weights. Fitted critics are cached by this file, so other weights have to change it."""

if TYPE_CHECKING:
    Attribute = str
else:
    Attribute = Literal[NAMES]


class _Memo:
    """The last batch's probabilities, so that thirty constraints on it cost one pass of the network."""

    key: bytes = b""
    values: np.ndarray

    def __init__(self, net: AttributeClassifier) -> None:
        self.net = net

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        key = hashlib.sha256(np.ascontiguousarray(pictures).data).digest() + str(pictures.shape).encode()
        if key != self.key:
            from lc_plugins.avatars.classifier import classify

            self.values, self.key = classify(self.net, pictures), key
        return self.values


@cache
def _verifier() -> _Memo:
    return _Memo(load_classifier(SHIPPED, sha256=WEIGHTS_SHA256))


def probabilities(pictures: Any) -> np.ndarray:
    """Return how probable it is that each attribute is seen in pictures, `(B, 30)` float64, in the order of `NAMES`.

    A picture is rounded to 256 levels first: a PNG of it has the same values. What something hides is not seen, for
    example the colour of the hair under a hat.

    Args:
        pictures: Pictures `(B, 3, 64, 64)`, float in [0, 1].

    Raises:
        LCError: If they are of another size or kind, or the classifier's files are damaged.
    """
    images = as_images(pictures, size=(64, 64), who="avatars.attribute")
    return _verifier()(images.cpu().numpy()).copy()


def attributes(pictures: np.ndarray, settings: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return what `attribute` does under each of S settings, `(B, S)`."""
    shown = probabilities(pictures)[:, [NAMES.index(one["name"]) for one in settings]]
    return np.where([one["present"] for one in settings], shown, 1 - shown)


def _involves(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{**settings, "name": name} for name in sorted(involved(settings["name"]))]


def _followed(pictures: Tensor, *, name: Attribute, present: bool = True) -> Tensor:
    """Return what `attribute` does, but for the rounding to 256 levels, with a gradient: `(B,)` float64."""
    from lc_plugins.avatars.classifier import probabilities_of_seen

    shown = probabilities_of_seen(_verifier().net(pictures.float().cpu()))[:, NAMES.index(name)].to(pictures.device)
    return shown if present else 1 - shown


CODE = SettingsCode(
    len(NAMES),
    lambda settings: np.eye(len(NAMES))[NAMES.index(settings["name"])] * (1 if settings["present"] else -1),
    lambda rng: {"name": NAMES[rng.integers(len(NAMES))], "present": bool(rng.random() < 0.5)},
)
"""A number for each attribute: 1 for the one that is to be there, -1 for one that is not."""


@measurement(
    accepts="image.rgb/1",
    unit="probability",
    range=(0, 1),
    at_least=0.5,
    together=attributes,
    involves=_involves,
    differentiable=_followed,
    code=CODE,
)
def attribute(pictures: np.ndarray, *, name: Attribute, present: bool = True) -> np.ndarray:
    """Return how probable it is that an attribute is seen in pictures `(B, 3, 64, 64)`, or that it is not, `(B,)`.

    Args:
        pictures: Pictures, float in [0, 1].
        name: The attribute, such as `hat` or `gray_hair`; docs/avatars.md has all of them.
        present: Whether it is to be there; false measures how probable it is that it is not.
    """
    shown = probabilities(pictures)[:, NAMES.index(name)]
    return shown if present else 1 - shown
