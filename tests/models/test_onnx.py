"""`models.onnx`: files that work, with gradients and without; files that are refused."""

from __future__ import annotations

import io
import json
import pickle
import re
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from lc_core.cli import main
from lc_core.errors import LCError
from lc_core.models.latent_model import decode_array
from lc_core.testing import check_model
from lc_plugins.models.imports import mend_torchvision
from lc_plugins.models.onnx_file import load_onnx
from tests.models.networks import (
    IN_TRAINING,
    SHAPE,
    WRONG_OUTPUTS,
    Batchy,
    Decoder,
    Encoder,
    NotANumber,
    Payload,
    build,
    latents,
)

mend_torchvision()  # which onnx2torch imports
onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
GRAY = "image.gray/1"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def save(module, path, example=None, *, free=True, opset=17):
    buffer = io.BytesIO()
    torch.onnx.export(
        module,
        (latents() if example is None else example,),
        buffer,
        input_names=["x"],
        dynamic_axes={"x": {0: "batch"}} if free else None,
        dynamo=False,
        opset_version=opset,
    )
    path.write_bytes(buffer.getvalue())
    return path


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    return save(build(Decoder), tmp_path_factory.mktemp("onnx") / "decoder.onnx").read_bytes()


@pytest.fixture
def file(content, tmp_path):
    path = tmp_path / "decoder.onnx"
    path.write_bytes(content)
    return path


def refusal(file, **settings):
    with pytest.raises(LCError) as error:
        load_onnx(file=file, **{"output": GRAY, **settings})
    return str(error.value)


def test_it_keeps_the_contract_of_a_model_and_decodes_as_the_network(file, tmp_path):
    pytest.importorskip("onnx2torch", reason="the extra onnx is not installed")
    encoder = save(build(Encoder), tmp_path / "encoder.onnx", torch.rand(3, 1, 8, 8))
    model = load_onnx(file=file, encoder=encoder, output=GRAY)
    check_model(model)
    assert (model.latent_shape, model.note) == ((4,), "")
    assert model.differentiable
    assert model.encodes
    np.testing.assert_allclose(decode_array(model, latents()), build(Decoder)(latents()).numpy(), atol=1e-6)


def test_newer_operators_are_converted_for_gradients_too(tmp_path):
    pytest.importorskip("onnx2torch", reason="the extra onnx is not installed")
    assert load_onnx(file=save(build(Decoder), tmp_path / "new.onnx", opset=20), output=GRAY).differentiable


def test_without_gradients_it_is_a_black_box_and_says_so(file, monkeypatch):
    model = load_onnx(file=file, output=GRAY, gradients=False)
    check_model(model)
    assert not model.differentiable
    monkeypatch.setitem(sys.modules, "onnx2torch", None)
    assert "onnx2torch" in load_onnx(file=file, output=GRAY).note


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        (("--set", "gradients=false"), "no gradients: switched off by gradients: false"),
        ((), "no gradients: onnx2torch is not installed"),
    ],
)
def test_inspecting_it_tells_why_it_has_no_gradients(file, monkeypatch, changes, told):
    monkeypatch.setitem(sys.modules, "onnx2torch", None)
    settings = ("--set", f"file={file}", "--set", f"output={GRAY}", *changes)
    result = CliRunner().invoke(main, ["inspect", "models.onnx", *settings])
    assert result.exit_code == 0
    assert re.search(rf"^  note +{told}$", result.stdout, re.MULTILINE)
    found = json.loads(CliRunner().invoke(main, ["inspect", "models.onnx", "--json", *settings]).stdout)
    assert found["note"] == told and not found["gradient"]["through"]


def test_a_conversion_that_is_off_is_not_used(file, monkeypatch):
    library = pytest.importorskip("onnx2torch", reason="the extra onnx is not installed")

    def off_by_a_little(model):
        model.graph.initializer[0].raw_data = (
            np.frombuffer(model.graph.initializer[0].raw_data, np.float32) + 0.01
        ).tobytes()
        return library.convert(model)

    monkeypatch.setitem(sys.modules, "onnx2torch", SimpleNamespace(convert=off_by_a_little))
    model = load_onnx(file=file, output=GRAY)
    assert "off by" in model.note
    assert not model.differentiable


def test_weights_in_a_file_beside_it_are_read_and_none_from_elsewhere(file, tmp_path):
    model = onnx.load(str(file))
    onnx.save_model(
        model, str(tmp_path / "split.onnx"), save_as_external_data=True, location="split.data", size_threshold=0
    )
    found = load_onnx(file=tmp_path / "split.onnx", output=GRAY)
    np.testing.assert_allclose(decode_array(found, latents()), build(Decoder)(latents()).numpy(), atol=1e-6)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "split.onnx").write_bytes(
        (tmp_path / "split.onnx").read_bytes().replace(b"split.data", b"../secrets")
    )
    assert "not beside it" in refusal(tmp_path / "in" / "split.onnx")
    (tmp_path / "split.data").write_bytes((tmp_path / "split.data").read_bytes()[:99])
    message = refusal(tmp_path / "split.onnx")
    assert "in split.data cannot be read, or are truncated" in message and "get them again" in message
    (tmp_path / "split.data").unlink()
    assert "cannot be read" in refusal(tmp_path / "split.onnx")


def with_weights_at(file, place, folder):
    """Write the model so that it says its weights are at `place`, and put them into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    split = {"save_as_external_data": True, "location": "split.data", "size_threshold": 0}
    onnx.save_model(onnx.load(str(file)), str(folder / "split.onnx"), **split)
    model = onnx.load(str(folder / "split.onnx"), load_external_data=False)
    for one in model.graph.initializer:
        for entry in one.external_data:
            entry.value = place if entry.key == "location" else entry.value
    path = file.parent / "place.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("place", "folder"),
    [
        ("split.data", "."),
        ("./split.data", "."),
        (".\\split.data", "."),
        ("weights/split.data", "weights"),
        ("weights\\split.data", "weights"),
        ("./weights//deep/split.data", "weights/deep"),
    ],
)
def test_weights_in_its_folder_are_read_however_the_place_is_written(place, folder, file):
    found = load_onnx(file=with_weights_at(file, place, file.parent / folder), output=GRAY)
    np.testing.assert_allclose(decode_array(found, latents()), build(Decoder)(latents()).numpy(), atol=1e-6)


@pytest.mark.parametrize(
    "place", ["../x/split.data", "/etc/split.data", "C:\\split.data", "a/../../split.data", "\\\\h\\s"]
)
def test_weights_outside_of_its_folder_are_refused(place, file):
    assert "is not beside it" in refusal(with_weights_at(file, place, file.parent / "x"))


def test_weights_behind_a_link_are_refused(file, tmp_path):
    path = with_weights_at(file, "linked/split.data", tmp_path / "elsewhere")
    (tmp_path / "linked").symlink_to(tmp_path / "elsewhere")
    assert "linked is a link" in refusal(path)


def test_two_inputs_are_named(tmp_path):
    class Labelled(Decoder):
        def forward(self, z, label):
            return super().forward(z) * label.view(-1, 1, 1, 1)

    buffer, names = io.BytesIO(), {"z": {0: "b"}, "label": {0: "b"}}
    example = (torch.zeros(2, 4), torch.ones(2))
    torch.onnx.export(build(Labelled), example, buffer, input_names=[*names], dynamic_axes=names, dynamo=False)
    (tmp_path / "two.onnx").write_bytes(buffer.getvalue())
    message = refusal(tmp_path / "two.onnx")
    assert "takes 2 inputs (z: tensor(float) (b, 4), label: tensor(float) (b)); expected one" in message


@pytest.mark.parametrize("size", [1, 2])
def test_a_batch_fixed_inside_the_graph_is_named(size, tmp_path):
    class Literal(Decoder):
        def forward(self, z):
            return self.net(z).reshape(size, 1, 8, 8)

    path = save(build(Literal), tmp_path / "literal.onnx", torch.zeros(size, 4))
    message = refusal(path)
    assert f"batch is fixed at {size}" in message and "onnxscript" in message


def test_the_latent_shape_that_a_spec_says_has_to_be_the_files(file):
    assert "latent: [16], but decoder takes latents of shape [4]" in refusal(file, latent=[16])


@pytest.mark.parametrize(("settings", "text"), WRONG_OUTPUTS)
def test_outputs_of_another_type_or_shape_are_refused(settings, text, file):
    assert text in refusal(file, **settings)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (NotANumber, "not finite"),
        (Batchy, "depends on the others"),
        (IN_TRAINING["normalisation"], "depends on the others"),
    ],
)
def test_faulty_decoders_are_refused(kind, text, tmp_path):
    assert text in refusal(save(build(kind), tmp_path / "faulty.onnx"))


def test_dropout_in_training_mode_drops_nothing_in_onnxruntime(tmp_path):
    pytest.importorskip("onnx2torch", reason="the extra onnx is not installed")
    network = build(IN_TRAINING["dropout"])
    model = load_onnx(file=save(network, tmp_path / "dropout.onnx"), output=GRAY)
    check_model(model)
    assert model.differentiable
    wanted = network.net[3:](network.net[:2](latents())).view(-1, *SHAPE)
    np.testing.assert_allclose(decode_array(model, latents()), wanted.numpy(), atol=1e-6)


def test_noise_is_refused(tmp_path):
    class Noisy(nn.Module):
        def forward(self, z):
            return (z + torch.randn_like(z)).view(-1, 1, 2, 2)

    assert "other outputs for the same latents" in refusal(save(Noisy(), tmp_path / "noisy.onnx"), output="numbers/1")


def test_files_of_another_kind_are_refused(file, tmp_path):
    assert "cannot be read" in refusal(tmp_path / "none.onnx")
    text = tmp_path / "text.onnx"
    text.write_text("not a model")
    assert "is not an .onnx file" in refusal(text)
    assert "batches of 3 only" in refusal(save(build(Decoder), tmp_path / "fixed.onnx", free=False))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_file_is_refused(file, share):
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    assert "truncated" in refusal(file)


def test_a_pickle_payload_is_refused_and_not_run(file, tmp_path):
    target = tmp_path / "created"
    file.write_bytes(pickle.dumps(Payload(target)))
    assert "is a pickle" in refusal(file)
    torch.save(Payload(target), file)
    assert "is a pickle" in refusal(file)
    assert not target.exists()
