"""A residual block of perceptrons."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["Residual"]


class Residual(nn.Module):
    """x + W2 gelu(W1 norm(x)), `(..., width)` to `(..., width)`.

    Args:
        width: Width of the residual stream.
        hidden: Width inside.
        identity: Whether it is the identity at first.
    """

    def __init__(self, width: int, hidden: int, *, identity: bool = False) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        if identity:
            nn.init.zeros_(self.down.weight)
            nn.init.zeros_(self.down.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Return what the block makes of its input."""
        out: Tensor = x + self.down(F.gelu(self.up(self.norm(x))))
        return out
