"""Files of trained networks: a folder with `config.json` and float16 `weights.safetensors`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core import LCError
from lc_core.common import built_for, parsed_json, read_bytes, write_atomically

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["Stored", "as_json", "halves", "read_folder", "write_card", "write_folder"]


@dataclass(frozen=True)
class Stored:
    """What `read_folder` found.

    Attributes:
        folder: Where.
        what: What it is to a user, such as `avatar model`.
        config: What `config.json` says.
        tensors: The weights, as they are stored.
        digest: Hash of both files.
    """

    folder: Path
    what: str
    config: dict[str, Any]
    tensors: dict[str, torch.Tensor]
    digest: str

    def network(self, build: Callable[..., nn.Module], key: str = "network", *, prefix: str = "") -> Any:
        """Return a network with the stored weights in float32, frozen.

        Args:
            build: Makes it from its settings.
            key: Where `config.json` has these.
            prefix: What the names of its weights begin with.

        Raises:
            LCError: If the weights do not fit.
        """
        own = {name.removeprefix(prefix): one.float() for name, one in self.tensors.items() if name.startswith(prefix)}
        with self.fitting():
            net: Any = built_for(build, own, self.config[key])
            net.load_state_dict(own)
        return net.requires_grad_(False).eval()

    @contextmanager
    def fitting(self) -> Iterator[None]:
        """Tell what goes wrong inside as weights that do not fit `config.json`."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
            raise damaged(self.folder, self.what, f"the weights do not fit config.json: {error}") from error


def read_folder(folder: Path, kind: str, what: str, *, sha256: str | None = None) -> Stored:
    """Read and check a folder that `write_folder` wrote.

    Args:
        folder: The folder.
        kind: What `config.json` has to say it is, such as `avatar-vae/1`.
        what: What it is to a user, such as `avatar model`.
        sha256: The hash that its weights must have, if that matters.

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
        config: dict[str, Any] = parsed_json(about)
        found, wanted = config.get("kind"), config.get("weights_sha256")
    except (ValueError, AttributeError) as error:
        raise damaged(folder, what, f"config.json: {error}") from error
    if found != kind:
        raise LCError(f"{folder}/config.json is of kind {found!r}; expected {kind!r}")
    if wanted != hashlib.sha256(data).hexdigest():
        raise damaged(folder, what, f"{path.name} is not the file that config.json was written with")
    if sha256 not in (None, wanted):
        raise damaged(folder, what, f"its weights have the SHA-256 {wanted}; expected {sha256}")
    try:
        tensors = load(data)
        check_finite(tensors)
    except Exception as error:
        raise damaged(folder, what, f"{path.name}: {error}") from error
    return Stored(folder, what, config, tensors, hashlib.sha256(about + data).hexdigest())


def damaged(folder: Path, what: str, why: str) -> LCError:
    """Return the error that says that files are damaged."""
    return LCError(f"the {what} in {folder} is damaged: {why}", hint="install or train it again")


def halves(network: nn.Module, prefix: str = "") -> dict[str, torch.Tensor]:
    """Return a network's weights as float16, as they are stored."""
    # Contiguous: safetensors refuses the channels-last layout of a training.
    return {prefix + name: value.half().contiguous() for name, value in network.state_dict().items()}


def write_folder(folder: Path, tensors: dict[str, torch.Tensor], config: dict[str, Any]) -> str:
    """Write the weights, then `config.json` with their hash, and return that."""
    from safetensors.torch import save

    data = save(tensors)
    sha256 = hashlib.sha256(data).hexdigest()
    write_atomically(folder / "weights.safetensors", data)
    write_atomically(folder / "config.json", as_json(config | {"weights_sha256": sha256}))
    return sha256


def write_card(folder: Path, card: str, figures: dict[str, Any]) -> None:
    """Write `MODEL_CARD.md`, and last `figures.json`, which says that all is there."""
    write_atomically(folder / "MODEL_CARD.md", card.encode())
    write_atomically(folder / "figures.json", as_json(figures))


def as_json(value: Any) -> bytes:
    """Return a value as indented JSON."""
    return (json.dumps(value, indent=2) + "\n").encode()
