"""Realism: one value function per model, learned once from encodings of data against the prior.

Its logit estimates log q(z) - log p(z), the density ratio of the aggregate posterior and the prior (Engel et al. 2018,
the realism constraint; NCP-VAE, Aneja et al. 2021). Latents that an engine has moved up the critic are shown to it as
fakes as well, so that it stays a guide where the engine goes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.critics.critic import mlp
from lc_core.latent_model import LatentModel, block_generator

__all__ = ["RealismCritic", "fit_realism"]


class RealismCritic(nn.Module):
    """Latents to logits `(B,)`: higher is more like an encoding of data.

    Args:
        dimensions: D.
        hidden: Width of the hidden layers.
        layers: Hidden layers.
    """

    def __init__(self, *, dimensions: int, hidden: int = 384, layers: int = 2) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {"dimensions": dimensions, "hidden": hidden, "layers": layers}
        self.net = mlp(dimensions, hidden, 1, layers)

    def forward(self, z: Tensor) -> Tensor:
        """Return logits `(B,)`."""
        out: Tensor = self.net(z.flatten(1)).squeeze(1)
        return out


def fit_realism(
    model: LatentModel,
    draw_posterior: Callable[[int, torch.Generator], Tensor],
    *,
    steps: int = 8_000,
    batch: int = 512,
    lr: float = 1e-3,
    fake_share: float = 0.5,
    seed: int = 0,
    hidden: int = 384,
    progress: Callable[[str], None] = lambda _: None,
) -> RealismCritic:
    """Fit the realism critic of a model.

    Args:
        model: Gives the prior and `project`.
        draw_posterior: Draws `(n, *latent_shape)` from q(z|x) of training data.
        steps: Training steps.
        batch: Real latents in a step; as many are not real.
        lr: Adam's peak learning rate.
        fake_share: Share of what is not real that has been moved up the critic first; the rest is from the prior.
        seed: Seed of the fit.
        hidden: Width of the hidden layers.
        progress: Called with a line of text now and then.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        critic = RealismCritic(dimensions=model.dimensions, hidden=hidden)
    average = copy.deepcopy(critic)
    optimiser = torch.optim.AdamW(critic.parameters(), lr=lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=steps, pct_start=0.05)
    fakes = int(batch * fake_share)
    pool = model.sample_prior(8 * batch, block_generator(seed, 0, "realism/pool"))
    starts = pool.clone()
    for step in range(1, steps + 1):
        generator = block_generator(seed, step, "realism")
        if fakes:
            rows = torch.randint(len(pool), (fakes,), generator=generator)
            restart = torch.rand(fakes, generator=generator) < 0.05
            fresh = model.sample_prior(fakes, generator)
            starts[rows] = torch.where(restart[:, None], fresh.flatten(1), starts[rows].flatten(1)).view_as(fresh)
            pool[rows] = torch.where(restart[:, None], fresh.flatten(1), pool[rows].flatten(1)).view_as(fresh)
            pool[rows] = _climb(critic, model, pool[rows], starts[rows])
            fake = torch.cat([model.sample_prior(batch - fakes, generator), pool[rows]])
        else:
            fake = model.sample_prior(batch, generator)
        real = draw_posterior(batch, generator)
        on_real, on_fake = critic(real), critic(fake)
        loss = F.softplus(-on_real).mean() + F.softplus(on_fake).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(critic.parameters()), 0.005)
        if step % 500 == 0:
            right = ((on_real > 0).float().mean() + (on_fake < 0).float().mean()).item() / 2
            progress(f"realism critic: step {step}/{steps}, loss {loss.item():.3f}, right {right:.1%}")
    return average.requires_grad_(False).eval()


def _climb(critic: RealismCritic, model: LatentModel, z: Tensor, start: Tensor, *, size: float = 0.05) -> Tensor:
    """Move latents one normalised step up the critic."""
    z = z.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(F.softplus(-critic(z)).sum(), z)
    norm = gradient.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, *[1] * (z.dim() - 1))
    return model.project(z.detach() - size * model.dimensions**0.5 * gradient / norm, start)
