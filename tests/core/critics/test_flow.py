"""The flow from a prior to encodings: what is fitted carries one to the other, and survives its file."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lc_core import FitSettings, LatentModel, measurement, sample
from lc_core.common.network_files import read_network, write_network
from lc_core.critics.flow import FLOW, Flow
from lc_core.errors import LCError
from lc_core.fitting.flow import fit_flow
from lc_core.models.latent_model import Posterior


@pytest.fixture(scope="module")
def encodings() -> Posterior:
    """Two far clusters in the first of three dimensions; the posterior's noise is wide in the last alone."""
    generator = torch.Generator().manual_seed(0)
    mean = 0.1 * torch.randn((512, 3), generator=generator)
    mean[:, 0] += torch.where(torch.rand(512, generator=generator) < 0.3, -1.5, 1.5)
    return Posterior(mean, torch.tensor([0.1, 0.2, 0.9]).expand(512, 3))


@pytest.fixture(scope="module")
def flow(encodings):
    return fit_flow(encodings, steps=500, batch=128, lr=5e-3, hidden=32, blocks=1)


def test_prior_samples_end_where_encodings_are_in_their_proportions(flow):
    z = flow(torch.randn((4_000, 3), generator=torch.Generator().manual_seed(1)))
    assert (z[:, 0].abs() > 1).float().mean() > 0.95
    assert (z[:, 0] < 0).float().mean() == pytest.approx(0.3, abs=0.05)
    assert z.std(dim=0)[1:].tolist() == pytest.approx([0.22, 0.91], abs=0.08)


def test_a_flow_comes_back_from_its_file(flow, tmp_path):
    write_network(tmp_path / "flow.safetensors", flow, FLOW)
    again = read_network(tmp_path / "flow.safetensors", FLOW, Flow)
    z = torch.randn((2, 3), generator=torch.Generator().manual_seed(2))
    assert torch.allclose(again(z), flow(z), atol=0.02)
    assert again.digest


def test_no_file_is_no_flow_and_a_damaged_one_is_told(flow, tmp_path):
    assert read_network(tmp_path / "none", FLOW, Flow) is None
    file = tmp_path / "flow.safetensors"
    write_network(file, flow, FLOW)
    data = bytearray(file.read_bytes())
    for broken in (data[:100], data[:-1] + bytes([data[-1] ^ 64]), b"{}"):
        file.write_bytes(broken)
        with pytest.raises(LCError, match="flow.safetensors is damaged"):
            read_network(file, FLOW, Flow)


class Plane(LatentModel):
    """Decodes a latent to itself; its encodings are about (3, 0), where its flow carries every latent."""

    latent_shape = (2,)
    output_type = "test.plane/1"

    def decode(self, z):
        return z

    def realism(self):
        return lambda z: 1 - (z - torch.tensor([3.0, 0.0])).square().sum(dim=1)

    def flow(self):
        return lambda z: 0.1 * z + torch.tensor([3.0, 0.0])


@measurement(accepts="test.plane/1", unit="length", range=(-10, 10), at_least=0.5)
def upper(outputs):
    """Return the second coordinate, `(B,)`."""
    return outputs[:, 1]


@pytest.mark.parametrize(("realism", "far"), [(0.0, False), (1.0, True)])
def test_realism_alone_is_where_the_flow_carries_prior_samples(realism, far):
    result = sample(model=Plane(), realism=realism, count=64)
    assert (np.abs(result.outputs[:, 0] - 3) < 0.5).mean() == pytest.approx(float(far), abs=0.05)
    assert result.outputs.std(axis=0).min() > (0.05 if far else 0.5)  # carried, not climbed to one place


def test_under_constraints_tries_begin_where_the_flow_carries_prior_samples():
    result = sample(
        model=Plane(), constraints=[upper], realism=1.0, count=16, fit=FitSettings(prior_samples=1_024, rounds=1)
    )
    assert result.status == "done"
    assert (result.outputs[:, 1] >= 0.5).all()
    assert (np.abs(result.outputs[:, 0] - 3) < 1).all()


def test_a_flow_that_gives_what_is_no_latent_is_told():
    class Broken(Plane):
        def flow(self):
            return lambda z: z / 0

    with pytest.raises(LCError, match="function of model returned another shape"):
        sample(model=Broken(), realism=1.0, count=4)
