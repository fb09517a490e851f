"""The torch modules that a model holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn

__all__ = ["modules_of"]


def modules_of(model: Any, depth: int = 3) -> dict[str, nn.Module]:
    """Return the torch modules that an object holds, in what it holds too, by name: `net`, or `network.modules.0`."""
    from torch import nn

    if isinstance(model, nn.Module):
        return {"": model}
    if isinstance(model, tuple | list):
        held: dict[str, Any] = {str(number): one for number, one in enumerate(model)}
    else:
        held = vars(model) if hasattr(model, "__dict__") and not isinstance(model, type) else {}
    found = {
        f"{name}.{inner}".rstrip("."): module
        for name, one in held.items()
        if depth
        for inner, module in modules_of(one, depth - 1).items()
    }
    distinct = {id(module): (name, module) for name, module in reversed(found.items())}  # by its first name
    return dict(reversed(distinct.values()))
