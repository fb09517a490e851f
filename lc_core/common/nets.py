"""Small networks, and the precision that they are trained in."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Network = TypeVar("Network", bound="nn.Module")

__all__ = ["built_for", "cast_once", "mlp", "training_autocast"]

FACTORIES = ("empty", "full", "normal", "ones", "rand", "randn", "zeros")
"""Functions of torch that make weights."""


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


def built_for(build: Callable[..., Network], tensors: Mapping[str, Tensor], settings: Mapping[str, Any]) -> Network:
    """Return a network built with settings from a file, with weights to be replaced by those of that file.

    Sizes are compared before any memory is taken for them: settings may say anything.

    Args:
        build: Makes it.
        tensors: The weights, by name.
        settings: What it is made with.

    Raises:
        ValueError: If the settings ask for other weights than these.
    """
    import torch

    given = {name: tuple(one.shape) for name, one in tensors.items()}
    most = max(65_536, sum(one.numel() for one in tensors.values()))
    for name, value in settings.items():
        if isinstance(value, int) and value > most:
            raise ValueError(f"{name} is {value}, which is more than there are weights")
    with torch.random.fork_rng(devices=[]):  # the weights it starts with are replaced
        with _without_values():
            _compare(given, build(**settings))
        return build(**settings)


def _without_values() -> AbstractContextManager[Any]:
    """Return a context in which tensors that hold a network's weights are made without memory.

    `torch.device("meta")` does so for all tensors; to compute with these torch imports its compiler, which takes a
    second. Here what is computed from numbers alone, such as positions, has values, and weights are set to none.
    """
    from torch.overrides import TorchFunctionMode

    class WithoutValues(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name, more = func.__name__, dict(kwargs or {})
            if name in FACTORIES:
                more["device"] = "meta"
            elif name.endswith("_") and not name.endswith("__"):  # in place, as initialisations are
                first = args[0] if args else next(iter(more.values()))
                if getattr(first, "is_meta", False):
                    return first
            return func(*args, **more)

    return WithoutValues()


def _compare(given: Mapping[str, tuple[int, ...]], net: nn.Module) -> None:
    wanted = {name: tuple(one.shape) for name, one in net.state_dict().items()}
    if other := sorted({name for name in {*given, *wanted} if given.get(name) != wanted.get(name)}):
        name = other[0]
        raise ValueError(f"{name} should be of shape {wanted.get(name)}; found {given.get(name)}")


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
