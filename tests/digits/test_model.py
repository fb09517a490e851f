"""The shipped model of digits and its two classifiers, without scikit-learn, and damaged files of a classifier."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lc_core.common.seeds import block_generator
from lc_core.errors import LCError
from lc_core.models.latent_model import decode_array
from lc_core.testing import check_constraint, check_model
from lc_plugins.digits.classifier import load_classifier
from lc_plugins.digits.judge import JUDGE, judged
from lc_plugins.digits.judge import SHA256 as JUDGE_SHA256
from lc_plugins.digits.measurements import SHA256, VERIFIER, digit
from lc_plugins.digits.model import SHIPPED, DigitModel, load_8x8
from lc_plugins.images.read import read_gray
from lc_plugins.images.render import Png

ONE = [
    "........",
    "...##...",
    "..###...",
    "...##...",
    "...##...",
    "...##...",
    "..####..",
    "........",
]
ZERO = [
    "........",
    "..####..",
    ".##..##.",
    ".#....#.",
    ".#....#.",
    ".##..##.",
    "..####..",
    "........",
]


def drawn(*pictures: list[str]) -> np.ndarray:
    """Return drawings as pictures `(B, 1, 8, 8)`."""
    return np.array([[[[mark == "#" for mark in row] for row in one]] for one in pictures], dtype=np.float32)


@pytest.fixture(scope="module")
def model() -> DigitModel:
    return load_8x8()


@pytest.fixture(scope="module")
def prior(model: DigitModel) -> np.ndarray:
    return decode_array(model, model.sample_prior(300, block_generator(0, 0)))


def test_the_shipped_model_keeps_its_contract(model: DigitModel) -> None:
    check_model(model)
    assert (model.name, model.output_type, model.latent_shape) == ("digits.8x8", "image.gray/1", (10,))
    assert model.differentiable
    assert model.digest == load_8x8(folder=str(SHIPPED)).digest


def test_decoded_prior_samples_are_pictures(prior: np.ndarray) -> None:
    assert prior.shape == (300, 1, 8, 8)
    assert prior.dtype == np.float32
    assert prior.min() >= 0 and 0.9 < prior.max() <= 1


def test_a_picture_comes_back_from_its_encoding(model: DigitModel, prior: np.ndarray) -> None:
    rebuilt = decode_array(model, model.encode(prior).mean)
    assert np.abs(rebuilt - prior).mean() < 0.05


@pytest.mark.parametrize("pictures", [np.zeros((2, 3, 8, 8)), np.zeros((2, 1, 28, 28)), np.full((2, 1, 8, 8), 16.0)])
def test_pictures_of_another_kind_are_refused(pictures: np.ndarray, model: DigitModel) -> None:
    with pytest.raises(LCError, match=r"digits.8x8 takes float images \(B, 1, 8, 8\) in \[0, 1\]; found"):
        model.encode(pictures)


def test_realism_alone_makes_pictures_that_the_judge_is_surer_of() -> None:
    samples = json.loads((SHIPPED / "figures.json").read_text())["samples"]
    assert samples["prior, refined by realism"]["judge sure"] > samples["prior samples"]["judge sure"] + 0.3


def test_drawings_are_told_apart(model: DigitModel) -> None:
    pictures = drawn(ONE, ZERO)
    assert digit(pictures, digit=1)[0] > 0.5 > digit(pictures, digit=1)[1]
    assert digit(pictures, digit=0)[1] > 0.5 > digit(pictures, digit=0)[0]
    assert judged(pictures).argmax(axis=1).tolist() == [1, 0]


def test_the_measurement_keeps_its_contract(prior: np.ndarray) -> None:
    check_constraint(digit, prior, {"digit": 4})


def test_the_probabilities_of_all_digits_add_up_to_one(prior: np.ndarray) -> None:
    total = sum(digit(prior, digit=number) for number in range(10))
    np.testing.assert_allclose(total, 1)
    np.testing.assert_allclose(judged(prior).sum(axis=1), 1)


def test_a_file_has_the_value_of_the_picture_that_it_was_written_from(prior: np.ndarray, tmp_path: Path) -> None:
    renderer = Png(scale=3)
    for picture in prior[:10]:
        renderer.write(picture, tmp_path / "one.png")
        assert digit(read_gray(tmp_path / "one.png"), digit=3) == digit(picture[None], digit=3)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(LCError, match=r"takes pictures \(B, 1, 8, 8\); found shape \(2, 1, 28, 28\)"):
        digit(np.zeros((2, 1, 28, 28)), digit=3)


@pytest.mark.parametrize(("folder", "sha256"), [(VERIFIER, SHA256), (JUDGE, JUDGE_SHA256)])
def test_a_classifier_that_is_missing_or_changed_is_told(folder: Path, sha256: str, tmp_path: Path) -> None:
    assert json.loads((folder / "config.json").read_text())["weights_sha256"] == sha256
    with pytest.raises(LCError, match="cannot be read"):
        load_classifier(tmp_path, sha256)
    data = (folder / "weights.safetensors").read_bytes()
    (tmp_path / "weights.safetensors").write_bytes(data[:-1])
    with pytest.raises(LCError, match="is not the file that this version came with"):
        load_classifier(tmp_path, sha256)


def test_the_shipped_model_is_as_good_as_its_card_says() -> None:
    figures = json.loads((SHIPPED / "figures.json").read_text())
    assert figures["accuracy"] >= 0.95
    assert figures["accuracy rebuilt"] >= figures["accuracy"] - 0.03
    card = (SHIPPED / "MODEL_CARD.md").read_text()
    assert json.loads((SHIPPED / "config.json").read_text())["weights_sha256"] in card


def test_what_is_shipped_is_small() -> None:
    sizes = {path: path.stat().st_size for path in SHIPPED.parent.rglob("*") if path.is_file()}
    sampler = sum(size for path, size in sizes.items() if "sampler" in path.parts)
    assert sampler < 6 * 10**6
    assert sum(sizes.values()) - sampler < 2**20


def test_the_gradient_through_decode_reaches_the_latent(model: DigitModel) -> None:
    z = model.sample_prior(3, block_generator(0, 0)).requires_grad_()
    (slope,) = torch.autograd.grad(model.decode(z).sum(), z)
    assert (slope.norm(dim=1) > 0).all()
