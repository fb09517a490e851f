"""The verifier: what it says of pictures that were drawn for the test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch.nn.modules.module import register_module_forward_pre_hook

from lc_core.constraints.measurement import Measurement
from lc_core.errors import LCError
from lc_core.testing import check_constraint
from lc_plugins.avatars.attributes import HIDES, NAMES, visible
from lc_plugins.avatars.classifier import AttributeClassifier
from lc_plugins.avatars.dataset import Avatars
from lc_plugins.avatars.scores import score_attributes, summary
from lc_plugins.avatars.verifier import SHIPPED, WEIGHTS_SHA256, Attribute, attribute, probabilities
from lc_plugins.images.read import read_image
from lc_plugins.images.render import Png


def test_the_names_in_its_settings_are_those_of_the_attributes() -> None:
    assert get_args(Attribute) == NAMES


def test_its_source_says_which_weights_it_uses() -> None:
    assert json.loads((SHIPPED / "config.json").read_text())["weights_sha256"] == WEIGHTS_SHA256


def test_it_tells_what_drawn_avatars_have(avatars: Avatars, pictures: np.ndarray) -> None:
    said = probabilities(pictures)
    assert said.shape == (len(pictures), 30)
    assert said.dtype == np.float64
    seen = visible(avatars.held)
    assert ((said >= 0.5) == avatars.held)[seen].mean() > 0.99
    assert summary(score_attributes(said, avatars.held))["accuracy"] > 0.99


@pytest.mark.parametrize("name", ["hat", "winking"])
def test_it_keeps_the_contract_of_measurements(name: str, pictures: np.ndarray) -> None:
    check_constraint(attribute, pictures[:6], {"name": name})


def test_what_is_absent_is_the_complement(pictures: np.ndarray) -> None:
    there = attribute(pictures, name="beard")
    np.testing.assert_array_equal(attribute(pictures, name="beard", present=False), 1 - there)


def test_nothing_hidden_is_seen(avatars: Avatars, pictures: np.ndarray) -> None:
    said = probabilities(pictures)
    for name, hidden in HIDES.items():
        rows = avatars.held[:, NAMES.index(name)]
        assert rows.any()
        assert (said[rows][:, [NAMES.index(other) for other in hidden]] < 0.5).all()


@pytest.fixture
def passes() -> Iterator[list[str]]:
    """What classifiers are asked from here on, one for each pass."""
    found: list[str] = []
    hook = register_module_forward_pre_hook(
        lambda module, _: found.append("pass") if isinstance(module, AttributeClassifier) else None
    )
    yield found
    hook.remove()


def test_all_attributes_of_a_batch_cost_one_pass(pictures: np.ndarray, passes: list[str]) -> None:
    batch = pictures[:20] * np.float32(0.99)
    for name in NAMES:
        Measurement(attribute, {"name": name})(batch)
    assert len(passes) == 1
    changed = batch.copy()
    changed[7, 0, 5, 5] = 1
    attribute(changed, name="hat")
    assert len(passes) == 2


def test_what_it_returns_can_be_changed_without_harm(pictures: np.ndarray) -> None:
    first = probabilities(pictures)
    first[:] = 7
    assert probabilities(pictures).max() <= 1


def test_a_picture_has_the_same_value_in_any_batch(pictures: np.ndarray) -> None:
    whole = probabilities(pictures)
    alone = np.concatenate([probabilities(pictures[index : index + 1]) for index in (0, 17, 41)])
    np.testing.assert_array_equal(whole[[0, 17, 41]], alone)


def test_a_png_of_a_picture_has_the_same_values(tmp_path: Path) -> None:
    smooth = torch.rand((4, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    batch = torch.nn.functional.interpolate(smooth, size=(64, 64), mode="bilinear").numpy()
    for number, one in enumerate(batch):
        Png().write(one, tmp_path / f"{number}.png")
    back = np.concatenate([read_image(tmp_path / f"{number}.png") for number in range(len(batch))])
    assert not np.array_equal(back, batch)
    np.testing.assert_array_equal(probabilities(back), probabilities(batch))


def test_no_pictures_have_no_values() -> None:
    assert probabilities(np.zeros((0, 3, 64, 64), dtype=np.float32)).shape == (0, 30)


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 3, 32, 32), np.float32), np.zeros((2, 3, 64, 64), np.uint8), np.full((2, 3, 64, 64), 2.0)]
)
def test_other_pictures_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(LCError, match=r"avatars.attribute takes float images \(B, 3, 64, 64\)"):
        attribute(wrong, name="hat")
