"""bfloat16 for trainings, where the processor multiplies in it; elsewhere it is emulated, and slower than float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["training_autocast"]


def training_autocast(device: str = "cpu") -> torch.autocast:
    """Return a context in which matrix products are in bfloat16 on CUDA and on processors with AVX-512 BF16 or AMX.

    Args:
        device: `cpu` or `cuda`.
    """
    import torch

    # Told since torch 2.10; without it float32 is the safe choice.
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    native = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return torch.autocast(device, torch.bfloat16, enabled=device == "cuda" or native)
