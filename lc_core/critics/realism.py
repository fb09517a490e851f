"""Realism: one value function per model, learned once from encodings of data against the prior.

Its logit estimates log q(z) - log p(z), the density ratio of the aggregate posterior and the prior (Engel et al. 2018,
the realism constraint; NCP-VAE, Aneja et al. 2021). `lc_core.realism` fits it.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

__all__ = ["RealismCritic"]


class RealismCritic(nn.Module):
    """Latents to logits `(B,)`: higher is more like an encoding of data.

    The logit is z . f(z), with f a perceptron of one hidden layer. A ratio of two nearly normal densities is close to
    a quadratic form in z, which this form has at hand and a plain perceptron has to build.

    Args:
        dimensions: D; latents of any shape are flattened.
        hidden: Width of the hidden layer.
    """

    def __init__(self, *, dimensions: int, hidden: int = 640) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {"dimensions": dimensions, "hidden": hidden}
        self.net = nn.Sequential(nn.Linear(dimensions, hidden), nn.GELU(), nn.Linear(hidden, dimensions))

    def forward(self, z: Tensor) -> Tensor:
        """Return logits `(B,)`."""
        flat = z.flatten(1)
        logits: Tensor = (flat * self.net(flat)).sum(dim=1)
        return logits
