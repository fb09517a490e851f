"""What is told of a file that is not what it is taken for: its name, what it is, and what to do."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import pytest
import safetensors.torch
import torch

from lc_core.errors import LCError
from lc_plugins.models.diffusers_folder import load_diffusers
from lc_plugins.models.export import load_export
from lc_plugins.models.onnx_file import load_onnx
from lc_plugins.models.priors import build_prior
from lc_plugins.models.pythae_folder import load_pythae
from lc_plugins.models.torchscript import load_torchscript
from tests.models.networks import Decoder, build, latents, save_pt2, save_torchscript

onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
LOADERS = {"pt2": load_export, "pt": load_torchscript, "onnx": load_onnx}
INTERNALS = ("Pytorch", "miniz", "protobuf", "onnx.ModelProto", "seek", "deserializ", "Traceback", "RuntimeError")


def in_onnx(network):
    buffer = io.BytesIO()
    free = {"input_names": ["x"], "dynamic_axes": {"x": {0: "batch"}}}
    torch.onnx.export(network, (latents(),), buffer, **free, dynamo=False, opset_version=17)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def contents(tmp_path_factory):
    """Files of every kind, by name."""
    folder, network = tmp_path_factory.mktemp("kinds"), build(Decoder)
    weights, pickled, zipped = network.state_dict(), io.BytesIO(), io.BytesIO()
    torch.save(weights, pickled)
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("model/readme.txt", "")
    return {
        "pt2": save_pt2(network, folder / "d.pt2").read_bytes(),
        "pt": save_torchscript(network, folder / "d.pt").read_bytes(),
        "onnx": in_onnx(network),
        "weights": safetensors.torch.save(dict(weights)),
        "saved": pickled.getvalue(),
        "pickle": pickle.dumps([1]),
        "zip": zipped.getvalue(),
        "text": b"no such model\nsorry",
        "noise": bytes(range(128, 256)),
    }


def told(load, *arguments, **settings):
    """Return the message and the hint of the error that loading ends with."""
    with pytest.raises(LCError) as error:
        load(*arguments, **settings)
    message, hint = error.value.message, error.value.hint
    assert "\n" not in message and hint and not any(one in message for one in INTERNALS)
    return message, hint


def of_file(expected, path):
    more = {"latent": [4]} if expected == "pt" else {}
    message, hint = told(LOADERS[expected], file=path, output="image.gray/1", **more)
    assert str(path) in message
    return message, hint


KINDS = {
    "pt2": ("it is a .pt2 archive of torch.export.save", "load it with models.export"),
    "pt": ("it is a TorchScript file of torch.jit.save", "load it with models.torchscript"),
    "onnx": ("it is an .onnx file", "load it with models.onnx"),
    "weights": ("it is a file of weights alone (safetensors)", "docs/models.md"),
    "saved": ("it is a pickle", "nothing of it was run"),
    "pickle": ("it is a pickle", "nothing of it was run"),
    "zip": ("it is a zip archive of readme.txt", "docs/models.md"),
    "text": ("it is text", "docs/models.md"),
    "noise": (", or is truncated", "get it again"),
}
"""What is told of each kind of file, and what to do."""


@pytest.mark.parametrize(("expected", "found"), [(one, other) for one in LOADERS for other in KINDS if one != other])
def test_a_file_of_another_kind_is_named(expected, found, contents, tmp_path):
    path = tmp_path / f"model.{expected}"
    path.write_bytes(contents[found])
    message, hint = of_file(expected, path)
    assert KINDS[found][0] in message and KINDS[found][1] in hint


@pytest.mark.parametrize("expected", LOADERS)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_a_truncated_file_is_named(expected, share, contents, tmp_path):
    path, data = tmp_path / f"model.{expected}", contents[expected]
    path.write_bytes(data[: int(share * len(data))])
    message, hint = of_file(expected, path)
    assert "truncated" in message and "get it again" in hint


@pytest.mark.parametrize("expected", LOADERS)
def test_a_name_that_is_not_there_is_told_with_one_that_is(expected, contents, tmp_path):
    (tmp_path / f"decoder.{expected}").write_bytes(contents[expected])
    assert f"did you mean decoder.{expected}?" in of_file(expected, tmp_path / f"decodr.{expected}")[1]
    assert "beside the spec" in of_file(expected, tmp_path / "none" / "x")[1]


@pytest.mark.parametrize("expected", LOADERS)
def test_weights_that_are_not_numbers_are_told_with_the_file(expected, tmp_path):
    network = build(Decoder)
    network.net[0].weight[:] = torch.nan
    path = tmp_path / f"model.{expected}"
    if expected == "onnx":
        path.write_bytes(in_onnx(network))
    else:
        {"pt2": save_pt2, "pt": save_torchscript}[expected](network, path)
    message, hint = of_file(expected, path)
    assert "not finite for 5 of 5 prior samples" in message and "NaN" in hint


def draw_pythae(folder, weights):
    config = {"name": "VAEConfig", "input_dim": [1, 8, 8], "latent_dim": 4}
    (folder / "model_config.json").write_text(json.dumps(config))
    (folder / "model.pt").write_bytes(weights)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        ("onnx", "it is an .onnx file"),
        ("weights", "it is a file of weights alone"),
        ("text", "it is text"),
        ("noise", "or is truncated"),
        ("saved", "has no model_state_dict"),
    ],
)
def test_weights_of_pythae_that_are_another_file_are_named(found, what, contents, tmp_path):
    draw_pythae(tmp_path, contents[found])
    message, _ = told(load_pythae, folder=tmp_path, output="image.gray/1")
    assert what in message and str(tmp_path / "model.pt") in message


def test_a_tensor_of_pythae_that_does_not_fit_is_named(tmp_path):
    buffer = io.BytesIO()
    torch.save({"model_state_dict": {"decoder.layers.0.0.bias": torch.zeros(9)}}, buffer)
    draw_pythae(tmp_path, buffer.getvalue())
    message, _ = told(load_pythae, folder=tmp_path, output="image.gray/1")
    assert "decoder.layers.0.0.bias is [9]; expected [512]" in message


@pytest.mark.parametrize(
    ("found", "what"),
    [
        ("onnx", "it is an .onnx file"),
        ("saved", "it is a pickle"),
        ("text", "it is text"),
        ("half", "is truncated: it has"),
    ],
)
def test_weights_of_diffusers_that_are_another_file_are_named(found, what, contents, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"_class_name": "AutoencoderKL"}))
    weights = tmp_path / "diffusion_pytorch_model.safetensors"
    half = contents["weights"][: len(contents["weights"]) // 2]
    weights.write_bytes({**contents, "half": half}[found])
    message, _ = told(load_diffusers, folder=tmp_path)
    assert what in message and str(weights) in message


@pytest.mark.parametrize("name", ["z.npy", "z.safetensors"])
def test_latents_that_cannot_be_read_are_told_with_how_to_write_them(name, contents, tmp_path):
    (tmp_path / name).write_bytes(contents["text"])
    with pytest.raises(LCError, match="holds no tensors that can be read") as error:
        build_prior({"samples": tmp_path / name})
    assert "numpy.save" in error.value.hint
