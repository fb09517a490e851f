"""What is said of folders that hold no trained VAE, or a damaged one, whatever the domain."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from lc_core.errors import LCError
from lc_plugins.avatars.model import SHIPPED as AVATARS
from lc_plugins.avatars.model import AvatarModel
from lc_plugins.digits.model import SHIPPED as DIGITS
from lc_plugins.digits.model import DigitModel
from lc_plugins.melody.model import SHIPPED as MELODY
from lc_plugins.melody.model import MelodyModel
from lc_plugins.vae.model import VAEModel

FILES = ("config.json", "weights.safetensors")
MODELS: dict[str, tuple[type[VAEModel], Path]] = {
    "digit model": (DigitModel, DIGITS),
    "melody model": (MelodyModel, MELODY),
    "avatar model": (AvatarModel, AVATARS / "64"),
}


@pytest.fixture(params=MODELS)
def what(request: pytest.FixtureRequest) -> str:
    """What a model is called."""
    return str(request.param)


@pytest.fixture
def load(what: str) -> type[VAEModel]:
    """The class that loads it."""
    return MODELS[what][0]


@pytest.fixture
def copied(what: str, tmp_path: Path) -> Path:
    """A folder of one's own with the shipped model."""
    for name in FILES:
        shutil.copy(MODELS[what][1] / name, tmp_path / name)
    return tmp_path


def change(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str, what: str, load: type[VAEModel], copied: Path) -> None:
    (copied / name).unlink()
    with pytest.raises(LCError, match=f"{copied} holds no {what}: {name} cannot be read") as caught:
        load(copied)
    assert caught.value.hint == "give a folder that lc train wrote"


def test_a_folder_that_is_not_there_is_named(what: str, load: type[VAEModel], tmp_path: Path) -> None:
    with pytest.raises(LCError, match=f"nowhere holds no {what}"):
        load(tmp_path / "nowhere")


def one_bit(data: bytes) -> bytes:
    return data[:-100] + bytes([data[-100] ^ 1]) + data[-99:]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:1], lambda data: data[:9], lambda data: data[:-1], lambda data: data + b"x", one_bit]
)
def test_damaged_weights_are_found(
    damage: Callable[[bytes], bytes], what: str, load: type[VAEModel], copied: Path
) -> None:
    weights = copied / "weights.safetensors"
    weights.write_bytes(damage(weights.read_bytes()))
    with pytest.raises(LCError, match=f"the {what} in {copied} is damaged: weights.safetensors is not") as caught:
        load(copied)
    assert caught.value.hint == "install or train it again"


@pytest.mark.parametrize("text", ["{", "[]", '"text"'])
def test_a_damaged_configuration_is_found(text: str, load: type[VAEModel], copied: Path) -> None:
    (copied / "config.json").write_text(text)
    with pytest.raises(LCError, match="is damaged: config.json"):
        load(copied)


def test_a_configuration_without_the_hash_of_the_weights_is_refused(load: type[VAEModel], copied: Path) -> None:
    (copied / "config.json").write_text(json.dumps({"kind": load.kind}))
    with pytest.raises(LCError, match="is damaged: weights.safetensors is not the file"):
        load(copied)


@pytest.mark.parametrize("changed", [{"latent_dim": 16}, {"depth": 3}])
def test_weights_that_do_not_fit_the_configuration_are_found(
    changed: dict[str, int], load: type[VAEModel], copied: Path
) -> None:
    network = json.loads((copied / "config.json").read_text())["network"]
    change(copied, network=network | changed)
    with pytest.raises(LCError, match="the weights do not fit config.json"):
        load(copied)


def test_a_model_of_another_kind_is_refused(load: type[VAEModel], copied: Path) -> None:
    change(copied, kind="other-vae/1")
    with pytest.raises(LCError, match=f"is of kind 'other-vae/1'; expected '{load.kind}'"):
        load(copied)


def test_loading_leaves_the_global_seed_as_it_is(load: type[VAEModel], copied: Path) -> None:
    before = torch.random.get_rng_state()
    load(copied)
    assert torch.equal(torch.random.get_rng_state(), before)
