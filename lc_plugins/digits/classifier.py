"""Which digit a picture shows: a perceptron with calibrated probabilities, in plain numpy.

Two of them are shipped, trained on disjoint halves of the training pictures: the verifier, which `digits.digit` asks,
and the judge, which only reports.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lc_core import LCError
from lc_core.common import read_bytes
from lc_plugins.images.arrays import to_pixels

__all__ = ["LAYERS", "WEIGHTS", "Classifier", "load_classifier"]

WEIGHTS = "weights.safetensors"
LAYERS = 3


@dataclass(frozen=True)
class Classifier:
    """A perceptron with ReLU between its layers.

    Attributes:
        weights: For each layer `(in, out)`, from 64 pixels to 10 digits.
        biases: For each layer `(out,)`.
        temperature: What logits are divided by, so that probabilities are those of held-out pictures.
    """

    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    temperature: float

    def probabilities(self, pictures: Any) -> np.ndarray:
        """Return the probability of each digit, `(B, 10)` float64, for pictures `(B, 1, 8, 8)` in [0, 1].

        Pictures are rounded to whole 255ths first, as files hold them, so that a file has the values of the picture
        that it was written from.

        Raises:
            LCError: If pictures have another shape.
        """
        array = np.asarray(pictures)
        if array.shape[1:] != (1, 8, 8):
            raise LCError(f"the classifier of digits takes pictures (B, 1, 8, 8); found shape {array.shape}")
        hidden = to_pixels(array)[..., 0].reshape(len(array), 64) / 255 - 0.5
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = np.maximum(hidden @ weight + bias, 0)
        logits = (hidden @ self.weights[-1] + self.biases[-1]) / self.temperature
        powers: np.ndarray = np.exp(logits - logits.max(axis=1, keepdims=True))
        powers /= powers.sum(axis=1, keepdims=True)
        return powers


def load_classifier(folder: Path, sha256: str) -> Classifier:
    """Load a classifier.

    Args:
        folder: Holds `weights.safetensors`, as `lc train digits.classifiers` writes it.
        sha256: The hash that this file must have.

    Raises:
        LCError: If the file is missing or another one.
    """
    from safetensors.numpy import load

    path = folder / WEIGHTS
    try:
        data = read_bytes(path)
    except OSError as error:
        raise LCError(f"{path} cannot be read: {error.strerror}", hint="install the package again") from error
    if hashlib.sha256(data).hexdigest() != sha256:
        raise LCError(f"{path} is not the file that this version came with", hint="install the package again")
    tensors = {name: value.astype(np.float64) for name, value in load(data).items()}
    return Classifier(
        tuple(tensors[f"weight.{layer}"] for layer in range(LAYERS)),
        tuple(tensors[f"bias.{layer}"] for layer in range(LAYERS)),
        float(tensors["temperature"]),
    )
