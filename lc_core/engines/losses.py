"""Terms of an actor's loss: how far it moves a start, and how far its batches are from the prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.models.latent_model import LatentModel

__all__ = ["RIDGE", "distance", "divergence"]


RIDGE = 1e-3
"""Added to variances, so that a direction in which a batch does not vary costs much and not all."""


def distance(moved: Tensor, z: Tensor, model: LatentModel) -> Tensor:
    """Return L_dist, mean(log(1 + (z' - z)^2) / sigma_bar^2), over a batch of latents."""
    sigma = getattr(model, "sigma_bar", None)
    scale = 1.0 if sigma is None else sigma.to(z.device).flatten().square()
    result: Tensor = ((moved - z).flatten(1).square().log1p() / scale).mean()
    return result


def divergence(moved: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence, in nats, of the normal with a batch's moments from the standard one."""
    import torch

    flat = moved.flatten(1)
    mean = flat.mean(dim=0)
    centred = flat - mean
    ridge = RIDGE * torch.eye(flat.shape[1], dtype=flat.dtype, device=flat.device)
    covariance = centred.T @ centred / len(flat) + ridge
    spread = covariance.diagonal().sum() + mean.square().sum() - flat.shape[1]
    result: Tensor = (spread - torch.linalg.slogdet(covariance)[1]) / 2
    return result
