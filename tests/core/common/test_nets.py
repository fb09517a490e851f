from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from lc_core.common.nets import built_for, cast_once, mlp, training_autocast


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


def test_sizes_that_no_memory_holds_are_refused_before_any_is_taken():
    def build(hidden: int) -> nn.Module:
        return nn.Sequential(nn.Linear(1, hidden), nn.Linear(hidden, hidden), nn.Embedding(hidden, hidden))

    with pytest.raises(ValueError, match="should be of shape"):
        built_for(build, {"0.weight": torch.zeros(1)}, {"hidden": 65_000})  # 34 GB


def test_a_shipped_model_is_loaded_without_the_compiler_of_torch():
    code = "import lc_core, sys; lc_core.load_model('melody.folk-2bar'); print('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
