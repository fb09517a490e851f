"""One step of Adam on latents, each with a second moment of its own (Kingma and Ba 2015, algorithm 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["BETA1", "BETA2", "EPSILON", "adam_step"]

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def adam_step(
    z: Tensor, gradient: Tensor, first: Tensor, second: Tensor, *, lr: float, number: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the latents after a step, and the moments.

    Args:
        z: Latents `(B, *latent_shape)`.
        gradient: Of the energy in each latent, the same shape.
        first: First moments, the same shape.
        second: Second moments, `(B,)`: the mean over a latent's values.
        lr: Learning rate, in units of the latent.
        number: The step, from 1.
    """
    first = first.lerp(gradient, 1 - BETA1)
    second = second.lerp(gradient.flatten(1).square().mean(dim=1), 1 - BETA2)
    scale = lr / (1 - BETA1**number) / (second / (1 - BETA2**number)).sqrt_().add_(EPSILON)
    return z - scale.view(-1, *[1] * (z.dim() - 1)) * first, first, second
