"""`labels.attribute`: how probable it is that an output has an attribute, learned from a label set.

The output is encoded by the model that the set was made with, and the set's probe tells from the encoding. The probe is
fitted when it is first needed, and kept in the cache.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core import LCError, Needs, measurement
from lc_core.common import Cache, nearest
from lc_core.models import encode_outputs
from lc_core.plugins import build_registry
from lc_plugins.labels.collect import load_chosen
from lc_plugins.labels.label_set import LabelSet, read_label_set

if TYPE_CHECKING:
    from lc_core import LatentModel
    from lc_plugins.labels.probe import Probe

__all__ = ["SetNeeds", "attribute"]

BLOCK = 64  # outputs that are encoded together


class SetNeeds(Needs):
    """The label set of an attribute.

    Args:
        file: The label set.
        name: One of its names.

    Raises:
        LCError: If the set cannot be used, or has no such name.
    """

    def __init__(self, *, file: Path, name: str) -> None:
        self.file, self.name, self.labels = file, name, _labels(file)
        if name not in self.labels.names:
            close = nearest(name, self.labels.names)
            guess = f"did you mean {' or '.join(close)}?" if close else f"it has: {', '.join(self.labels.names)}"
            raise LCError(f"{file} has no label {name!r} ({guess})")
        self.digest = self.labels.digest

    def check_named(self, use: str, params: Mapping[str, Any], output_type: str) -> None:
        """Raise an `LCError` if the set's model has another type, or another name and neither is of a user's file."""
        made_with = self.labels.model
        of_a_file = any(isinstance(one, Path) for one in params.values())
        of_a_file |= any(isinstance(one, str) and one for one in made_with.params.values())
        other = use.rpartition(":")[2] != made_with.use.rpartition(":")[2] and not of_a_file
        if other or output_type != made_with.output_type:
            raise LCError(
                f"label set {self.file} was made with {made_with.use}, which makes {made_with.output_type}; "
                f"found the model {use}, which makes {output_type}",
                hint="make a set with this model: lc label",
            )

    def check_model(self, model: LatentModel) -> None:
        """Raise an `LCError` if the set was made with another model: its probe knows that one's encodings only."""
        made_with = self.labels.model
        if model.digest != made_with.digest:
            raise LCError(
                f"label set {self.file} was made with {made_with.use} (digest {made_with.digest[:12]}); "
                f"found {model.name} (digest {model.digest[:12]})",
                hint="make a set with this model: lc label",
            )

    def about(self) -> str:
        """Return how good the probe is on held-out rows; fits it if need be."""
        card = _probe(self.labels).card[self.name]
        area = "-" if card["auc"] is None else f"{card['auc']:.3f}"
        return (
            f"{self.name} of {self.file.name}: AUC {area}, calibration error {card['ece']:.3f} on {card['held_out']:,} "
            f"held-out rows, {card['held_out_yes']:,} of them with a yes"
        )


@measurement(accepts="*", unit="probability", range=(0, 1), at_least=0.5, needs=SetNeeds)
def attribute(outputs: np.ndarray, *, file: Path, name: str) -> np.ndarray:
    """Return the calibrated probability that outputs have an attribute, by the probe of a label set, `(B,)`, 0 to 1.

    Pictures are rounded to 256 levels first: a PNG of one has the same value. An output unlike all that was labelled
    has a probability as well, often one that is near 0 or 1.

    Args:
        outputs: Outputs of the model that the set was made with, first dimension B.
        file: A label set that `lc label` wrote: beside the spec, or any other path.
        name: One of the set's names.

    Raises:
        LCError: If the set cannot be used, or the outputs are not such as its model makes.
    """
    needs = SetNeeds(file=file, name=name)
    return _instrument(needs.labels)(outputs)[:, needs.labels.names.index(name)]


def _labels(file: Path) -> LabelSet:
    """Return a label set, which is read again if its file was changed since."""
    try:
        told = file.stat()
    except OSError:
        return read_label_set(file)  # which says what is wrong
    return _read(file.resolve(), told.st_mtime_ns, told.st_size, file)


@lru_cache(maxsize=8)
def _read(_path: Path, _changed: int, _size: int, file: Path) -> LabelSet:
    return read_label_set(file)


class _Instrument:
    """A model and a probe; keeps the last batch's probabilities, so that several names of a set cost one encoding."""

    def __init__(self, labels: LabelSet) -> None:
        made_with = labels.model
        model = load_chosen(build_registry(), made_with.use, made_with.params).model
        if model.digest != made_with.digest:
            raise LCError(
                f"{made_with.use} is not the model any more that the label set was made with: its digest is "
                f"{model.digest[:12]}; expected {made_with.digest[:12]}",
                hint="make the set again: lc label",
            )
        if not model.encodes:
            raise LCError(f"{made_with.use} has no encoder; an attribute of labels is told from an output's encoding")
        self.model, self.probe = model, _probe(labels)
        self.pictures = made_with.output_type.startswith("image.")
        self.key, self.values = b"", np.zeros((0, 0))

    def __call__(self, outputs: Any) -> np.ndarray:
        """Return probabilities `(B, K)` of outputs."""
        array = np.ascontiguousarray(outputs)
        key = hashlib.sha256(f"{array.dtype}{array.shape}".encode() + array.tobytes()).digest()
        if key != self.key:
            self.values, self.key = self._measure(array), key
        return self.values.copy()

    def _measure(self, outputs: np.ndarray) -> np.ndarray:
        """Encode in padded blocks of one size: an output has the same value whatever else is in the batch."""
        import torch

        if self.pictures and outputs.dtype.kind == "f":
            outputs = (np.rint(np.clip(outputs, 0, 1) * 255) / 255).astype(np.float32)
        means = [torch.zeros((0, *self.model.latent_shape))]
        for first in range(0, len(outputs), BLOCK):
            part = outputs[first : first + BLOCK]
            block = np.concatenate([part, np.repeat(part[:1], BLOCK - len(part), axis=0)])
            means.append(encode_outputs(self.model, block).mean[: len(part)].cpu())
        return self.probe.probabilities(torch.cat(means))


def _probe(labels: LabelSet) -> Probe:
    from lc_plugins.labels.probe import fitted_probe

    return fitted_probe(labels, cache=Cache())


@lru_cache(maxsize=2)
def _instrument(labels: LabelSet) -> _Instrument:
    return _Instrument(labels)
