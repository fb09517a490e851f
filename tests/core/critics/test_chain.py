"""The chain from a prior by a ratio of densities: it ends in prior times ratio, each row by itself."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Normal

from lc_core.critics.chain import Chain

PRIOR, WANTED = Normal(0.0, 1.0), Normal(1.0, 0.5)


def log_ratio(z):
    return (WANTED.log_prob(z) - PRIOR.log_prob(z)).sum(dim=1)


def test_chains_end_in_prior_times_ratio():
    z = torch.randn((4_000, 2), generator=torch.Generator().manual_seed(0))
    ends = Chain(log_ratio, steps=40, stride=0.7, sharpness=1.0)(z)
    assert ends.mean(dim=0).tolist() == pytest.approx([1.0, 1.0], abs=0.05)
    assert ends.std(dim=0).tolist() == pytest.approx([0.5, 0.5], abs=0.03)


def test_without_a_ratio_they_end_in_the_prior():
    z = torch.randn((4_000, 2), generator=torch.Generator().manual_seed(0))
    ends = Chain(lambda z: torch.zeros(len(z)), steps=10)(z)
    assert ends.std(dim=0).tolist() == pytest.approx([1.0, 1.0], abs=0.05)
    assert (ends - z).abs().mean() > 0.5


def test_a_row_goes_its_own_way_whatever_others_there_are():
    z = torch.randn((8, 1, 2), generator=torch.Generator().manual_seed(0))
    chain = Chain(lambda z: log_ratio(z.flatten(1)), steps=20)
    assert torch.equal(chain(z)[2:5], chain(z[2:5]))
    assert torch.equal(chain(z.flip(0)), chain(z).flip(0))
