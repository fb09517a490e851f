"""The file of a block."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from lc_core.sampling.block import Block

__all__ = ["block_bytes", "block_path", "load_block"]

CHECKSUM = "crc32"
"""Key of a block's checksum in the metadata of its file."""


def block_path(folder: Path, number: int) -> Path:
    """Return the file of a block in a run's folder."""
    return folder / "blocks" / f"{number:06d}.safetensors"


def block_bytes(block: Block) -> bytes:
    """Return the file of a block."""
    from safetensors.numpy import save

    tensors: dict[str, np.ndarray] = {
        "satisfied": block.satisfied,
        "rows": block.rows,
        "z": block.z,
        "outputs": block.outputs,
        "counts": np.array([block.decodes, block.size, block.first]),
    }
    if block.moves is not None:
        tensors["moves"] = np.array(block.moves, dtype=np.float64)
    if block.realism is not None:
        tensors["realism"] = block.realism
    tensors |= {f"met:{label}": array for label, array in block.met.items()}
    tensors |= {f"value:{label}": array for label, array in block.values.items()}
    tensors = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    return bytes(save(tensors, {CHECKSUM: _checksum(tensors)}))


def _checksum(tensors: dict[str, np.ndarray]) -> str:
    """Return what tells tensors from any that a disk made of them."""
    found = 0
    for name in sorted(tensors):
        found = zlib.crc32(tensors[name].tobytes(), zlib.crc32(name.encode(), found))
    return f"{found:08x}"


def load_block(path: Path, number: int) -> Block | None:
    """Return a saved block, or None if it is not there or damaged."""
    from safetensors import SafetensorError, safe_open

    def under(prefix: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            if (file.metadata() or {}).get(CHECKSUM) != _checksum(tensors):
                return None
        decodes, size, first = tensors["counts"].tolist()
        return Block(
            number=number,
            first=first,
            met=under("met:"),
            values=under("value:"),
            satisfied=tensors["satisfied"],
            rows=tensors["rows"],
            z=tensors["z"],
            outputs=tensors["outputs"],
            realism=tensors.get("realism"),
            decodes=decodes,
            size=size,
            moves=_moves(tensors.get("moves")),
        )
    except (SafetensorError, KeyError, ValueError, TypeError):
        return None


def _moves(saved: np.ndarray | None) -> tuple[int, int, float] | None:
    return None if saved is None else (int(saved[0]), int(saved[1]), float(saved[2]))
