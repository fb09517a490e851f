"""Batches that are fixed or have a limit, and networks with more than one input or output: what a user is told."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from lc_core.cli import main
from lc_core.errors import LCError
from lc_core.models.latent_model import decode_array
from lc_core.testing import check_model
from lc_plugins.models.export import load_export
from lc_plugins.models.torchscript import load_torchscript
from tests.models.networks import Decoder, Encoder, build, latents, save_pt2, save_torchscript

GRAY = "image.gray/1"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def capped(module, path, limit, example=None):
    shapes = ({0: torch.export.Dim("batch", max=limit)},)
    example = torch.zeros(2, 4) if example is None else example
    torch.export.save(torch.export.export(module, (example,), dynamic_shapes=shapes), path)
    return path


def refusal(load, **settings):
    with pytest.raises(LCError) as error:
        load(**{"output": GRAY, **settings})
    return str(error.value)


@pytest.mark.parametrize("limit", [2, 4, 16])
def test_blocks_follow_the_limit_of_an_exported_batch(limit, tmp_path):
    model = load_export(file=capped(build(Decoder), tmp_path / "capped.pt2", limit), output=GRAY)
    check_model(model)
    assert model.block == limit
    assert model.differentiable
    z = latents(40)
    np.testing.assert_allclose(decode_array(model, z), build(Decoder)(z).numpy(), atol=1e-6)


def test_a_block_that_the_spec_says_is_kept_below_the_limit(tmp_path):
    file = capped(build(Decoder), tmp_path / "capped.pt2", 16)
    assert load_export(file=file, output=GRAY, block=8).block == 8


def test_the_limit_of_an_encoder_counts_too(tmp_path):
    encoder = capped(build(Encoder), tmp_path / "encoder.pt2", 8, torch.rand(2, 1, 8, 8))
    model = load_export(file=capped(build(Decoder), tmp_path / "d.pt2", 16), encoder=encoder, output=GRAY)
    check_model(model)
    assert model.block == 8


@pytest.mark.parametrize("engine", ["rejection", "{use: gradient, params: {steps: 3}}"])
def test_a_run_with_a_limited_batch_gives_the_same_bytes_twice(engine, tmp_path):
    capped(build(Decoder), tmp_path / "capped.pt2", 16)
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        f"lc: 1\nmodel: {{use: models.export, params: {{file: capped.pt2, output: {GRAY}}}}}\nengine: {engine}\n"
        "constraints: [{use: images.brightness, at_least: 0.0, guide: decoder}]\nsample: {count: 40}\n"
    )
    for name in ("one", "two"):
        result = CliRunner().invoke(main, ["sample", str(spec), "--out", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
    one, two = ((tmp_path / name / "samples.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_a_batch_with_a_lower_limit_is_named(tmp_path):
    shapes = ({0: torch.export.Dim("batch", min=4)},)
    torch.export.save(
        torch.export.export(build(Decoder), (torch.zeros(4, 4),), dynamic_shapes=shapes), tmp_path / "m.pt2"
    )
    assert "batches of 4 or more" in refusal(load_export, file=tmp_path / "m.pt2")


@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_fixed_batch_of_torch_export_is_named_with_how_to_export(size, tmp_path):
    file = save_pt2(build(Decoder), tmp_path / "fixed.pt2", torch.zeros(size, 4), free=False)
    message = refusal(load_export, file=file)
    assert f"batch is fixed at {size}, so that it takes batches of {size} only" in message
    assert "dynamic_shapes" in message and "write -1" in message


class Literal(nn.Module):
    """Writes a number where the size of the batch belongs."""

    def __init__(self, size):
        super().__init__()
        self.net, self.size = nn.Linear(4, 64), size

    def forward(self, z):
        return torch.sigmoid(self.net(z)).view(self.size, 1, 8, 8)


class Counted(Literal):
    """Asks for the size of the batch, which a trace keeps."""

    def forward(self, z):
        return torch.sigmoid(self.net(z)).view(len(z), 1, 8, 8)


class Squeezed(Literal):
    def forward(self, z):
        return torch.sigmoid(self.net(z)).view(-1, 1, 8, 8).squeeze()


def test_a_batch_that_len_has_fixed_beside_a_guard_is_named(tmp_path):
    program = torch.export.export(build(Counted, 0), (torch.zeros(2, 4),), dynamic_shapes=({0: torch.export.Dim.AUTO},))
    torch.export.save(program, tmp_path / "fixed.pt2")
    message = refusal(load_export, file=tmp_path / "fixed.pt2")
    assert "batch is fixed at 2" in message and "not len(z)" in message


class Shaped(Literal):
    """Asks for the size of the batch so that exporters leave it free."""

    def forward(self, z):
        return torch.sigmoid(self.net(z)).view(z.shape[0], 1, 8, 8)


def test_a_size_that_shape_gave_stays_free(tmp_path):
    example = torch.zeros(2, 4)
    traced = save_torchscript(build(Shaped, 0), tmp_path / "free.pt", example)
    check_model(load_torchscript(file=traced, output=GRAY, latent=[4]))
    check_model(load_export(file=save_pt2(build(Shaped, 0), tmp_path / "free.pt2", example), output=GRAY))


@pytest.mark.parametrize("size", [1, 2, 5, 64])
@pytest.mark.parametrize("kind", [Literal, Counted])
def test_a_batch_that_a_trace_has_fixed_is_named(kind, size, tmp_path):
    file = save_torchscript(build(kind, size), tmp_path / "fixed.pt", torch.zeros(size, 4))
    message = refusal(load_torchscript, file=file, latent=[4])
    assert f"batch is fixed at {size}" in message
    assert "torch.jit.trace" in message


def test_an_encoder_with_a_fixed_batch_is_named(tmp_path):
    class Fixed(Encoder):
        def forward(self, x):
            mean, std = super().forward(x)
            return mean.view(1, 4), std.view(1, 4)

    decoder = save_torchscript(build(Decoder), tmp_path / "decoder.pt")
    encoder = save_torchscript(build(Fixed), tmp_path / "encoder.pt", torch.zeros(1, 1, 8, 8))
    message = refusal(load_torchscript, file=decoder, encoder=encoder, latent=[4])
    assert "the encoder of decoder: its batch is fixed at 1" in message


def test_a_decoder_that_drops_the_batch_of_one_is_named(tmp_path):
    torch.jit.script(build(Squeezed, 0)).save(str(tmp_path / "squeezed.pt"))
    message = refusal(load_torchscript, file=tmp_path / "squeezed.pt", latent=[4], shape=[1, 8, 8])
    assert "it fails for a batch of one: squeeze()" in message


class Labelled(Decoder):
    def forward(self, z, label):
        return super().forward(z) * label.view(-1, 1, 1, 1)


class Both(Decoder):
    def forward(self, z):
        return super().forward(z), z


def test_two_inputs_are_named_with_what_to_do(tmp_path):
    example = (torch.zeros(2, 4), torch.ones(2))
    free = {0: torch.export.Dim("batch")}
    program = torch.export.export(build(Labelled), example, dynamic_shapes=(free, free))
    torch.export.save(program, tmp_path / "two.pt2")
    torch.jit.trace(build(Labelled), example, check_trace=False).save(str(tmp_path / "two.pt"))
    exported = refusal(load_export, file=tmp_path / "two.pt2")
    traced = refusal(load_torchscript, file=tmp_path / "two.pt", latent=[4])
    assert "2 inputs (z, label)" in exported
    assert "2 inputs (z: Tensor, label: Tensor)" in traced
    assert all("holds the others fixed" in one for one in (exported, traced))


def test_two_outputs_are_named_with_their_shapes(tmp_path):
    message = refusal(load_export, file=save_pt2(build(Both), tmp_path / "both.pt2"))
    assert "returned 2 outputs ((5, 1, 8, 8), (5, 4)); expected one tensor" in message


def test_inspecting_tells_the_limit_as_the_block(tmp_path):
    file = capped(build(Decoder), tmp_path / "capped.pt2", 16)
    command = ["inspect", "models.export", "--json", "--set", f"file={file}", "--set", f"output={GRAY}"]
    assert json.loads(CliRunner().invoke(main, command).stdout)["decode"]["block"] == 16
