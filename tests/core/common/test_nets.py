from __future__ import annotations

import torch
from torch import nn

from lc_core.common.nets import cast_once, mlp, training_autocast


def test_a_network_that_is_cast_once_computes_what_autocast_computes_with_its_gradient():
    torch.manual_seed(0)
    net = nn.Sequential(nn.LayerNorm(24), mlp(24, 48, 8)).requires_grad_(False)
    x = torch.randn(5, 24, requires_grad=True)
    with training_autocast():
        found = [(y, torch.autograd.grad(y.float().square().sum(), x)[0]) for y in (net(x), cast_once(net)(x))]
    (plain, slope), (cast, cast_slope) = found
    assert torch.equal(plain, cast) and torch.equal(slope, cast_slope)


def test_casting_a_network_leaves_it_as_it_was():
    net = mlp(4, 8, 2).requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    cast_once(net)
    after = net.state_dict()
    assert all(after[name].dtype == torch.float32 and torch.equal(after[name], old) for name, old in before.items())
