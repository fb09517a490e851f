"""A flow from a model's prior to where its encodings of data are: realism as a map, beside realism as a value.

The realism critic says how like an encoding a latent is, and climbing it ends at its mode: every sample is good, and
all are too much alike. The flow is fitted to transport the whole prior to the whole of the encodings (flow matching,
Lipman et al. 2023; rectified flow, Liu et al. 2023): a velocity v(z, t) whose path from a prior sample at t = 0 ends,
at t = 1, at a sample of the aggregate posterior q(z) = E_x q(z|x).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["FLOW", "Flow"]

FLOW = "lc-flow/1"
"""The kind of its files; see `lc_core.common.network_files`."""

FREQUENCIES, FASTEST = 32, 100.0
"""Frequencies that the time is encoded in, and the highest, in radians."""
WARM_UP, DECAY = 300, 0.998
"""Steps until the full learning rate, and what a step keeps of the averaged weights."""


class Flow(nn.Module):
    """Transports latents `(B, *latent_shape)` of the prior to encodings, along a learned velocity.

    Args:
        dimensions: D; latents of any shape are flattened.
        hidden: Width of the residual stream.
        blocks: Residual blocks.
        steps: Steps of Heun's method from t = 0 to 1; each asks for the velocity twice.

    Attributes:
        digest: Hash of its weights, where they were read from a file; part of the key of what is fitted with it.
    """

    frequencies: Tensor
    digest: str = ""

    def __init__(self, *, dimensions: int, hidden: int = 384, blocks: int = 3, steps: int = 8) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {"dimensions": dimensions, "hidden": hidden, "blocks": blocks, "steps": steps}
        self.steps = steps
        self.into = nn.Linear(dimensions, hidden)
        self.blocks = nn.ModuleList(_Block(hidden) for _ in range(blocks))
        self.out = nn.Linear(hidden, dimensions)
        for weights in (self.out.weight, self.out.bias):
            nn.init.zeros_(weights)
        self.register_buffer("frequencies", torch.logspace(0, math.log10(FASTEST), FREQUENCIES), persistent=False)

    def velocity(self, z: Tensor, t: Tensor) -> Tensor:
        """Return the velocity `(B, D)` at latents `(B, D)` and times `(B, 1)` in [0, 1]."""
        angle = t * self.frequencies
        time = torch.cat([angle.sin(), angle.cos()], dim=1)
        hidden = self.into(z)
        for block in self.blocks:
            hidden = block(hidden, time)
        velocity: Tensor = self.out(hidden)
        return velocity

    def forward(self, z: Tensor) -> Tensor:
        """Return where prior samples `(B, *latent_shape)` are transported to, of the same shape."""
        at = z.flatten(1)
        for step in range(self.steps):
            now, then = (at.new_full((len(at), 1), (step + one) / self.steps) for one in (0, 1))
            first = self.velocity(at, now)
            second = self.velocity(at + first / self.steps, then)
            at = at + (first + second) / (2 * self.steps)
        return at.view_as(z)


class _Block(nn.Module):
    """x + W2 gelu(W1 norm(x)), the norm scaled and shifted by the time."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.time = nn.Linear(2 * FREQUENCIES, 2 * width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)
        nn.init.zeros_(self.down.weight)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.time(time).chunk(2, dim=1)
        out: Tensor = x + self.down(F.gelu(self.up(self.norm(x) * (1 + scale) + shift)))
        return out
