"""Small networks, and the precision that they are trained in."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch
    from torch import nn

    Network = TypeVar("Network", bound=nn.Module)

__all__ = ["cast_once", "mlp", "training_autocast"]


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


def cast_once(net: Network, device: str = "cpu") -> Network:
    """Return a frozen network as `training_autocast` would use it, for use in that context only.

    The context casts the matrices of a frozen network at each call, which takes as long as a product of a few dozen
    rows. Here they are cast already; what is computed is the same.

    Args:
        net: The network. What is not cast is shared with it.
        device: Where it is.
    """
    import torch
    from torch import nn

    with training_autocast(device):
        enabled, precision = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    if not enabled:
        return net
    found = copy.deepcopy(net, memo={id(one): one for one in (*net.parameters(), *net.buffers())})
    for layer in found.modules():
        if isinstance(layer, nn.Linear):
            for name, value in list(layer.named_parameters()):
                setattr(layer, name, nn.Parameter(value.detach().to(precision), requires_grad=False))
    return found


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
