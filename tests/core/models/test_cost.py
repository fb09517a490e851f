"""What a decode costs is counted as torch's own counter counts it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from lc_core.models.cost import count_operations


class Attention(nn.Module):
    def forward(self, z):
        some = z.view(len(z), 1, 4, 4)
        return F.scaled_dot_product_attention(some, some, some).flatten(1) @ torch.ones(16, 3)


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Linear(16, 32), nn.SiLU(), nn.Linear(32, 5)),
        nn.Sequential(nn.Unflatten(1, (4, 2, 2)), nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.Conv2d(3, 2, 3)),
        nn.Sequential(nn.Unflatten(1, (4, 4)), nn.GRU(4, 6, batch_first=True)),
        Attention(),
    ],
    ids=["linear", "convolutions", "recurrent", "attention"],
)
def test_operations_are_those_that_torch_counts(network: nn.Module) -> None:
    class Model:
        def decode(self, z: torch.Tensor) -> torch.Tensor:
            found = network(z)
            return found[0] if isinstance(found, tuple) else found

    z = torch.randn(2, 16)
    with torch.inference_mode(), FlopCounterMode(display=False) as expected:
        Model().decode(z)
    assert expected.get_total_flops() > 0
    assert count_operations(Model(), lambda: z) == expected.get_total_flops() // 2
