"""The training recipe on a handful of made-up tunes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from lc_plugins.melody.corpus import read_corpus
from lc_plugins.melody.evaluate import descriptors, distances
from lc_plugins.melody.model import MelodyModel
from lc_plugins.melody.train import train_on

SETTINGS = {"steps": 12, "seed": 3, "beta": 0.3, "window": 32, "batch": 16, "lr": 1e-3}
AFTER = {"realism_steps": 4, "ear_steps": 4}
SMALL = {"latent_dim": 8, "width": 32, "hidden": 32, "encoder_blocks": 1, "decoder_blocks": 1}


def tune(number: int) -> str:
    rng = np.random.default_rng(number)
    meter, length = ("2/4", 4) if number % 3 == 0 else ("4/4", 8)
    bars = ["".join(rng.choice(list("GABcdefg"), length)) for _ in range(8)]
    return f"X:{number}\nT:Made-up tune {number}\nM:{meter}\nL:1/8\nK:G\n{'|'.join(bars)}|\n"


@pytest.fixture(scope="module")
def tunes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of made-up tunes."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "miscFolk").mkdir()
    (folder / "miscFolk" / "tunes.abc").write_text("\n".join(tune(number) for number in range(60)))
    return folder


@pytest.fixture(scope="module")
def train(tunes: Path) -> Callable[..., None]:
    """Train a small network on made-up tunes."""

    def train(folder: Path, *, progress: Callable[[str], None] = lambda _: None, **changes: int) -> None:
        settings = SETTINGS | changes
        corpus = read_corpus(tunes, steps=settings["window"])
        train_on(corpus, folder, settings, AFTER, progress, architecture=SMALL, prior_samples=50)

    return train


@pytest.fixture(scope="module")
def finished(train: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    train(folder)
    return folder


@pytest.fixture
def trained(finished: Path, tmp_path: Path) -> Path:
    """Return a folder of one's own with a finished training."""
    return shutil.copytree(finished, tmp_path / "trained")


def test_training_writes_a_model_that_loads_and_decodes(trained: Path) -> None:
    model = MelodyModel(trained)
    assert model.name == "melody.folk-2bar"
    tokens = model.decode(model.sample_prior(5, torch.Generator().manual_seed(0)))
    assert tokens.shape == (5, 32)
    assert model.sigma_bar.shape == (8,)
    assert (model.sigma_bar > 0).all()
    assert model.realism()(torch.zeros(3, 8)).shape == (3,)


def test_the_length_of_a_melody_is_a_parameter(train: Callable[..., None], tmp_path: Path) -> None:
    train(tmp_path / "long", window=64)
    model = MelodyModel(tmp_path / "long")
    assert model.name == "melody.folk-4bar"
    assert model.decode(torch.zeros(1, 8)).shape == (1, 64)


def test_the_same_seed_gives_the_same_files_and_another_seed_others(
    train: Callable[..., None], trained: Path, tmp_path: Path
) -> None:
    train(tmp_path / "again")
    train(tmp_path / "other", seed=4)
    weights = [
        (folder / "weights.safetensors").read_bytes() for folder in (trained, tmp_path / "again", tmp_path / "other")
    ]
    assert weights[0] == weights[1] != weights[2]
    assert (trained / "config.json").read_bytes() == (tmp_path / "again" / "config.json").read_bytes()


def test_a_training_killed_while_it_is_measured_is_finished_by_the_same_command(
    train: Callable[..., None], trained: Path, tmp_path: Path
) -> None:
    def interrupted(line: str) -> None:
        if line.startswith("measuring"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "killed", progress=interrupted)
    train(tmp_path / "killed")
    assert (tmp_path / "killed" / "MODEL_CARD.md").exists()
    assert (tmp_path / "killed" / "weights.safetensors").read_bytes() == (trained / "weights.safetensors").read_bytes()


def test_a_finished_training_is_left_as_it_is(train: Callable[..., None], trained: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in trained.iterdir()}
    lines: list[str] = []
    train(trained, progress=lines.append)
    assert {path.name: path.stat().st_mtime_ns for path in trained.iterdir()} == before
    assert "is finished" in lines[-1]


def test_a_finished_training_with_damaged_weights_is_finished_again(train: Callable[..., None], trained: Path) -> None:
    weights = trained / "weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    train(trained)
    assert weights.read_bytes() == whole


def test_more_steps_prolong_a_finished_training_and_the_card_says_so(train: Callable[..., None], trained: Path) -> None:
    before = (trained / "weights.safetensors").read_bytes()
    lines: list[str] = []
    train(trained, progress=lines.append, steps=14)
    assert not any("step 12/14" in line for line in lines)
    assert any("step 14/14" in line for line in lines)
    assert (trained / "weights.safetensors").read_bytes() != before
    card = (trained / "MODEL_CARD.md").read_text()
    first = "--seed 3 --steps 12 --set batch=16 --set realism_steps=4 --set ear_steps=4"
    assert f"{first}\nlc train melody.folk-2bar --seed 3 --steps 14" in card


def test_the_card_says_how_the_model_was_made(trained: Path) -> None:
    card = (trained / "MODEL_CARD.md").read_text()
    assert "lc train melody.folk-2bar --seed 3 --steps 12 --set batch=16 --set realism_steps=4" in card
    assert "license: mit" in card
    assert "printed collections" in card
    assert "music21" in card
    assert json.loads((trained / "config.json").read_text())["weights_sha256"] in card
    for row in ("held-out windows", "posterior samples", "prior samples", "prior, refined by realism"):
        assert f"| {row} |" in card


def test_the_curves_are_a_picture(trained: Path) -> None:
    assert (trained / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_figures_are_measured_on_the_stored_weights(tunes: Path, trained: Path) -> None:
    figures = json.loads((trained / "figures.json").read_text())
    data = read_corpus(tunes)
    windows = data.windows[data.is_test]
    model = MelodyModel(trained)
    decoded = model.decode(model.encode(windows).mean).numpy()
    assert figures["reconstruction"]["token accuracy"] == pytest.approx((decoded == windows).mean())
    assert figures["reconstruction"]["exact"] == pytest.approx((decoded == windows).all(axis=1).mean())
    assert figures["corpus"]["held_out"] == len(windows)


def test_a_set_of_melodies_is_at_no_distance_from_itself_whatever_its_key(tunes: Path) -> None:
    windows = read_corpus(tunes).windows
    higher = np.where(windows < 128, windows + 5, windows)
    assert descriptors(higher) == pytest.approx(descriptors(windows))
    assert all(value == pytest.approx(0, abs=1e-12) for value in distances(higher, windows).values())


def test_distances_are_in_the_units_that_they_say() -> None:
    one = np.full((4, 32), 128)
    one[:, [0, 4]] = 60, 62
    other = one.copy()
    other[:, [0, 4]] = 60, 67
    other[:, 8] = 60
    found = distances(one, other)
    assert found["intervals (JS)"] == pytest.approx(1)
    assert found["onsets (W1)"] == pytest.approx(1)
    assert found["span (W1)"] == pytest.approx(5)
    assert found["mean leap (W1)"] == pytest.approx(5)
    assert found["first note (JS)"] == 0
