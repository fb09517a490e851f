"""Files of the domain's classifiers; see `lc_plugins.vae.files`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_plugins.vae.files import halves, read_folder, write_folder

if TYPE_CHECKING:
    from lc_plugins.avatars.classifier import AttributeClassifier

__all__ = ["load_classifier", "write_classifier"]

KIND = "avatar-classifier/1"


def load_classifier(folder: Path, *, sha256: str | None = None) -> AttributeClassifier:
    """Return a classifier that a training wrote.

    Args:
        folder: Where it is.
        sha256: The hash that its weights must have, if that matters.

    Raises:
        LCError: If the folder holds none, it is damaged, or it is another one.
    """
    from lc_plugins.avatars.classifier import AttributeClassifier

    stored = read_folder(folder, KIND, "classifier of avatars", sha256=sha256)
    net: AttributeClassifier = stored.network(AttributeClassifier)
    return net


def write_classifier(folder: Path, net: AttributeClassifier, training: dict[str, Any]) -> str:
    """Write a classifier as float16 and return the hash of its weights."""
    return write_folder(folder, halves(net), {"kind": KIND, "network": net.settings, "training": training})
