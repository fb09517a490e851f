"""The recipes, for a few steps on a few drawn avatars."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lc_plugins.avatars import train as recipe
from lc_plugins.avatars import train_classifiers
from lc_plugins.avatars.classifier import AttributeClassifier, classify
from lc_plugins.avatars.dataset import Avatars
from lc_plugins.avatars.model import AvatarModel
from lc_plugins.avatars.train_classifiers import HALVES, calibrate, degrade, fit
from lc_plugins.avatars.weights import load_classifier
from lc_plugins.images.arrays import from_pixels

SETTINGS = {
    **{name: one.default for name, one in inspect.signature(recipe.train).parameters.items() if name != "progress"},
    **{"steps": 2, "batch": 4, "sigma_x": 1.0, "latent_dim": 8, "realism_steps": 3},
}
del SETTINGS["folder"]
LITTLE = {"count": 12, "two_sample_steps": 2}


@pytest.fixture
def few(avatars: Avatars) -> Callable[..., Avatars]:
    """Return sixty avatars, whichever part is asked for."""
    return lambda part, **_: avatars


def test_a_model_is_trained_into_a_folder_and_finished_once(few: Callable[..., Avatars], tmp_path: Path) -> None:
    said: list[str] = []
    settings = SETTINGS | {"flow_steps": 3}
    recipe.train_on(few, tmp_path, settings, said.append, **LITTLE)
    model = AvatarModel(tmp_path)
    assert model.name == "avatars.64-blurry"
    assert model.latent_shape == (8,)
    card = (tmp_path / "MODEL_CARD.md").read_text()
    assert "lc train avatars.64 --seed 0 --steps 2 --set sigma_x=1.0 --set latent_dim=8 --set batch=4" in card
    assert "free for personal and commercial use" in card
    assert "| winking |" in card
    for name in ("reconstructions", "prior", "refined", "posterior"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    before = (tmp_path / "weights.safetensors").stat().st_mtime_ns
    recipe.train_on(few, tmp_path, settings, said.append, **LITTLE)
    assert (tmp_path / "weights.safetensors").stat().st_mtime_ns == before
    assert said[-1].endswith("is finished")


def test_without_steps_of_a_flow_none_is_written_nor_claimed(few: Callable[..., Avatars], tmp_path: Path) -> None:
    for flow_steps in (3, 0):  # the second time in a folder that has one
        recipe.train_on(few, tmp_path, SETTINGS | {"flow_steps": flow_steps}, lambda _: None, **LITTLE)
        card = " ".join((tmp_path / "MODEL_CARD.md").read_text().split())
        assert (AvatarModel(tmp_path).flow() is not None) == (flow_steps > 0)
        assert ("flow.safetensors" in card) == ("steps of the flow" in card) == (flow_steps > 0)
    assert "--set flow_steps=0" in card
    assert "refined by realism alone (40 steps of the gradient engine)" in card
    assert not (tmp_path / "flow.safetensors").exists()


@pytest.mark.parametrize("role", ["verifier", "judge"])
def test_a_classifier_is_trained_into_a_folder(
    role: str, few: Callable[..., Avatars], avatars: Avatars, tmp_path: Path
) -> None:
    rows = {"verifier": (0, 30), "judge": (30, 60)}[role]
    train_classifiers.train_on(few, tmp_path, role, rows, steps=2, seed=1, progress=lambda _: None)
    said = classify(load_classifier(tmp_path), from_pixels(avatars.pictures))
    assert said.shape == (60, 30)
    assert ((said >= 0) & (said <= 1)).all()
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert set(figures["summary"]) == {"accuracy", "macro-F1", "weighted F1"}
    assert f"lc train avatars.{role} --seed" in (tmp_path / "MODEL_CARD.md").read_text()


def test_the_halves_of_the_training_pictures_do_not_overlap() -> None:
    (first, last), (second, end) = HALVES.values()
    assert (first, last, end) == (0, second, 40_000)


def test_a_classifier_is_the_same_for_the_same_seed(avatars: Avatars) -> None:
    one, same, other = (fit(avatars, steps=2, seed=seed, batch=4).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(value, same[name]) for name, value in one.items())
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_half_of_a_batch_is_made_worse_and_stays_a_picture(avatars: Avatars) -> None:
    x = torch.from_numpy(from_pixels(avatars.pictures[:8]))
    worse = degrade(x.clone(), torch.Generator().manual_seed(0))
    assert torch.equal(worse[4:], x[4:])
    assert all(not torch.equal(a, b) for a, b in zip(worse[:4], x[:4], strict=True))
    assert (worse[:4] - x[:4]).square().mean().sqrt() < 0.15
    assert worse.min() >= 0
    assert worse.max() <= 1


def test_calibration_mends_logits_that_are_too_large(avatars: Avatars) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = AttributeClassifier().eval()
    net.head.weight.data *= 400  # confident, and of nothing
    calibrate(net, avatars, np.arange(60), seed=0)
    assert (net.log_temperature.exp() > 4).float().mean() > 0.8
