"""A sampler's folder: what is refused, and why."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lc_core import LatentModel, Measurement, SettingsCode, measurement
from lc_core.errors import LCError
from lc_core.sampler import Amortised, Sampler, find_sampler, read_sampler
from tests.core.sampler.conftest import Doubled, Gauss, total, value

ALL = (Measurement(value), Measurement(total))


@pytest.fixture
def folder(amortised: Amortised, tmp_path: Path) -> Path:
    """A copy of the folder, to be damaged."""
    return Path(shutil.copytree(amortised.folder, tmp_path / "copy"))


def change(**changes: object) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    return apply


def drop(key: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        del config[key]
        (folder / "config.json").write_text(json.dumps(config))

    return apply


def cut(name: str) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return apply


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (change(kind="latent-constraints actor"), "is of kind 'latent-constraints actor'"),
        (change(format=3), "has format 3.*reads formats up to 2"),
        (change(format=1), "has format 1, of an earlier lc"),
        (change(predictor={"width": 3}), "is damaged"),
        (change(rules=[]), "is damaged"),
        (drop("rules"), "is damaged: config.json lacks rules"),
        (cut("config.json"), "is damaged: config.json"),
        (cut("weights.safetensors"), "is damaged: weights.safetensors is not the file"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "weights.safetensors cannot be read"),
        (lambda folder: (folder / "config.json").unlink(), "holds no sampler"),
    ],
)
def test_a_damaged_folder_is_refused(folder: Path, damage: Callable[[Path], None], told: str) -> None:
    damage(folder)
    with pytest.raises(LCError, match=told):
        read_sampler(folder, Gauss(), ALL)


def test_a_sampler_of_another_model_is_refused(folder: Path) -> None:
    with pytest.raises(LCError, match="was trained for another model, gauss: expected gauss with digest"):
        read_sampler(folder, Doubled(), ALL)


@measurement(accepts="toy/1", unit="", range=(-np.inf, np.inf))
def mean(outputs: np.ndarray) -> np.ndarray:
    """Return what `total` would after a change of its source."""
    return outputs.mean(axis=1)


@measurement(
    accepts="toy/1", unit="", range=(-np.inf, np.inf), code=SettingsCode(1, lambda one: [one["at"]], lambda _: {})
)
def retold(outputs: np.ndarray, *, at: int = 0) -> np.ndarray:
    """Return what `value` does, with settings that are told by one number."""
    return outputs[:, at]


def test_a_rule_that_measures_something_else_now_is_refused(folder: Path) -> None:
    with pytest.raises(LCError, match="total measures something else than when the sampler in .* was trained"):
        read_sampler(folder, Gauss(), [Measurement(mean, name="total")])


def test_a_rule_that_is_not_asked_for_may_have_changed(folder: Path) -> None:
    assert read_sampler(folder, Gauss(), [Measurement(value)]).rules.rules[0].function is value


def test_a_rule_whose_settings_are_told_otherwise_now_is_refused(folder: Path) -> None:
    with pytest.raises(LCError, match="value tells its settings by 1 numbers?; the sampler in .* learned 4"):
        read_sampler(folder, Gauss(), [Measurement(retold, name="value")])


class Shipping(Gauss):
    """A model that comes with a sampler."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def sampler(self) -> Path:
        return self.folder


def test_the_users_own_sampler_goes_before_the_one_that_comes_with_a_model(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    model: LatentModel = Shipping(folder)
    assert find_sampler(Gauss()) is None
    assert Sampler().unfit(Gauss(), [], 0.0) == "there is none for gauss; lc amortise trains one"
    assert find_sampler(model) == folder
    own = tmp_path / "cache" / f"sampler-{model.digest[:24]}"
    shutil.copytree(folder, own)
    assert find_sampler(model) == own
    (own / "config.json").unlink()
    assert find_sampler(model) == folder, "a training that is not done is no sampler"


def test_without_a_cache_folder_there_is_the_sampler_that_comes_with_a_model(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_CACHE_DIR", " ")
    assert find_sampler(Gauss()) is None
    assert find_sampler(Shipping(folder)) == folder


def test_a_folder_that_cannot_serve_a_model_is_told_before_anything_is_drawn(folder: Path, tmp_path: Path) -> None:
    assert "of another model" in str(Sampler(folder=str(folder)).unfit(Doubled(), [], 0.0))
    assert "holds no sampler" in str(Sampler(folder=str(tmp_path / "nothing")).unfit(Gauss(), [], 0.0))
    assert Sampler(folder=str(folder)).unfit(Gauss(), [], 0.0) is None
