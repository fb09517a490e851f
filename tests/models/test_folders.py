"""`models.pythae`, `models.diffusers` and `models.folder`: folders that work, and folders that are refused."""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import shutil
import sys
from types import ModuleType

import numpy as np
import pytest
import safetensors.torch
import torch

from lc_core.errors import LCError
from lc_core.models.latent_model import decode_array
from lc_core.testing import check_model
from lc_plugins.avatars.model import SHIPPED as AVATARS
from lc_plugins.digits.model import SHIPPED, load_8x8
from lc_plugins.melody.model import SHIPPED as FOLK_2BAR
from lc_plugins.models.diffusers_folder import load_diffusers
from lc_plugins.models.pythae_folder import _decoder, _encoder, load_pythae
from lc_plugins.models.vae_folder import load_folder
from tests.models.networks import WRONG_OUTPUTS, Payload

GRAY = "image.gray/1"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")


def draw_pythae(folder, kind="VAEConfig", **more):
    """Write a folder as pythae does, with weights that are drawn."""
    torch.manual_seed(0)
    folder.mkdir(exist_ok=True)
    config = {"name": kind, "input_dim": [1, 8, 8], "latent_dim": 4}
    (folder / "model_config.json").write_text(json.dumps(config | more))
    parts = {"decoder.": _decoder(4, (1, 8, 8)), "encoder.": _encoder(4, (1, 8, 8))}
    weights = {name + key: one for name, part in parts.items() for key, one in part.state_dict().items()}
    torch.save({"model_state_dict": weights}, folder / "model.pt")
    return folder


def refusal(load, **settings):
    with pytest.raises(LCError) as error:
        load(**settings)
    return str(error.value)


def test_a_pythae_folder_works(tmp_path):
    model = load_pythae(folder=draw_pythae(tmp_path / "vae"), output=GRAY)
    check_model(model)
    assert model.differentiable
    assert model.encodes
    assert model.prior.text == "standard normal"


def test_it_decodes_and_encodes_as_pythae_does(tmp_path):
    models = pytest.importorskip("pythae.models", reason="pythae is not installed")
    torch.manual_seed(0)
    theirs = models.VAE(models.VAEConfig(input_dim=(1, 8, 8), latent_dim=4)).eval()
    theirs.save(str(tmp_path / "vae"))
    ours = load_pythae(folder=tmp_path / "vae", output=GRAY)
    z, x = torch.randn(5, 4), torch.rand(5, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(ours.decode(z), theirs.decoder(z).reconstruction)
        found = theirs.encoder(x)
    torch.testing.assert_close(ours.encode(x).mean, found.embedding)
    torch.testing.assert_close(ours.encode(x).std, (0.5 * found.log_covariance).exp())


@pytest.mark.parametrize("kind", ["WAE_MMD_Config", "VAE_IAF_Config"])
def test_models_without_a_normal_posterior_are_used_without_their_encoder(kind, tmp_path):
    assert not load_pythae(folder=draw_pythae(tmp_path / "vae", kind), output=GRAY).encodes


def test_the_prior_is_what_the_kind_was_trained_with_or_has_to_be_said(tmp_path):
    assert "sphere" in load_pythae(folder=draw_pythae(tmp_path / "s", "SVAEConfig"), output=GRAY).prior.text
    folder = draw_pythae(tmp_path / "ae", "AEConfig")
    assert "prior: {samples: latents.npy}" in refusal(load_pythae, folder=folder, output=GRAY)
    np.save(tmp_path / "z.npy", np.random.default_rng(0).normal(size=(50, 4)) * 3 + 1)
    model = load_pythae(folder=folder, output=GRAY, prior={"samples": tmp_path / "z.npy"})
    check_model(model)


def test_pickled_networks_of_pythae_are_refused_with_what_to_do(tmp_path):
    target = tmp_path / "created"
    folder = draw_pythae(tmp_path / "vae", uses_default_decoder=False)
    (folder / "decoder.pkl").write_bytes(pickle.dumps(Payload(target)))
    message = refusal(load_pythae, folder=folder, output=GRAY)
    assert "decoder.pkl is a pickled network" in message
    assert "models.export" in message
    assert not target.exists()


def test_pickled_weights_of_pythae_are_refused_and_not_run(tmp_path):
    target = tmp_path / "created"
    folder = draw_pythae(tmp_path / "vae")
    torch.save({"model_state_dict": Payload(target)}, folder / "model.pt")
    assert "is refused" in refusal(load_pythae, folder=folder, output=GRAY)
    (folder / "model.pt").write_bytes(pickle.dumps(Payload(target)))
    assert "is refused" in refusal(load_pythae, folder=folder, output=GRAY)
    assert not target.exists()


def test_bad_pythae_folders_are_refused(tmp_path):
    assert "cannot be read" in refusal(load_pythae, folder=tmp_path / "none", output=GRAY)
    folder = draw_pythae(tmp_path / "vae")
    assert "latent: [16]" in refusal(load_pythae, folder=folder, output=GRAY, latent=[16])
    (folder / "model.pt").write_bytes((folder / "model.pt").read_bytes()[:5000])
    assert "truncated" in refusal(load_pythae, folder=folder, output=GRAY)
    draw_pythae(folder, latent_dim=6)
    assert "do not fit" in refusal(load_pythae, folder=folder, output=GRAY)
    draw_pythae(folder, "VQVAEConfig")
    assert "is a VQVAE of pythae" in refusal(load_pythae, folder=folder, output=GRAY)
    (folder / "model_config.json").write_text("{")
    assert "is not pythae's" in refusal(load_pythae, folder=folder, output=GRAY)


@pytest.mark.parametrize(("settings", "text"), WRONG_OUTPUTS)
def test_outputs_of_another_type_or_shape_are_refused(settings, text, tmp_path):
    assert text in refusal(load_pythae, folder=draw_pythae(tmp_path / "vae"), **{"output": GRAY, **settings})


@pytest.mark.parametrize("part", ["decoder.layers.0.0.weight", "encoder.embedding.bias", "encoder.log_var.bias"])
def test_weights_of_pythae_that_are_not_finite_are_refused(part, tmp_path):
    folder = draw_pythae(tmp_path / "vae")
    weights = torch.load(folder / "model.pt", weights_only=True)
    weights["model_state_dict"][part].view(-1)[0] = torch.nan
    torch.save(weights, folder / "model.pt")
    assert "not finite" in refusal(load_pythae, folder=folder, output=GRAY)


@pytest.fixture(scope="module")
def kl(tmp_path_factory):
    """A small AutoencoderKL of grey pictures, with drawn weights."""
    from lc_plugins.models.imports import mend_torchvision

    mend_torchvision()
    diffusers = pytest.importorskip("diffusers", reason="the extra diffusers is not installed")
    folder = tmp_path_factory.mktemp("diffusers") / "vae"
    torch.manual_seed(0)
    diffusers.AutoencoderKL(
        in_channels=1,
        out_channels=1,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8),
        layers_per_block=1,
        latent_channels=2,
        norm_num_groups=4,
        sample_size=8,
        scaling_factor=0.5,
    ).save_pretrained(folder)
    return folder


def test_an_auto_encoder_of_diffusers_works_with_latents_that_are_pictures(kl):
    model = load_diffusers(folder=kl, output=GRAY, values=(-2, 2))
    check_model(model)
    assert model.latent_shape == (2, 4, 4)
    assert model.encodes
    from diffusers import AutoencoderKL

    theirs, z = AutoencoderKL.from_pretrained(kl), torch.randn(3, 2, 4, 4)
    with torch.no_grad():
        wanted = (theirs.decode(z / 0.5).sample + 2) / 4
    np.testing.assert_allclose(decode_array(model, z), wanted.clamp(0, 1).numpy(), atol=1e-5)
    assert load_diffusers(folder=kl, output=GRAY, values=(-2, 2), latent=[2, 8, 8]).latent_shape == (2, 8, 8)
    assert "[2, h, w]" in refusal(load_diffusers, folder=kl, output=GRAY, latent=[4, 4, 4])


PLAIN = "diffusion_pytorch_model.safetensors"


def change_weights(kl, tmp_path, change):
    """A copy of the folder whose weights are what `change` makes of them."""
    folder = shutil.copytree(kl, tmp_path / "changed")
    weights = safetensors.torch.load_file(folder / PLAIN)
    safetensors.torch.save_file(change(weights), folder / PLAIN)
    return folder


def without(weights, name):
    return {key: one for key, one in weights.items() if key != name}


@pytest.mark.parametrize("name", ["decoder.conv_in.weight", "encoder.conv_in.bias", "post_quant_conv.weight"])
def test_a_missing_tensor_of_diffusers_is_named_and_diffusers_itself_says_nothing(name, kl, tmp_path):
    from diffusers.utils.logging import add_handler, remove_handler

    said = []
    listening = logging.Handler()
    listening.emit = said.append
    add_handler(listening)
    folder = change_weights(kl, tmp_path, lambda weights: without(weights, name))
    message = refusal(load_diffusers, folder=folder, output=GRAY)
    remove_handler(listening)
    assert "lack tensors" in message and name in message
    assert not said


def test_an_unexpected_tensor_of_diffusers_is_named(kl, tmp_path):
    folder = change_weights(kl, tmp_path, lambda weights: weights | {"extra.weight": torch.zeros(2)})
    assert "has no place for: extra.weight" in refusal(load_diffusers, folder=folder, output=GRAY)


@pytest.mark.parametrize(
    ("settings", "half"), [({"max_shard_size": "8KB"}, False), ({"variant": "fp16"}, True), ({}, True)]
)
def test_shards_and_variants_decode_as_the_plain_weights(settings, half, kl, tmp_path):
    from diffusers import AutoencoderKL

    theirs = AutoencoderKL.from_pretrained(kl)
    (theirs.half() if half else theirs).save_pretrained(tmp_path / "vae", **settings)
    model, plain = (load_diffusers(folder=one, output=GRAY) for one in (tmp_path / "vae", kl))
    z = torch.randn(3, 2, 4, 4)
    np.testing.assert_allclose(decode_array(model, z), decode_array(plain, z), atol=5e-3 if half else 0)
    assert ("variant fp16" in model.note) == ("variant" in settings)


def test_of_a_whole_pipeline_its_vae_is_meant(kl, tmp_path):
    shutil.copytree(kl, tmp_path / "vae")
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": "P", "unet": ["a", "b"], "vae": ["a", "b"]}))
    model = load_diffusers(folder=tmp_path, output=GRAY)
    assert model.digest == load_diffusers(folder=kl, output=GRAY).digest
    assert "from the folder vae of the pipeline" in model.note
    shutil.rmtree(tmp_path / "vae")
    assert "without a folder vae" in refusal(load_diffusers, folder=tmp_path, output=GRAY)


def test_parts_of_weights_from_elsewhere_are_refused(kl, tmp_path):
    folder = shutil.copytree(kl, tmp_path / "vae")
    (folder / PLAIN).unlink()
    index = {"weight_map": {"decoder.conv_in.weight": "../secrets.safetensors"}}
    (folder / f"{PLAIN}.index.json").write_text(json.dumps(index))
    assert "no safetensors file beside it" in refusal(load_diffusers, folder=folder, output=GRAY)


def configured(kl, tmp_path, **settings):
    folder = shutil.copytree(kl, tmp_path / "vae")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | settings))
    return folder


def test_means_and_stds_of_latents_count_as_in_the_pipelines_of_diffusers(kl, tmp_path):
    from diffusers import AutoencoderKL

    folder = configured(kl, tmp_path, latents_mean=[1.0, -2.0], latents_std=[2.0, 0.5])
    model = load_diffusers(folder=folder, output=GRAY, values=(-2, 2))
    check_model(model)
    theirs, z = AutoencoderKL.from_pretrained(folder), torch.randn(3, 2, 4, 4)
    mean, std = torch.tensor([1.0, -2.0]).view(1, 2, 1, 1), torch.tensor([2.0, 0.5]).view(1, 2, 1, 1)
    with torch.no_grad():
        wanted = (theirs.decode(z * std / 0.5 + mean).sample + 2) / 4
        posterior = theirs.encode(wanted.clamp(0, 1) * 4 - 2).latent_dist
    np.testing.assert_allclose(decode_array(model, z), wanted.clamp(0, 1).numpy(), atol=1e-5)
    torch.testing.assert_close(model.encode(wanted.clamp(0, 1)).mean, (posterior.mean - mean) * 0.5 / std)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"latents_mean": [1.0, 2.0]}, "has latents_mean alone"),
        ({"latents_mean": [1.0], "latents_std": [1.0, 1.0]}, "expected 2 numbers"),
        ({"latents_mean": [1.0, 1.0], "latents_std": [1.0, 0.0]}, "expected 2 numbers above 0"),
    ],
)
def test_means_and_stds_that_make_no_sense_are_refused(settings, text, kl, tmp_path):
    assert text in refusal(load_diffusers, folder=configured(kl, tmp_path, **settings), output=GRAY)


def test_pixels_of_diffusers_outside_their_range_are_clamped_and_that_is_told(kl, tmp_path):
    def louder(weights):
        return {key: one * 30 if key.startswith("decoder.conv_out") else one for key, one in weights.items()}

    model = load_diffusers(folder=change_weights(kl, tmp_path, louder), output=GRAY)
    outputs = decode_array(model, torch.randn(3, 2, 4, 4))
    assert outputs.min() == 0 and outputs.max() == 1
    assert "; what lies outside -1 to 1 is cut off: in 3 of 3 outputs, " in model.note_of(torch.randn(3, 2, 4, 4))


def test_bad_diffusers_folders_are_refused(tmp_path):
    folder = tmp_path / "vae"
    assert "cannot be read" in refusal(load_diffusers, folder=folder)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"_class_name": "UNet2DModel"}))
    assert "holds a UNet2DModel" in refusal(load_diffusers, folder=folder)
    (folder / "config.json").write_text(json.dumps({"_class_name": "AutoencoderKL"}))
    target = tmp_path / "created"
    torch.save(Payload(target), folder / "diffusion_pytorch_model.bin")
    assert "is refused" in refusal(load_diffusers, folder=folder)
    assert not target.exists()


def test_diffusers_weights_that_are_no_safetensors_are_refused(kl, tmp_path):
    target = tmp_path / "created"
    (tmp_path / "config.json").write_bytes((kl / "config.json").read_bytes())
    torch.save(Payload(target), tmp_path / "diffusion_pytorch_model.safetensors")
    assert "is not a safetensors file: it is a pickle" in refusal(load_diffusers, folder=tmp_path)
    data = (kl / "diffusion_pytorch_model.safetensors").read_bytes()
    (tmp_path / "diffusion_pytorch_model.safetensors").write_bytes(data[: len(data) // 2])
    assert "truncated" in refusal(load_diffusers, folder=tmp_path)
    assert not target.exists()


def test_a_folder_of_our_own_is_the_model_itself():
    model = load_folder(folder=SHIPPED, output=GRAY)
    assert model.digest == load_8x8().digest
    assert model.realism() is not None


def test_bad_folders_of_our_own_are_refused(tmp_path):
    assert "the spec says output: image.rgb/1" in refusal(load_folder, folder=SHIPPED, output="image.rgb/1")
    assert "one of them" in refusal(load_folder, output=GRAY)
    assert "holds no model" in refusal(load_folder, folder=tmp_path, output=GRAY)
    (tmp_path / "config.json").write_text('{"kind": "other/1"}')
    assert "of kind 'other/1'" in refusal(load_folder, folder=tmp_path, output=GRAY)
    target = tmp_path / "created"
    (tmp_path / "config.json").write_text('{"kind": "digit-vae/1"}')
    torch.save(Payload(target), tmp_path / "weights.safetensors")
    assert "damaged" in refusal(load_folder, folder=tmp_path, output=GRAY)
    assert not target.exists()


STRANGER = """
import lc_core


class Theirs(lc_core.LatentModel):
    name, latent_shape, output_type = "theirs", (2,), "theirs/1"

    def __init__(self, folder):
        self.scale = float((folder / "scale.txt").read_text())

    def decode(self, z):
        return self.scale * z


def load(*, folder: str):
    "Load."
    from pathlib import Path

    return Theirs(Path(folder))


@lc_core.hookimpl
def lc_register_models(register):
    register("theirs.model", load, output="theirs/1", folder_kind="theirs-vae/1")
"""


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """An installed plugin that registers a kind of folder of its own, and such a folder."""
    info = tmp_path / "site" / "lc_theirs-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lc-theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[latent_constraints]\ntheirs = lc_theirs\n")
    (tmp_path / "site" / "lc_theirs.py").write_text(STRANGER)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "lc_theirs", raising=False)
    folder = tmp_path / "theirs"
    folder.mkdir()
    (folder / "config.json").write_text('{"kind": "theirs-vae/1"}')
    return folder


def test_a_folder_of_a_kind_that_a_plugin_registers_is_loaded_by_that_plugin(stranger):
    (stranger / "scale.txt").write_text("3")
    model = load_folder(folder=stranger, output="theirs/1")
    assert (model.name, model.scale) == ("theirs", 3)
    assert "the spec says output: image.gray/1" in refusal(load_folder, folder=stranger, output=GRAY)


def test_a_plugin_that_cannot_load_its_folder_is_named(stranger):
    message = refusal(load_folder, folder=stranger, output="theirs/1")
    assert "model theirs.model (from lc-theirs) raised FileNotFoundError" in message


@pytest.mark.parametrize("kind", ["other/1", ["theirs-vae/1"], None])
def test_kinds_that_no_plugin_registers_are_refused_with_those_that_are_known(kind, stranger):
    (stranger / "config.json").write_text(json.dumps({"kind": kind}))
    with pytest.raises(LCError) as error:
        load_folder(folder=stranger, output="theirs/1")
    known = "avatar-vae/1, celeba-vae/1, digit-vae/1, melody-vae/1, theirs-vae/1"
    assert error.value.message == f"{stranger} is of kind {kind!r}; expected one of {known}"
    assert "install the plugin" in error.value.hint


@pytest.fixture
def mine(tmp_path):
    """A folder of one's own with the shipped digits."""
    return shutil.copytree(SHIPPED, tmp_path / "mine")


def put(folder, data):
    """Write weights with the hash in `config.json` that belongs to them, as someone who made them so would."""
    config = json.loads((folder / "config.json").read_text())
    config["weights_sha256"] = hashlib.sha256(data).hexdigest()
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "weights.safetensors").write_bytes(data)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
@pytest.mark.parametrize("write", [put, lambda folder, data: (folder / "weights.safetensors").write_bytes(data)])
def test_truncated_weights_of_our_own_are_refused(write, share, mine):
    data = (mine / "weights.safetensors").read_bytes()
    write(mine, data[: int(share * len(data))])
    assert "damaged" in refusal(load_folder, folder=mine, output=GRAY)


def spoil(folder, part):
    """Put a NaN into the first of the weights whose name begins with `part`; return its name."""
    weights = safetensors.torch.load((folder / "weights.safetensors").read_bytes())
    name = next(name for name in weights if name.startswith(part))
    weights[name].view(-1)[0] = torch.nan
    put(folder, safetensors.torch.save(weights))
    return name


@pytest.mark.parametrize("part", ["vae.", "realism.", "sigma_bar"])
def test_weights_of_our_own_that_are_not_finite_are_refused(part, mine):
    name = spoil(mine, part)
    message = refusal(load_folder, folder=mine, output=GRAY)
    assert "damaged" in message
    assert f"{name} is not finite" in message


@pytest.mark.parametrize(
    ("shipped", "output"), [(FOLK_2BAR, "melody.tokens/1"), (AVATARS / "64-blurry", "image.rgb/1")]
)
def test_weights_of_melodies_and_avatars_that_are_not_finite_are_refused(shipped, output, tmp_path):
    """Of NaN, melodies would be whole numbers as any: the likeliest token of none is the first."""
    folder = shutil.copytree(shipped, tmp_path / "mine")
    assert f"{spoil(folder, 'vae.')} is not finite" in refusal(load_folder, folder=folder, output=output)


def stand_in(download):
    """A module in place of `huggingface_hub`, which need not be installed."""
    module = ModuleType("huggingface_hub")
    module.snapshot_download = download
    return module


def test_a_model_of_the_hub_is_downloaded(monkeypatch):
    asked = {}

    def download(name, **settings):
        asked.update(settings, name=name)
        return str(SHIPPED)

    monkeypatch.setitem(sys.modules, "huggingface_hub", stand_in(download))
    assert load_folder(hub="somebody/digits", revision="abc", output=GRAY).digest == load_8x8().digest
    assert asked == {
        "name": "somebody/digits",
        "revision": "abc",
        "allow_patterns": ["config.json", "weights.safetensors"],
    }
    load_folder(hub="somebody/digits", output=GRAY)
    assert asked["revision"] is None  # the main branch


def test_a_download_that_fails_is_told_with_its_reason(monkeypatch):
    def download(name, **settings):
        raise ConnectionError("no route to the hub")

    monkeypatch.setitem(sys.modules, "huggingface_hub", stand_in(download))
    message = refusal(load_folder, hub="somebody/digits", output=GRAY)
    assert "somebody/digits cannot be downloaded: ConnectionError: no route to the hub" in message


def test_what_was_downloaded_is_checked_as_a_folder_is(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "huggingface_hub", stand_in(lambda name, **settings: str(tmp_path)))
    assert "holds no model" in refusal(load_folder, hub="somebody/digits", output=GRAY)


def test_without_the_package_of_the_hub_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(LCError, match="needs huggingface-hub, which is not installed") as error:
        load_folder(hub="somebody/digits", output=GRAY)
    assert error.value.hint == 'pip install "latent-constraints[hub]"'
