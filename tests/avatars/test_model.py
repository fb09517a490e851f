"""The shipped avatar models."""

from __future__ import annotations

import json
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


@pytest.fixture(scope="module", params=[load_sharp, load_blurry], ids=["sharp", "blurry"])
def model(request: pytest.FixtureRequest) -> AvatarModel:
    loaded: AvatarModel = request.param()
    return loaded


@pytest.fixture(scope="module")
def sharp() -> AvatarModel:
    return load_sharp()


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


def test_the_sharp_models_card_tells_of_these_weights() -> None:
    figures = json.loads((SHIPPED / "64" / "figures.json").read_text())
    assert figures["two-sample AUC"]["refined"] < figures["two-sample AUC"]["prior"]
    assert figures["weights_sha256"] == json.loads((SHIPPED / "64" / "config.json").read_text())["weights_sha256"]
    assert figures["weights_sha256"] in (SHIPPED / "64" / "MODEL_CARD.md").read_text()


def test_what_is_shipped_is_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file()) <= 30 * 2**20
