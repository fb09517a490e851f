"""A flow from a model's prior to where its encodings of data are: realism as a map, beside realism as a value.

The realism critic says how like an encoding a latent is, and climbing it ends at its mode: every sample is good, and
all are too much alike. The flow is fitted to carry the whole prior to the whole of the encodings (flow matching, Lipman
et al. 2023; rectified flow, Liu et al. 2023): a velocity v(z, t) whose path from a prior sample at t = 0 ends,
at t = 1, at a sample of the aggregate posterior q(z) = E_x q(z|x).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.latent_model import Posterior, block_generator
from lc_core.progress import ProgressLine

__all__ = ["FLOW", "Flow", "fit_flow"]

FLOW = "lc-flow/1"
"""The kind of its files; see `lc_core.critics.files`."""

FREQUENCIES, FASTEST = 32, 100.0
"""Frequencies that the time is told in, and the highest, in radians."""
WARM_UP, DECAY = 300, 0.998
"""Steps until the full learning rate, and what a step keeps of the averaged weights."""


class Flow(nn.Module):
    """Carries latents `(B, *latent_shape)` of the prior to encodings, along a learned velocity.

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
        """Return where prior samples `(B, *latent_shape)` are carried to, of the same shape."""
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


def fit_flow(
    encodings: Posterior,
    *,
    steps: int = 4_000,
    batch: int = 512,
    lr: float = 1e-3,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
    **settings: int,
) -> Flow:
    """Fit a flow from a standard normal prior to the aggregate posterior of data.

    A step draws encodings x ~ N(mean, std^2), noise e ~ N(0, I) and times t, and brings the velocity at
    z = (1 - t) e + t x nearer to E[x - e | z, the encoding]: the regression target of flow matching with the two
    normal variables, which are known to be normal, averaged out.

    Args:
        encodings: Of the training data, `(N, *latent_shape)` each.
        steps: Training steps.
        batch: Encodings in a step.
        lr: Peak learning rate of AdamW.
        seed: Seed of the fit.
        progress: Called with a line of text now and then.
        **settings: Of the `Flow`.

    Returns:
        The flow, with averaged weights.
    """
    mean, std = encodings.mean.flatten(1), encodings.std.flatten(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        flow = Flow(dimensions=mean.shape[1], **settings)
    average = copy.deepcopy(flow)
    optimiser = torch.optim.AdamW(flow.parameters(), lr=lr, weight_decay=0.01, betas=(0.9, 0.99))
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1.0, step / WARM_UP) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
        generator = block_generator(seed, step, "flow")
        rows = torch.randint(len(mean), (batch,), generator=generator)
        t = torch.rand((batch, 1), generator=generator)
        variance = (1 - t).square() + (t * std[rows]).square()
        off = variance.sqrt() * torch.randn((batch, mean.shape[1]), generator=generator)
        target = mean[rows] + off * (t * std[rows].square() - (1 - t)) / variance
        loss = F.mse_loss(flow.velocity(t * mean[rows] + off, t), target)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(flow.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            keep = min(DECAY, step / (step + 10))
            torch._foreach_lerp_(list(average.parameters()), list(flow.parameters()), 1 - keep)
        if step % 500 == 0:
            progress(ProgressLine(f"flow: step {step}/{steps}, loss {loss.item():.3f}", step, steps))
    return average.requires_grad_(False).eval()
