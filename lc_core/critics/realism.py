"""Realism: one value function per model, learned once from encodings of data against the prior.

Its logit estimates log q(z) - log p(z), the density ratio of the aggregate posterior and the prior (Engel et al. 2018,
the realism constraint; NCP-VAE, Aneja et al. 2021). `lc_core.fitting.realism` fits it.

A model without an encoder is asked how typical a latent is of its prior.
A density says little of that: in many dimensions hardly any sample lies where it is highest. What is typical is the
*log density* of a sample, which varies little (Cover and Thomas, *Elements of Information Theory*, chapter 3;
Nalisnick et al. 2019). Of a standard normal in D dimensions that is a matter of the norm alone, which has the chi
distribution, and nothing has to be fitted.

This keeps latents where the prior has its mass. It knows no data: where a model's prior makes bad outputs, it has
nothing against them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from lc_core.common.seeds import block_generator
from lc_core.models.latent_model import LatentModel, draw_prior
from lc_core.models.prior import Normal

__all__ = ["Norm", "RealismCritic", "Typical", "realism_of", "typical_realism"]


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


LEVEL = 2.0
"""Logit of the most typical latent: about 95 % of prior samples are then above 0."""
SAMPLES = 4_096
"""Prior samples over which the log density's mean and standard deviation are taken."""
NOWHERE = -20.0
"""Logit where the prior has no density."""


class Norm(nn.Module):
    """For a standard normal prior: the log density of the norm under the chi distribution, less that at its mode.

    Args:
        dimensions: D.
    """

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.power = dimensions - 1
        mode = math.sqrt(self.power)
        self.highest = self.power * math.log(mode) - mode**2 / 2 if self.power else 0.0

    def forward(self, z: Tensor) -> Tensor:
        """Return logits `(B,)` of latents `(B, *latent_shape)`."""
        square = z.flatten(1).square().sum(dim=1)
        return LEVEL + self.power / 2 * square.clamp_min(1e-12).log() - square / 2 - self.highest


class Typical(nn.Module):
    """For any prior whose log density is known: how near that of a latent is to that of prior samples.

    Args:
        log_prior: Log density `(B,)` of latents, up to a constant; -inf where there is none.
        mean, std: Of the log density over prior samples. With a std of 0, as of a uniform prior, all that has a
            density is equally typical.
    """

    def __init__(self, log_prior: Callable[[Tensor], Tensor], *, mean: float, std: float) -> None:
        super().__init__()
        self.log_prior, self.mean, self.std = log_prior, mean, std

    def forward(self, z: Tensor) -> Tensor:
        """Return logits `(B,)` of latents `(B, *latent_shape)`."""
        density = self.log_prior(z)
        somewhere = density.isfinite()
        off = torch.where(somewhere, density - self.mean, torch.zeros_like(density))
        if self.std <= 1e-6 * max(1.0, abs(self.mean)):
            off = 0.0 * off
        else:
            off = off / self.std
        return torch.where(somewhere, LEVEL - off.square() / 2, torch.full_like(density, NOWHERE))


def typical_realism(model: LatentModel) -> nn.Module | None:
    """Return how typical a latent is of a model's prior, as logits `(B,)`; None if the prior's density is not known."""
    if model.on_shell and isinstance(model.prior, Normal):
        return Norm(model.dimensions)
    z = draw_prior(model, SAMPLES, block_generator(0, 0, "typical"))
    density = model.log_prior(z)
    if density is None:
        return None

    def log_prior(z: Tensor) -> Tensor:
        found = model.log_prior(z)
        assert found is not None
        return found

    return Typical(log_prior, mean=float(density.mean()), std=float(density.std()))


def realism_of(model: LatentModel) -> tuple[nn.Module | None, str]:
    """Return a model's realism, latents to logits `(B,)`, and what it is in words.

    That is its own critic where it ships one. For a model without an encoder, whose prior's density is known, it is how
    typical a latent is of the prior: no encodings say more.
    """
    if (critic := model.realism()) is not None:
        return critic, "a realism critic"
    if not model.encodes and (typical := typical_realism(model)) is not None:
        return typical, "no encoder and no realism critic: realism is how typical a latent is of the prior"
    return None, "no realism critic"
