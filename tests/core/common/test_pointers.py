"""A Git LFS pointer, a pipe, an empty file or a web page in place of a file that is read is named as what it is."""

from __future__ import annotations

import json
import os
import shutil
import socket
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from lc_core.actors.folder import read_actor
from lc_core.cli import main
from lc_core.common.pointers import refuse_special, refuse_stand_in
from lc_core.errors import LCError
from lc_plugins.avatars.model import SHIPPED as AVATARS
from lc_plugins.digits.model import SHIPPED as DIGITS
from lc_plugins.images.celeba import read_celeba
from lc_plugins.images.idx import read_idx
from lc_plugins.images.read import rgb_pixels
from lc_plugins.labels.label_set import read_label_set
from lc_plugins.melody.midi_events import read_song
from lc_plugins.melody.model import SHIPPED as MELODY
from lc_plugins.models.diffusers_folder import load_diffusers
from lc_plugins.models.export import load_export
from lc_plugins.models.onnx_file import load_onnx
from lc_plugins.models.priors import build_prior
from lc_plugins.models.pythae_folder import load_pythae
from lc_plugins.models.torchscript import load_torchscript
from lc_plugins.models.vae_folder import load_folder

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"
GRAY = "image.gray/1"


def named(load, *arguments, **settings):
    with pytest.raises(LCError, match="is a Git LFS pointer") as error:
        load(*arguments, **settings)
    assert "git lfs pull" in error.value.hint
    return error.value.message


@pytest.fixture
def file(tmp_path):
    def write(name):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(POINTER)
        return path

    return write


@pytest.mark.parametrize(("load", "name"), [(load_export, "m.pt2"), (load_onnx, "m.onnx"), (load_torchscript, "m.pt")])
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_model_of_one_file(load, name, file):
    if load is load_onnx:
        pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    more = {"latent": [4]} if load is load_torchscript else {}
    message = named(load, file=file(name), output=GRAY, **more)
    assert name in message and "12,345 bytes" in message


@pytest.mark.parametrize("name", ["model_config.json", "model.pt"])
def test_a_folder_of_pythae(name, file, tmp_path):
    config = {"name": "VAEConfig", "input_dim": [1, 8, 8], "latent_dim": 4}
    (tmp_path / "model_config.json").write_text(json.dumps(config))
    assert name in named(load_pythae, folder=file(name).parent, output=GRAY)


@pytest.mark.parametrize("name", ["config.json", "diffusion_pytorch_model.safetensors", "model_index.json"])
def test_a_folder_of_diffusers(name, file, tmp_path):
    if name.startswith("diffusion"):
        (tmp_path / "config.json").write_text(json.dumps({"_class_name": "AutoencoderKL"}))
    assert name in named(load_diffusers, folder=file(name).parent)


@pytest.mark.parametrize("name", ["config.json", "weights.safetensors"])
@pytest.mark.parametrize(
    ("shipped", "output"),
    [(DIGITS, GRAY), (MELODY, "melody.tokens/1"), (AVATARS / "64-blurry", "image.rgb/1")],
    ids=["digits", "melody", "avatars"],
)
def test_a_folder_of_lc_train(shipped, output, name, tmp_path):
    folder = shutil.copytree(shipped, tmp_path / "mine")
    (folder / name).write_bytes(POINTER)
    assert name in named(load_folder, folder=folder, output=output)


def test_a_part_of_a_model_that_is_read_later(tmp_path):
    folder = shutil.copytree(MELODY, tmp_path / "mine")
    (folder / "ear.safetensors").write_bytes(POINTER)
    assert "ear.safetensors" in named(lambda: load_folder(folder=folder, output="melody.tokens/1").realism_alone())


@pytest.mark.parametrize("name", ["z.npy", "z.safetensors"])
def test_latents_of_a_prior(name, file):
    assert name in named(build_prior, {"samples": file(name)})


def test_an_actor_and_a_label_set(file):
    named(read_actor, file("config.json").parent)
    named(read_label_set, file("my.safetensors"))


def test_weights_of_onnx_in_another_file(file, tmp_path):
    onnx = pytest.importorskip("onnx", reason="the extra onnx is not installed")
    numpy_helper, helper = onnx.numpy_helper, onnx.helper
    import numpy as np

    weight = numpy_helper.from_array(np.ones((4, 64), np.float32), "w")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["z", "w"], ["x"])],
        "g",
        [value("z", 1, ["batch", 4])],
        [value("x", 1, ["batch", 64])],
        [weight],
    )
    model = helper.make_model(graph)
    place = {"save_as_external_data": True, "location": "w.data", "size_threshold": 0}
    onnx.save_model(model, str(tmp_path / "m.onnx"), **place)
    file("w.data")
    assert "w.data" in named(load_onnx, file=tmp_path / "m.onnx", output="numbers/1")


@pytest.mark.parametrize("text", [POINTER.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + POINTER, POINTER[:60]])
def test_pointers_are_known_however_they_are_written(text):
    named(refuse_stand_in, text, "m.pt")


def test_a_file_that_only_speaks_of_git_lfs_is_no_pointer():
    refuse_stand_in(b"see https://git-lfs.github.com/spec/v1", "notes.txt")
    refuse_stand_in(POINTER + b" " * 2000, "long.txt")
    refuse_stand_in(b"a note on <html>", "notes.txt")


PAGE = b"\n<!DOCTYPE html>\n<html><title>Sign in</title></html>"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (PAGE, "is a web page"),
        (b"\xef\xbb\xbf<!-- a --> <html lang='en'>", "is a web page"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "is a web page"),
    ],
)
@pytest.mark.parametrize("name", ["config.json", "weights.safetensors"])
def test_an_empty_file_and_a_web_page_are_named_wherever_a_model_is_read(data, said, name, tmp_path):
    folder = shutil.copytree(DIGITS, tmp_path / "mine")
    (folder / name).write_bytes(data)
    with pytest.raises(LCError, match=f"{name} {said}") as error:
        load_folder(folder=folder, output=GRAY)
    assert "\n" not in error.value.message and "again" in error.value.hint


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("song.mid", ("score", "melody/c_major")),
        ("picture.png", ("score", "digits/seven")),
        ("picture.jpg", ("transform", "digits/seven", "--out", "run", "--input")),
        ("mine.yaml", ("validate",)),
        ("mine.yaml", ("inspect",)),
        ("labels.csv", ("label", "digits.8x8", "--data", ".", "--out", "set", "--labels")),
        ("my_rule.py", ("validate", "melody/c_major", "--plugin")),
    ],
)
def test_a_file_that_a_command_is_given(name, arguments, file, tmp_path):
    result = CliRunner().invoke(main, [*arguments, str(file(name))])
    assert result.exit_code == 2
    assert f"{name} is a Git LFS pointer" in result.stderr and "12,345 bytes" in result.stderr
    assert "git lfs pull" in result.stderr
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_a_spec_that_another_one_extends(file, tmp_path):
    (tmp_path / "mine.yaml").write_text(f"lc: 1\nextends: {file('base.yaml').name}\n")
    result = CliRunner().invoke(main, ["validate", "mine.yaml"])
    assert result.exit_code == 2
    assert "base.yaml is a Git LFS pointer" in result.stderr


@pytest.mark.parametrize("name", ["list_attr_celeba.txt", "img_align_celeba/000001.jpg"])
def test_a_data_set(name, file, tmp_path):
    pytest.importorskip("PIL")
    (tmp_path / "list_attr_celeba.txt").write_text("2\nSmiling\n000001.jpg 1\n000002.jpg -1\n")
    (tmp_path / "list_eval_partition.txt").write_text("000001.jpg 0\n000002.jpg 0\n")
    file("img_align_celeba/000002.jpg")
    file(name)
    assert name in named(read_celeba, tmp_path, attributes=["Smiling"])
    named(read_idx, file("train-images-idx3-ubyte"), dimensions=3)


def test_the_command_ends_with_status_2(file, tmp_path):
    settings = ("--set", f"file={file('m.pt2')}", "--set", f"output={GRAY}")
    result = CliRunner().invoke(main, ["inspect", "models.export", *settings])
    assert result.exit_code == 2
    assert "is a Git LFS pointer" in result.stderr


@pytest.mark.parametrize("kind", ["a pipe", "a socket", "a device"])
def test_what_is_no_regular_file_is_refused_before_it_is_opened(kind):
    path = "there" if kind != "a device" else os.devnull
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path)
    with pytest.raises(LCError, match=f"{path} is {kind}; expected a file"):
        refuse_special(path)


@pytest.mark.parametrize(
    "arguments",
    [
        ("score", "melody/c_major", "p.mid"),
        ("score", "digits/seven", "p.png"),
        ("validate", "p.yaml"),
        ("inspect", "p.yaml"),
        ("validate", "melody/c_major", "--plugin", "p.py"),
        ("label", "digits.8x8", "--data", ".", "--labels", "p.csv", "--out", "set"),
        ("inspect", "models.export", "--set", "file=p.pt2", "--set", "output=image.gray/1"),
    ],
)
def test_a_command_opens_no_pipe_that_is_given_as_a_file(lc, arguments):
    name = next(one.removeprefix("file=") for one in arguments if one.removeprefix("file=").startswith("p."))
    with socket.socket(socket.AF_UNIX) as made:  # not a pipe: to open one by mistake would never end
        made.bind(name)
    result = lc(*arguments)
    assert result.exit_code == 2
    assert f"{name} is a socket; expected a file" in result.stderr
    assert "save what comes out of it as a file" in result.stderr


def test_readers_of_python_open_no_pipe():
    for name, read in (("a.mid", read_song), ("a.png", rgb_pixels), ("a.idx", partial(read_idx, dimensions=3))):
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(name)
        with pytest.raises(LCError, match="is a socket"):
            read(Path(name))
