"""Random generators: one for each seed, block and purpose."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["block_generator"]


def block_generator(seed: int, block: int, purpose: str = "sample") -> torch.Generator:
    """Return the generator of one block of tries: the same for the same (seed, block, purpose)."""
    import torch

    digest = hashlib.sha256(f"{purpose}/{seed}/{block}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
