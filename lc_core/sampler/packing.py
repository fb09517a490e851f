"""Weights as they are saved: small files that networks lose nothing by."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

__all__ = ["packed", "unpacked"]

LARGE, SCALE = 50_000, ".scale"
"""Numbers from which on a matrix is saved in 8 bits, and what is added to its name for the scales of its rows."""


def packed(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights as they are saved: large matrices in 8 bits with a scale for each row, others in float16."""
    found: dict[str, Tensor] = {}
    for name, value in weights.items():
        if value.ndim < 2 or value.numel() < LARGE:
            found[name] = value.half().contiguous().cpu()
            continue
        scale = (value.abs().amax(1, keepdim=True) / 127).clamp_min(1e-6).half()
        found[name] = (value / scale.float()).round().clamp(-127, 127).to(torch.int8).contiguous().cpu()
        found[name + SCALE] = scale.contiguous().cpu()
    return found


def unpacked(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what `packed` was given, as far as it is kept."""
    found: dict[str, Tensor] = {}
    for name, value in tensors.items():
        if not name.endswith(SCALE):
            scale = tensors.get(name + SCALE)
            found[name] = value.float() if scale is None else value.float() * scale.float()
    return found
