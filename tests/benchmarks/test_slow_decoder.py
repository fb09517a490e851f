from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.slow_decoder import counting, report_of, save, write_spec
from lc_core import LatentModel, as_latent_model
from lc_core.engines.actor import Actor
from lc_core.engines.gradient import Gradient
from lc_core.engines.rejection import Rejection


class Wide(LatentModel):
    """100 numbers to a picture of 3 x 16 x 16, by matrices of 110 million operations a decode."""

    latent_shape = (100,)
    output_type = "image.rgb/1"

    def __init__(self, wide: int) -> None:
        self.net = nn.Sequential(nn.Linear(100, wide), nn.Tanh(), nn.Linear(wide, wide), nn.Linear(wide, 768))

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return self.net(z).sigmoid().view(-1, 3, 16, 16)


@pytest.mark.parametrize(("wide", "share"), [(64, 1), (7_500, 16)])
def test_a_default_block_follows_the_operations_of_a_decode_and_one_that_is_given_does_not(wide, share):
    model = Wide(wide)
    assert [one.sized_for(model).block * share for one in (Gradient(), Rejection(), Actor())] == [256, 1024, 1024]
    assert Gradient(block=256).sized_for(model).block == 256
    model.device = "cuda"
    assert Gradient().sized_for(model).block == 256, "small blocks leave an accelerator idle"


class Box:
    """A decoder in numpy: 4 numbers to a picture of one colour."""

    latent_shape = 4
    output_type = "image.rgb/1"

    def __init__(self, side: int) -> None:
        self.side = side

    def decode(self, z: torch.Tensor) -> np.ndarray:
        mean = z.detach().numpy().mean(axis=1)[:, None, None, None]
        return np.broadcast_to(mean, (len(z), 3, self.side, self.side)).copy()


@pytest.mark.parametrize(("side", "block"), [(8, 256), (64, 16)])
def test_a_black_box_is_judged_by_the_size_of_its_outputs(side, block):
    assert Gradient().sized_for(as_latent_model(Box(side))).block == block


def test_sixteen_pictures_of_a_slow_decoder_take_few_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(100, 256 * 2 * 2), nn.Unflatten(1, (256, 2, 2)), nn.ReLU(), nn.Upsample(scale_factor=16),
        nn.Conv2d(256, 256, 1), nn.ReLU(), nn.Conv2d(256, 3, 1), nn.Tanh(),
    ).eval()  # fmt: skip
    spec = write_spec(tmp_path, save(net, tmp_path / "net.pt2"), samples=256)
    with counting() as counted:
        report = report_of(spec, tmp_path / "run")
    assert report["delivered"] == 16
    assert report["decodes"] < sum(counted) <= 1_500  # those of the checks and of the rule's spread too
    assert "block: 64" in (tmp_path / "run" / "spec.yaml").read_text()
