"""Small networks, and the precision that they are trained in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["mlp", "training_autocast"]


def training_autocast(device: str = "cpu") -> torch.autocast:
    """Return a context in which matrix products are in bfloat16 on CUDA and on processors with AVX-512 BF16 or AMX.

    Elsewhere bfloat16 is emulated, and slower than float32.

    Args:
        device: `cpu` or `cuda`.
    """
    import torch

    # Known since torch 2.10; without it float32 is the safe choice.
    capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    native = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return torch.autocast(device, torch.bfloat16, enabled=device == "cuda" or native)


def mlp(
    inputs: int, hidden: int, outputs: int, layers: int = 2, *, activation: type[nn.Module] | None = None
) -> nn.Sequential:
    """Return a perceptron with `layers` hidden layers of SiLU units, or of those of another activation."""
    from torch import nn

    sizes = [inputs] + [hidden] * layers
    parts: list[nn.Module] = []
    for before, after in zip(sizes, sizes[1:], strict=False):
        parts += [nn.Linear(before, after), (activation or nn.SiLU)()]
    return nn.Sequential(*parts, nn.Linear(sizes[-1], outputs))
