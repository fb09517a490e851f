"""One safetensors file for one network: float16 weights, and beside them its settings and a hash of the weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor, nn

from lc_core.common.files import write_atomically
from lc_core.common.json_text import parsed_json
from lc_core.common.nets import built_for
from lc_core.common.pointers import refuse_stand_in_at
from lc_core.errors import LCError

__all__ = ["check_finite", "read_network", "write_network"]

Network = TypeVar("Network", bound=nn.Module)


def write_network(path: Path, network: nn.Module, kind: str) -> None:
    """Write a network that has its constructor's arguments as `settings`.

    Args:
        path: The file.
        network: The network.
        kind: What it is, such as `lc-flow/1`; `read_network` asks for it.
    """
    from safetensors.torch import save

    tensors = {name: value.half().contiguous() for name, value in network.state_dict().items()}
    header = {"kind": kind, "settings": json.dumps(network.settings), "sha256": _hash(tensors)}
    write_atomically(path, save(tensors, header))


def read_network(path: Path, kind: str, build: Callable[..., Network]) -> Network | None:
    """Return the network that `write_network` wrote, frozen, its hash as the attribute `digest`; None without a file.

    Args:
        path: The file.
        kind: What it has to be.
        build: Makes it from its settings.

    Raises:
        LCError: If the file holds none of that kind, or is damaged.
    """
    from safetensors import safe_open

    if not path.exists():
        return None
    refuse_stand_in_at(path)
    try:
        with safe_open(str(path), framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        check_finite(tensors)
        if header.get("kind") != kind:
            raise ValueError(f"it is of kind {header.get('kind')!r}; expected {kind!r}")
        if header.get("sha256") != _hash(tensors):
            raise ValueError("its weights are not those that were written")
        network = built_for(build, tensors, parsed_json(header["settings"]))
        network.load_state_dict({name: value.float() for name, value in tensors.items()})
    except Exception as error:
        raise LCError(f"{path} is damaged: {error}", hint="install or train the model again") from error
    found: Any = network.requires_grad_(False).eval()
    found.digest = header["sha256"]
    return network


def check_finite(tensors: Mapping[str, Tensor]) -> None:
    """Check weights that were read: what a network with NaN in it makes may look like any other output.

    Raises:
        ValueError: If one of them is not finite.
    """
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"{name} is not finite")


def _hash(tensors: dict[str, Tensor]) -> str:
    data = b"".join(name.encode() + tensors[name].numpy().tobytes() for name in sorted(tensors))
    return hashlib.sha256(data).hexdigest()
