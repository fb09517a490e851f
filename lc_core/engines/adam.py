"""One step of Adam on latents, each with a second moment of its own (Kingma and Ba 2015, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.models.latent_model import LatentModel

__all__ = ["BETA1", "BETA2", "EPSILON", "descend"]

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def descend(
    total: Callable[[Tensor], Tensor],
    z: Tensor,
    first: Tensor,
    second: Tensor,
    start: Tensor,
    model: LatentModel,
    *,
    lr: float,
    number: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the latents after a step, moved back to where the prior has its mass, and the moments.

    Args:
        total: What each latent is to lower: `(B, *latent_shape)` to `(B,)`.
        z: Latents `(B, *latent_shape)`.
        first: First moments, the same shape.
        second: Second moments, `(B,)`: the mean over a latent's values.
        start: Where each latent began.
        model: Whose latents these are.
        lr: Learning rate, in units of the latent.
        number: The step, from 1.
    """
    import torch

    z = z.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(total(z).sum(), z)
    z = z.detach()
    gradient = model.tangent(gradient, z)
    first = first.lerp(gradient, 1 - BETA1)
    second = second.lerp(gradient.flatten(1).square().mean(dim=1), 1 - BETA2)
    scale = lr / (1 - BETA1**number) / (second / (1 - BETA2**number)).sqrt_().add_(EPSILON)
    return model.project(z - scale.view(-1, *[1] * (z.dim() - 1)) * first, start), first, second
