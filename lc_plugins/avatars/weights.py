"""Files of the domain's networks: a folder with `config.json` and float16 `weights.safetensors`."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core import LCError
from lc_core.common import read_bytes

if TYPE_CHECKING:
    import torch

    from lc_plugins.avatars.classifier import AttributeClassifier

__all__ = ["as_json", "damaged", "load_classifier", "read_folder", "write_classifier", "write_file"]

CLASSIFIER = "avatar-classifier/1"


def read_folder(folder: Path, kind: str, what: str) -> tuple[dict[str, Any], dict[str, torch.Tensor], str]:
    """Return what `config.json` says, the tensors, and a hash of both files.

    Args:
        folder: The folder.
        kind: What `config.json` has to say it is.
        what: What it is to a user, such as `avatar model`.

    Raises:
        LCError: If it is not there, of another kind, or damaged.
    """
    from safetensors.torch import load

    from lc_core.common import check_finite

    path = folder / "weights.safetensors"
    try:
        about = read_bytes(folder / "config.json")
        data = read_bytes(path)
    except OSError as error:
        raise LCError(
            f"{folder} holds no {what}: {Path(error.filename or path).name} cannot be read ({error.strerror})",
            hint="give a folder that lc train wrote",
        ) from error
    try:
        config: dict[str, Any] = json.loads(about)
        found, wanted = config.get("kind"), config.get("weights_sha256")
    except (ValueError, AttributeError) as error:
        raise damaged(folder, what, f"config.json: {error}") from error
    if found != kind:
        raise LCError(f"{folder}/config.json is of kind {found!r}; expected {kind!r}")
    if wanted != hashlib.sha256(data).hexdigest():
        raise damaged(folder, what, f"{path.name} is not the file that config.json was written with")
    try:
        tensors = load(data)
        check_finite(tensors)
    except Exception as error:
        raise damaged(folder, what, f"{path.name}: {error}") from error
    return config, tensors, hashlib.sha256(about + data).hexdigest()


def damaged(folder: Path, what: str, why: str) -> LCError:
    """Return the error that says that files are damaged."""
    return LCError(f"the {what} in {folder} is damaged: {why}", hint="install or train it again")


def load_classifier(folder: Path, *, sha256: str | None = None) -> AttributeClassifier:
    """Return a classifier that a training wrote.

    Args:
        folder: Where it is.
        sha256: The hash that its weights must have, if that matters.

    Raises:
        LCError: If the folder holds none, it is damaged, or it is another one.
    """
    import torch

    from lc_plugins.avatars.classifier import AttributeClassifier

    what = "classifier of avatars"
    config, tensors, _ = read_folder(folder, CLASSIFIER, what)
    if sha256 not in (None, config["weights_sha256"]):
        raise damaged(folder, what, f"its weights have the SHA-256 {config['weights_sha256']}; expected {sha256}")
    try:
        with torch.random.fork_rng(devices=[]):  # the weights it starts with are replaced
            net = AttributeClassifier(**config["network"])
        net.load_state_dict({name: value.float() for name, value in tensors.items()})
    except (KeyError, TypeError, RuntimeError) as error:
        raise damaged(folder, what, f"the weights do not fit config.json: {error}") from error
    return net.requires_grad_(False).eval()


def write_classifier(folder: Path, net: AttributeClassifier, training: dict[str, Any]) -> str:
    """Write a classifier as float16 and return the hash of its weights."""
    from safetensors.torch import save

    # Contiguous: safetensors refuses the channels-last layout of a training.
    data = save({name: value.half().contiguous() for name, value in net.state_dict().items()})
    digest = hashlib.sha256(data).hexdigest()
    config = {"kind": CLASSIFIER, "network": net.settings, "training": training, "weights_sha256": digest}
    write_file(folder / "weights.safetensors", data)
    write_file(folder / "config.json", as_json(config))
    return digest


def as_json(value: Any) -> bytes:
    """Return a value as indented JSON."""
    return (json.dumps(value, indent=2) + "\n").encode()


def write_file(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)
