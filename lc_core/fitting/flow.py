"""Fits a flow from the prior to encodings, by flow matching (Lipman et al. 2023)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch.nn import functional as F

from lc_core.common.progress import ProgressLine
from lc_core.common.seeds import block_generator
from lc_core.critics.flow import DECAY, WARM_UP, Flow
from lc_core.models.latent_model import Posterior

__all__ = ["fit_flow"]


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
