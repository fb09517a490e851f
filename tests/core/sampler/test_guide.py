"""Guided steps leave the prior as it is without wants, and lead to the posterior with them."""

from __future__ import annotations

from collections.abc import Callable

import torch

from lc_core.sampler.guide import dice_of, guided, throw
from tests.core.sampler.conftest import Gauss


def chain(gradient_of: Callable[[torch.Tensor], torch.Tensor], steps: int = 120, count: int = 4_000) -> torch.Tensor:
    """Return where chains of prior samples end, `(count, 4)`."""
    z = torch.randn(count, 4, generator=torch.Generator().manual_seed(1))
    dice = dice_of(z)
    for number in range(steps):
        z = guided(Gauss(), z, gradient_of(z), throw(dice, number, 4), 1.0)
    return z


def test_without_wants_prior_samples_stay_prior_samples() -> None:
    found = chain(torch.zeros_like)
    assert found.mean(0).abs().max() < 0.06
    assert (torch.cov(found.T) - torch.eye(4)).abs().max() < 0.08


def test_with_a_gaussian_want_they_become_samples_of_the_posterior() -> None:
    def gradient(z: torch.Tensor) -> torch.Tensor:
        """Of the log density of the first value plus noise of deviation 1, when 2 was seen."""
        return torch.cat([2.0 - z[:, :1], torch.zeros_like(z[:, 1:])], dim=1)

    found = chain(gradient)
    assert (found.mean(0) - torch.tensor([1.0, 0, 0, 0])).abs().max() < 0.06
    assert (torch.cov(found.T) - torch.diag(torch.tensor([0.5, 1, 1, 1]))).abs().max() < 0.08


def test_the_noise_of_a_row_does_not_depend_on_which_others_are_left() -> None:
    dice = dice_of(torch.randn(50, 3, generator=torch.Generator().manual_seed(2)))
    rows = torch.tensor([3, 17, 40])
    assert torch.equal(throw(dice, 5, 3)[rows], throw(dice[rows], 5, 3))
