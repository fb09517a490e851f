"""A small convolutional network that tells the attributes of a picture; the verifier and the judge are two of these.

Nothing here knows which of the two it is: `verifier` and `judge` load their own weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_plugins.avatars.attributes import HIDES, NAMES
from lc_plugins.images.arrays import from_pixels, to_pixels

__all__ = ["AttributeClassifier", "classify", "hidden_features", "probabilities_of_seen"]

BLOCK = 32  # pictures in a pass


class AttributeClassifier(nn.Module):
    """Pictures `(B, 3, 64, 64)` in [0, 1] to one logit for each of the A attributes, `(B, A)`.

    The head sees where in the picture a feature is: avatars all stand in the same place. About 13 million
    multiplications a picture.

    Args:
        widths: Channels at 16 x 16 and 8 x 8.
        features: F, values of the last hidden layer.

    Attributes:
        log_temperature: Logarithm of what each logit is divided by to be calibrated, `(A,)`.
    """

    log_temperature: Tensor

    def __init__(self, *, widths: tuple[int, int] = (64, 80), features: int = 128) -> None:
        super().__init__()
        self.settings = {"widths": list(widths), "features": features}
        high, low = widths
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, high, 3, padding=1),
            nn.GroupNorm(8, high),
            nn.GELU(),
            nn.Conv2d(high, low, 3, stride=2, padding=1),
            nn.GroupNorm(8, low),
            nn.GELU(),
            nn.Conv2d(low, low, 3, padding=1),
            nn.GELU(),
            nn.Flatten(),
        )
        self.hidden = nn.Linear(64 * low, features)
        self.head = nn.Linear(features, len(NAMES))
        self.register_buffer("log_temperature", torch.zeros(len(NAMES)))

    def features(self, x: Tensor) -> Tensor:
        """Return the last hidden layer, `(B, F)`, of pictures `(B, 3, 64, 64)`."""
        hidden = self.layers((x - 0.5).contiguous(memory_format=torch.channels_last))
        return F.gelu(self.hidden(hidden))

    def forward(self, x: Tensor) -> Tensor:
        """Return calibrated logits `(B, A)`."""
        logits: Tensor = self.head(F.dropout(self.features(x), 0.2, self.training)) / self.log_temperature.exp()
        return logits


def probabilities_of_seen(logits: Tensor) -> Tensor:
    """Return for logits `(B, A)` how probable it is that each attribute holds and can be seen, `(B, A)` float64.

    Nobody sees a wink behind sunglasses: what is hidden has the probability that it holds, as far as the classifier
    can tell, times the probabilities that nothing hides it.
    """
    raw = logits.double().sigmoid()
    seen = raw.clone()
    for name, hidden in HIDES.items():
        for other in hidden:
            seen[:, NAMES.index(other)] *= 1 - raw[:, NAMES.index(name)]
    return seen


def classify(net: AttributeClassifier, pictures: np.ndarray) -> np.ndarray:
    """Return how probable it is that each attribute is seen in pictures, `(B, A)` float64.

    Args:
        net: A trained classifier.
        pictures: Pictures `(B, 3, 64, 64)`, float in [0, 1]. They are rounded to 256 levels, so that a PNG of one has
            the same values.
    """
    return np.concatenate(
        [probabilities_of_seen(net(x)).numpy()[:count] for x, count in _padded(pictures)] or [np.zeros((0, len(NAMES)))]
    )


def hidden_features(net: AttributeClassifier, pictures: np.ndarray) -> np.ndarray:
    """Return a classifier's last hidden layer, `(B, F)` float32, for pictures as `classify` takes them."""
    return np.concatenate(
        [net.features(x).numpy()[:count] for x, count in _padded(pictures)]
        or [np.zeros((0, net.head.in_features), dtype=np.float32)]
    )


def _padded(pictures: np.ndarray) -> Iterator[tuple[Tensor, int]]:
    """Yield pictures in blocks of one size, the last filled up with black: products round alike in blocks of a size."""
    with torch.inference_mode():
        for start in range(0, len(pictures), BLOCK):
            part = pictures[start : start + BLOCK]
            block = np.zeros((BLOCK, *pictures.shape[1:]), dtype=np.float32)
            block[: len(part)] = from_pixels(to_pixels(part))
            yield torch.from_numpy(block), len(part)
