"""Actors as folders: written by `lc fit --out`, loaded in Python and by a spec; what does not fit is refused."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import lc_core
from lc_core.errors import LCError

PLUGIN = '''\
import numpy as np
from typing import Literal
from lc_core import LatentModel, hookimpl, measurement

class Flat(LatentModel):
    name, latent_shape, output_type, block = "flat", (4,), "flat/1", 100

    def __init__(self, scale):
        self.scale = scale

    def decode(self, z):
        return z * self.scale

def load(*, scale: float = 1.0):
    """Decodes a latent to itself, scaled."""
    return Flat(scale)

@measurement(accepts="flat/1", unit="", range=(-np.inf, np.inf), at_least=1)
def along(outputs: np.ndarray, *, axis: Literal["x", "y", "z", "w"] = "x") -> np.ndarray:
    """Return one coordinate."""
    return outputs[:, "xyzw".index(axis)].astype(float)

@measurement(accepts="flat/1", unit="", range=(-np.inf, np.inf), at_least=0.5)
def mean(outputs: np.ndarray) -> np.ndarray:
    """Return the mean."""
    return outputs.mean(axis=1).astype(float)

@hookimpl
def lc_register_models(register):
    register("flat.model", load, output="flat/1")

@hookimpl
def lc_register_constraints(register):
    register("flat.along", along)
    register("flat.mean", mean)
'''
SPEC = """\
lc: 1
name: free-axis
model: flat.model
constraints:
  - {use: flat.along, at_least: 0.5, free: {axis: all, at_least: [0, 1]}}
engine: {use: actor, params: {hidden: 64, distance: 0.02}}
sample: {count: 20, seed: 3}
fit: {seed: 5}
"""
SMALL = {
    "prior_samples": 2_048,
    "push_samples": 512,
    "steps": 100,
    "rounds": 4,
    "hidden": 32,
    "round_samples": 64,
    "round_steps": 40,
}


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    return tmp_path_factory.mktemp("actors")


@pytest.fixture
def write(install_plugin, shelf, tmp_path, monkeypatch):
    """Install the plugin; write a spec, its constraint changed."""
    install_plugin("lc-flat", PLUGIN)
    monkeypatch.setenv("LC_CACHE_DIR", str(shelf / "cache"))

    def write(**changes):
        tree = yaml.safe_load(SPEC)
        tree["fit"] |= SMALL
        tree["constraints"][0] |= changes.pop("constraint", {})
        path = tmp_path / "spec.yaml"
        path.write_text(yaml.safe_dump(tree | changes))
        return path

    return write


@pytest.fixture
def folder(write, shelf, tmp_path):
    """A copy of an actor's folder; it is fitted once."""
    if not (shelf / "actor").exists():
        lc_core.save_actor(lc_core.load_spec(write()), shelf / "actor")
    return shutil.copytree(shelf / "actor", tmp_path / "actor")


def edit(folder, **changes):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_three_lines_of_python_sample_and_decode(folder):
    actor = lc_core.load_actor(folder)
    z = actor.sample(64, seed=0, axis="y", at_least=0.5)
    x = actor.decode(z)
    assert z.shape == (64, 4)
    assert (x[:, 1] >= 0.5).mean() > 0.7  # of prior samples 31 % are
    assert actor.free == {"axis": ("x", "y", "z", "w"), "at_least": (0.0, 1.0)}
    assert torch.equal(actor.sample(7, axis="y", at_least=0.5), z[:7])
    assert not torch.equal(actor.sample(64, seed=1, axis="y", at_least=0.5), z)
    assert (actor.decode(actor.sample(64, axis="w", at_least=0.5))[:, 3] >= 0.5).mean() > 0.7


def test_the_folder_says_what_the_actor_is_and_its_measured_figures(folder):
    config, card = json.loads((folder / "config.json").read_text()), (folder / "MODEL_CARD.md").read_text()
    assert config["model"]["use"] == "flat.model"
    assert config["fit"]["seed"] == 5
    assert config["free"] == [
        {"label": "along", "params": {"axis": ["x", "y", "z", "w"]}, "bounds": {"at_least": [0, 1]}}
    ]
    assert config["engine"]["hidden"] == 64
    figures = config["figures"]
    assert figures["satisfied"] > 0.7
    assert 0.2 < figures["prior"] < 0.45
    assert figures["distinct"] > 0.99
    assert [one["value"] for one in figures["free"][:4]] == ["x", "y", "z", "w"]
    assert sum(one["tries"] for one in figures["free"][:4]) == figures["tries"]
    assert f"{figures['satisfied']:.2%} | {figures['prior']:.2%}" in card
    loaded = yaml.safe_load(re.search(r"```yaml\n(.*?)```", card, re.DOTALL)[1])
    assert loaded["constraints"][0]["free"]["at_least"] == [0, 1]


def test_the_cards_snippet_runs(folder, monkeypatch):
    code = re.search(r"```python\n(.*?)```", (folder / "MODEL_CARD.md").read_text(), re.DOTALL)[1]
    names = {}
    exec(code.replace("this/folder", str(folder)), names)
    assert len(names["x"]) == 64


def test_a_spec_uses_the_folder_without_a_fit_and_samples_the_same(folder, write, tmp_path, monkeypatch):
    spec = lc_core.load_spec(write(engine={"use": "actor", "params": {"folder": str(folder)}}))
    own = lc_core.sample(lc_core.load_spec(write()))
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "empty"))
    result = lc_core.sample(spec)
    assert not list((tmp_path / "empty").glob("*"))
    np.testing.assert_array_equal(result.latents, own.latents)
    assert result.report["fit"]["figures"]["satisfied"] > 0.7
    tries = lc_core.load_actor(folder).sample(1024, seed=3, axis="x", at_least=0.5)
    np.testing.assert_array_equal(tries.numpy()[result.index], result.latents)


def test_lc_fit_writes_the_folder_and_lc_sample_takes_it(folder, write, lc, tmp_path):
    told = lc("fit", write(), "--out", tmp_path / "mine")
    assert told.exit_code == 0, told.output
    assert ".lc", "MODEL_CARD.md" in told.stdout
    assert {one.name for one in (tmp_path / "mine").iterdir()} == {
        "config.json",
        "weights.safetensors",
        ".lc",
        "MODEL_CARD.md",
    }
    again = lc("fit", write(), "--out", tmp_path / "mine")
    assert again.exit_code == 0, again.output
    use = f"engine={{use: actor, params: {{folder: {tmp_path / 'mine'}}}}}"
    assert lc("sample", write(), "--set", use, "--out", tmp_path / "run", "--quiet").exit_code == 0
    assert json.loads((tmp_path / "run/report.json").read_text())["delivered"] == 20
    assert "fitted already" in lc("fit", write(), "--set", use).stdout
    shutil.copy(folder / "config.json", tmp_path / "mine/config.json")  # other weights in that folder are another run
    edit(tmp_path / "mine", weights_sha256="0" * 64)
    refused = lc("sample", write(), "--set", use, "--out", tmp_path / "run", "--quiet")
    assert refused.exit_code == 2
    assert "holds another run, which differs in engine" in refused.stderr


def test_only_an_actor_can_be_written_and_only_into_a_folder_of_its_own(write, lc, tmp_path):
    told = lc("fit", write(), "--engine", "gradient", "--out", tmp_path / "mine")
    assert told.exit_code == 2
    assert "engine gradient has no weights" in told.stderr
    (tmp_path / "full").mkdir()
    (tmp_path / "full/notes.txt").write_text("mine")
    told = lc("fit", write(), "--out", tmp_path / "full")
    assert told.exit_code == 2
    assert "no list of lc's own files" in told.stderr


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"axes": "x", "at_least": 0.5}, "'axes' is free in this actor .did you mean axis?"),
        ({"colour": 1}, "free: axis, at_least"),
        ({"axis": "x"}, "at_least must be given: at_least: a number from 0 to 1"),
        ({"at_least": 0.5}, "axis must be given: axis: x, y, z, w"),
        ({"axis": "X", "at_least": 0.5}, "axis 'X' is not among .*did you mean x?"),
        ({"axis": 7, "at_least": 0.5}, "axis 7 is not among .*values: x, y, z, w"),
        ({"axis": "x", "at_least": 2}, "at_least must be a number from 0 to 1; found 2"),
        ({"axis": "x", "at_least": "much"}, "at_least must be a number from 0 to 1; found 'much'"),
    ],
)
def test_free_values_that_cannot_be_are_refused(asked, words, folder):
    with pytest.raises(LCError, match=words.replace("(", r"\(").replace("?", r"\?")):
        lc_core.load_actor(folder).sample(4, **asked)


def swap_weights(folder):
    """Put weights there that are whole and announced, but not of this network."""
    import hashlib

    save_file({"other": torch.zeros(3)}, folder / "weights.safetensors")
    edit(folder, weights_sha256=hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest())


def change_a_weight(folder):
    path = folder / "weights.safetensors"
    tensors = load_file(path)
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, path)


def cut(folder):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:1_000])


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (cut, "weights.safetensors is not the file that config.json was written with"),
        (change_a_weight, "weights.safetensors is not the file"),
        (swap_weights, "the weights do not fit config.json"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "weights.safetensors cannot be read"),
        (lambda folder: (folder / "config.json").unlink(), "holds no actor: config.json cannot be read"),
        (lambda folder: (folder / "config.json").write_text("{"), "is damaged: config.json"),
        (lambda folder: (folder / "config.json").write_text("{}"), "is of kind None"),
        (lambda folder: edit(folder, format=2, lc="9.9"), "has format 2, of lc 9.9; this lc reads formats up to 1"),
        (lambda folder: shutil.rmtree(folder), "holds no actor"),
    ],
)
def test_a_folder_that_is_damaged_or_newer_is_refused(harm, words, folder, write):
    harm(folder)
    with pytest.raises(LCError, match=words):
        lc_core.load_actor(folder)
    with pytest.raises(LCError, match=words):
        lc_core.sample(lc_core.load_spec(write(engine={"use": "actor", "params": {"folder": str(folder)}})))


def test_another_model_is_refused_in_python(folder):
    with pytest.raises(LCError, match="was fitted for the model flat with digest .*; this is flat with digest"):
        lc_core.load_actor(folder, model=lc_core.load_model("flat.model", scale=2.0))


FREE = {"axis": ["x", "y", "z", "w"], "at_least": [0, 1]}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model": {"use": "flat.model", "params": {"scale": 2.0}}}, "was fitted for the model flat with digest"),
        ({"constraint": {"free": {"axis": ["x", "y"]}}}, "other free values: axis of along in .*; this asks for axis"),
        ({"constraint": {"free": FREE | {"at_least": [0, 2]}}}, "other free values"),
        ({"constraint": {"use": "flat.mean", "free": {"at_least": [0, 1]}}}, "other free values"),
        ({"constraints": [{"use": "flat.mean"}]}, "this asks for nothing free"),
        ({"constraint": {"params": {"axis": "w"}, "at_least": 0.9, "weight": 2, "require": False}}, None),
    ],
)
def test_a_spec_that_asks_for_something_else_is_refused(changes, words, folder, write):
    spec = lc_core.load_spec(write(engine={"use": "actor", "params": {"folder": str(folder)}}, **changes))
    if words is None:
        assert len(lc_core.sample(spec)) == 20
        return
    with pytest.raises(LCError, match=words):
        lc_core.sample(spec)


def test_other_constraints_beside_the_free_ones_are_refused(folder, write):
    engine = {"use": "actor", "params": {"folder": str(folder)}}
    along = yaml.safe_load(SPEC)["constraints"][0]
    spec = lc_core.load_spec(write(engine=engine, constraints=[along, {"use": "flat.mean"}]))
    with pytest.raises(LCError, match="was fitted for other constraints"):
        lc_core.sample(spec)


def test_a_rule_that_was_edited_since_is_told(folder, write):
    edit(folder, sources={"along": ["other"] * 4})
    lines = []
    spec = lc_core.load_spec(write(engine={"use": "actor", "params": {"folder": str(folder)}}))
    result = lc_core.sample(spec, progress=lines.append)
    assert "the source of flat.along has changed since the actor was fitted" in lines[0]
    assert lines[0] in result.report["fit"]["notes"]


def test_settings_beside_a_folder_are_refused(folder, write, lc):
    told = lc("sample", write(engine={"use": "actor", "params": {"folder": str(folder), "hidden": 64}}))
    assert told.exit_code == 2
    assert "an actor from a folder has its own hidden" in told.stderr


def test_a_folder_is_shown_in_full_and_comes_back(folder, write, tmp_path):
    spec = lc_core.load_spec(write(engine={"use": "actor", "params": {"folder": str(folder), "block": 64}}))
    path = Path(tmp_path, "shown.yaml")
    path.write_text(spec.to_yaml())
    assert lc_core.load_spec(path) == spec
