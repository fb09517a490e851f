"""The shipped avatar models, and what is said of folders that hold none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lc_core.common.seeds import block_generator
from lc_core.errors import LCError
from lc_core.testing import check_model
from lc_plugins.avatars.card import model_card
from lc_plugins.avatars.model import FLOW, SHIPPED, AvatarModel, load_blurry, load_sharp
from lc_plugins.images.read import read_image
from lc_plugins.images.render import Png

FILES = ("config.json", "weights.safetensors")


@pytest.fixture(scope="module", params=[load_sharp, load_blurry], ids=["sharp", "blurry"])
def model(request: pytest.FixtureRequest) -> AvatarModel:
    loaded: AvatarModel = request.param()
    return loaded


@pytest.fixture(scope="module")
def sharp() -> AvatarModel:
    return load_sharp()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a folder of one's own with the shipped model."""
    for name in FILES:
        shutil.copy(SHIPPED / "64" / name, tmp_path / name)
    return tmp_path


def test_a_shipped_model_keeps_the_contract(model: AvatarModel) -> None:
    check_model(model)


def test_the_shipped_models_say_what_they_are() -> None:
    sharp, blurry = load_sharp(), load_blurry()
    assert (sharp.name, blurry.name) == ("avatars.64", "avatars.64-blurry")
    assert (sharp.sigma_x, blurry.sigma_x) == (0.1, 1.0)
    for model in (sharp, blurry):
        assert model.output_type == "image.rgb/1"
        assert model.latent_shape == (64,)
        assert model.sigma_bar.shape == (64,)
        assert ((model.sigma_bar > 0) & (model.sigma_bar < 1.1)).all()
    assert sharp.digest != blurry.digest
    assert sharp.digest == load_sharp(folder=str(SHIPPED / "64")).digest


@pytest.mark.parametrize("name", ["64", "64-blurry"])
def test_a_shipped_card_is_what_its_figures_say_and_claims_no_flow_that_is_not_there(name: str) -> None:
    folder = SHIPPED / name
    card = (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert card == model_card(json.loads((folder / "figures.json").read_text(encoding="utf-8")))
    has_flow = (folder / FLOW).exists()
    assert has_flow == ("steps of the flow" in card) == (FLOW in card)
    assert has_flow != ("--set flow_steps=0" in card)


def test_decoded_prior_samples_are_pictures(model: AvatarModel) -> None:
    decoded = model.decode(model.sample_prior(20, block_generator(0, 0)))
    assert decoded.shape == (20, 3, 64, 64)
    assert decoded.dtype == torch.float32
    assert decoded.min() >= 0
    assert decoded.max() <= 1


def test_a_gradient_comes_through_decode(model: AvatarModel) -> None:
    assert model.differentiable is True
    z = model.sample_prior(3, block_generator(0, 0)).requires_grad_()
    (gradient,) = torch.autograd.grad(model.decode(z).square().sum(), z)
    assert (gradient.norm(dim=1) > 0).all()


def test_an_avatar_comes_back_from_its_encoding(pictures: np.ndarray, sharp: AvatarModel) -> None:
    posterior = sharp.encode(pictures)
    assert posterior.mean.shape == posterior.std.shape == (len(pictures), 64)
    again = sharp.decode(posterior.mean).numpy()
    errors = np.sqrt(np.square(again - pictures).mean(axis=(1, 2, 3)))
    others = np.sqrt(np.square(again - np.roll(pictures, 1, axis=0)).mean(axis=(1, 2, 3)))
    assert errors.max() < 0.1
    assert errors.mean() < 0.03 < others.min()


def test_a_file_is_read_and_encoded(tmp_path: Path, pictures: np.ndarray, sharp: AvatarModel) -> None:
    Png().write(pictures[0], tmp_path / "face.png")
    back = read_image(tmp_path / "face.png")
    np.testing.assert_array_equal(back[0], pictures[0])
    torch.testing.assert_close(sharp.encode(back).mean, sharp.encode(pictures[:1]).mean)


@pytest.mark.parametrize("wrong", [np.zeros((2, 3, 32, 32), np.float32), np.zeros((2, 64, 64, 3), np.float32)])
def test_pictures_of_another_size_are_refused(wrong: np.ndarray, sharp: AvatarModel) -> None:
    with pytest.raises(LCError, match=r"avatars.64 takes float images \(B, 3, 64, 64\) in \[0, 1\]; found shape"):
        sharp.encode(wrong)


def test_bytes_are_refused(sharp: AvatarModel) -> None:
    with pytest.raises(LCError, match="found torch.uint8") as caught:
        sharp.encode(np.zeros((2, 3, 64, 64), np.uint8))
    assert caught.value.hint == "divide bytes by 255"


def test_realism_prefers_encoded_pictures_to_prior_samples(pictures: np.ndarray, model: AvatarModel) -> None:
    posterior = model.encode(pictures)
    encoded = posterior.mean + posterior.std * torch.randn(posterior.mean.shape, generator=block_generator(0, 1))
    prior = model.sample_prior(200, block_generator(0, 0))
    assert model.realism()(encoded).mean() > model.realism()(prior).mean()


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(name: str, copied: Path) -> None:
    (copied / name).unlink()
    with pytest.raises(LCError, match=f"holds no avatar model: {name} cannot be read"):
        AvatarModel(copied)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:9], lambda data: data[:-1], lambda data: data[:-9] + b"x" + data[-8:]]
)
def test_damaged_weights_are_found(damage: Callable[[bytes], bytes], copied: Path) -> None:
    weights = copied / "weights.safetensors"
    weights.write_bytes(damage(weights.read_bytes()))
    with pytest.raises(LCError, match="is damaged") as caught:
        AvatarModel(copied)
    assert caught.value.hint == "install or train it again"


@pytest.mark.parametrize("text", ["{", "[]", '{"kind": "avatar-vae/1"}'])
def test_a_damaged_configuration_is_found(text: str, copied: Path) -> None:
    (copied / "config.json").write_text(text)
    with pytest.raises(LCError, match="is damaged"):
        AvatarModel(copied)


@pytest.mark.parametrize("changed", [{"latent_dim": 32}, {"widths": [8, 8, 8]}, {"depth": 3}])
def test_weights_that_do_not_fit_the_configuration_are_found(changed: dict[str, object], copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    config["network"] |= changed
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(LCError, match="the weights do not fit config.json"):
        AvatarModel(copied)


def test_a_model_of_another_kind_is_refused(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"kind": "melody-vae/1"}))
    with pytest.raises(LCError, match="is of kind 'melody-vae/1'; expected 'avatar-vae/1'"):
        AvatarModel(copied)


def test_the_sharp_models_card_tells_of_these_weights() -> None:
    figures = json.loads((SHIPPED / "64" / "figures.json").read_text())
    assert figures["two-sample AUC"]["refined"] < figures["two-sample AUC"]["prior"]
    assert figures["weights_sha256"] == json.loads((SHIPPED / "64" / "config.json").read_text())["weights_sha256"]
    assert figures["weights_sha256"] in (SHIPPED / "64" / "MODEL_CARD.md").read_text()


def test_what_is_shipped_is_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) <= 30 * 2**20
