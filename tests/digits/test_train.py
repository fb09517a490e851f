"""The recipes of digits, with a few steps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lc_core.cli import main
from lc_core.common.seeds import block_generator
from lc_core.critics import calibration_error
from lc_core.errors import LCError
from lc_plugins.digits import train_classifiers
from lc_plugins.digits.classifier import load_classifier
from lc_plugins.digits.data import read_digits
from lc_plugins.digits.judge import JUDGE
from lc_plugins.digits.measurements import VERIFIER
from lc_plugins.digits.model import SHIPPED, DigitModel, load_8x8
from lc_plugins.digits.train import train

pytest.importorskip("sklearn")

SETTINGS = {"steps": 260, "batch": 16, "seed": 3, "realism_steps": 4}


def quiet(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train(folder, progress=quiet, **SETTINGS)
    return folder


def test_the_digits_are_those_of_scikit_learn() -> None:
    digits = read_digits("train")
    assert digits.pictures.shape == (1500, 1, 8, 8)
    assert digits.pictures.min() == 0 and digits.pictures.max() == 1
    assert np.array_equal(digits.pictures * 16, np.round(digits.pictures * 16))
    assert set(digits.shown) == set(range(10))
    with pytest.raises(LCError, match="parts test, train, verifier, judge; found 'valid'"):
        read_digits("valid")


def test_training_writes_a_model_that_loads(trained: Path) -> None:
    model = DigitModel(trained)
    assert model.name == "digits.8x8"
    assert model.encode(read_digits("test").pictures).mean.shape == (297, 10)
    assert model.sigma_bar.shape == (10,)
    card = (trained / "MODEL_CARD.md").read_text()
    assert "lc train digits.8x8 --seed 3 --steps 260" in card
    assert json.loads((trained / "config.json").read_text())["weights_sha256"] in card


def test_the_same_seed_gives_the_same_files_and_another_seed_others(trained: Path, tmp_path: Path) -> None:
    train(tmp_path / "again", progress=quiet, **SETTINGS)
    train(tmp_path / "other", progress=quiet, **SETTINGS | {"seed": 4})
    for name in ("weights.safetensors", "config.json"):
        first, again, other = (
            (folder / name).read_bytes() for folder in (trained, tmp_path / "again", tmp_path / "other")
        )
        assert first == again != other


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training that was stopped at step 250; must not be changed."""

    def interrupt(line: str) -> None:
        if line.startswith("step 250"):
            raise KeyboardInterrupt

    folder = tmp_path_factory.mktemp("killed")
    with pytest.raises(KeyboardInterrupt):
        train(folder, progress=interrupt, **SETTINGS)
    return folder


def test_a_killed_training_goes_on_to_the_same_weights(trained: Path, killed: Path, tmp_path: Path) -> None:
    shutil.copytree(killed, tmp_path / "here")
    train(tmp_path / "here", progress=quiet, **SETTINGS)
    assert (tmp_path / "here/weights.safetensors").read_bytes() == (trained / "weights.safetensors").read_bytes()


def test_of_two_trainings_at_once_in_one_folder_the_second_is_refused(tmp_path: Path) -> None:
    arguments = ["train", "digits.8x8", "--steps", "1000000", "--out", str(tmp_path / "here")]
    command = [sys.executable, "-m", "lc_core", *arguments]
    other = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert other.stderr is not None
        assert other.stderr.readline().startswith("step 1/")
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2
        assert f"error: another lc is writing to {tmp_path / 'here'}" in result.stderr
        assert other.poll() is None
    finally:
        other.kill()
        other.communicate()


def test_a_training_without_its_list_of_files_is_left_as_it_is(killed: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(killed, tmp_path / "here", ignore=shutil.ignore_patterns(".lc"))
    before = {one.name: one.read_bytes() for one in copied.iterdir()}
    result = CliRunner().invoke(main, ["train", "digits.8x8", "--out", "here"])
    assert result.exit_code == 2
    assert "checkpoint.pt" in result.stderr and "no list of lc's own files" in result.stderr
    assert {one.name: one.read_bytes() for one in copied.iterdir()} == before


def test_other_settings_are_refused(trained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained, tmp_path / "copied")
    with pytest.raises(LCError, match="other settings"):
        train(folder, progress=quiet, **SETTINGS | {"sigma_x": 1.0})


def test_both_classifiers_are_trained_and_measured(tmp_path: Path) -> None:
    train_classifiers.train(tmp_path, steps=100, progress=quiet)
    for part in ("verifier", "judge"):
        config = json.loads((tmp_path / part / "config.json").read_text())
        classifier = load_classifier(tmp_path / part, config["weights_sha256"])
        test = read_digits("test")
        right = classifier.probabilities(test.pictures).argmax(axis=1) == test.shown
        assert config["held_out"]["accuracy"] == pytest.approx(right.mean())
        assert right.mean() > 0.8
    assert (tmp_path / "verifier/weights.safetensors").read_bytes() != (
        tmp_path / "judge/weights.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("folder", [VERIFIER, JUDGE])
def test_a_shipped_classifier_is_right_and_calibrated_on_held_out_pictures(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    test = read_digits("test")
    probabilities = load_classifier(folder, config["weights_sha256"]).probabilities(test.pictures)
    right = probabilities.argmax(axis=1) == test.shown
    assert right.mean() >= 0.95
    assert calibration_error(probabilities.max(axis=1), right) == config["held_out"]["ece"] < 0.03


def test_realism_prefers_held_out_pictures_to_prior_samples() -> None:
    model = DigitModel(SHIPPED)
    critic = model.realism()
    encoded = critic(model.encode(read_digits("test").pictures).mean)
    prior = critic(model.sample_prior(500, block_generator(0, 0)))
    assert encoded.quantile(0.25) > prior.quantile(0.75)


def test_the_shipped_figures_are_those_of_the_shipped_files() -> None:
    from lc_plugins.digits.card import figures

    kept = json.loads((SHIPPED / "figures.json").read_text())
    found = figures(DigitModel(SHIPPED))
    for name in ("accuracy", "accuracy rebuilt", "error", "KL nats", "realism AUC"):
        assert found[name] == pytest.approx(kept[name], abs=0.01), name
    for kind, one in found["samples"].items():
        assert one["judge sure"] == pytest.approx(kept["samples"][kind]["judge sure"], abs=0.01), kind


def test_digits_that_no_training_saw_can_be_compared_with():
    data = load_8x8().held_out()
    assert data.shape == (297, 1, 8, 8) and 0 <= data.min() < data.max() <= 1
