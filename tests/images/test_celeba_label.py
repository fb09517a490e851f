"""`lc label --dataset images.celeba`: a folder of CelebA's layout, labelled by its own lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from lc_core.cli import main
from lc_plugins.images.arrays import from_pixels
from lc_plugins.images.celeba import ATTRIBUTES, read_celeba
from lc_plugins.images.celeba_model import load_celeba
from lc_plugins.images.celeba_train import train
from lc_plugins.labels.label_set import read_label_set
from lc_plugins.labels.probe import ProbeSettings
from tests.images.conftest import draw_celeba

COUNT = 304  # 300 in the training part
SMALL = {"steps": 2, "batch": 4, "width": 4, "latent_dim": 16, "realism_steps": 3}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of drawings; those smile whose face is rather red. Must not be changed."""
    folder = draw_celeba(tmp_path_factory.mktemp("photographs") / "celeba", count=COUNT)
    path = folder / "list_attr_celeba.txt"
    lines = path.read_text().splitlines()
    at = lines[1].split().index("Smiling") + 1
    for number in range(COUNT):
        row = lines[2 + number].split()
        row[at] = "1" if 20 * number % 256 >= 128 else "-1"
        lines[2 + number] = " ".join(row)
    path.write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def model(photographs: Path, cache_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has hardly been trained, with its weights as they began: it tells colours apart all the same."""
    folder = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LC_CACHE_DIR", str(cache_folder))
        train(folder, data=str(photographs), progress=lambda _: None, **SMALL)
    return folder


@pytest.fixture
def label(photographs: Path, model: Path) -> Callable[..., Result]:
    """Label the folder."""
    options = ["label", "images.celeba", f"--set=model.folder={model}", "--dataset=images.celeba", "--out=faces.st"]

    def run(*more: str, data: Path = photographs) -> Result:
        return CliRunner().invoke(main, [*options, f"--data={data}", *more], obj=ProbeSettings(steps=150, hidden=64))

    return run


def test_the_papers_attributes_are_labelled_and_pictures_go_through_the_reader(
    label: Callable[..., Result], photographs: Path, model: Path
) -> None:
    result = label()
    assert result.exit_code == 0, result.output
    found, read = read_label_set(Path("faces.st")), read_celeba(photographs)
    assert found.names == ATTRIBUTES
    np.testing.assert_array_equal(found.held(), read.held)
    expected = load_celeba(folder=str(model)).encode(from_pixels(read.pictures)).mean.numpy()
    np.testing.assert_allclose(found.mean, expected, atol=1e-4)
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line}
    assert float(rows["Smiling"][-2]) > 0.95, "AUC on held-out rows"
    assert "{use: labels.attribute, params: {file: faces.st, name: Wearing_Hat}}" in result.stdout


def test_settings_of_the_reader_are_given_with_set(label: Callable[..., Result], photographs: Path) -> None:
    result = label("--set=data.attributes=[Smiling]", "--set=data.crop=100")
    assert result.exit_code == 0, result.output
    found = read_label_set(Path("faces.st"))
    assert found.names == ("Smiling",)
    assert found.source["kind"] == "dataset" and found.source["params"]["crop"] == 100


def test_a_spec_steers_by_an_attribute_of_the_set(label: Callable[..., Result], model: Path) -> None:
    assert label("--set=data.attributes=[Smiling]").exit_code == 0
    Path("faces.yaml").write_text(
        f"lc: 1\nmodel: {{use: images.celeba, params: {{folder: {model}}}}}\nengine: rejection\n"
        "constraints:\n  - {use: labels.attribute, params: {file: faces.st, name: Smiling}, at_least: 0.0001}\n"
        "sample: {count: 2}\nrender: [png]\n"
    )
    result = CliRunner().invoke(main, ["sample", "faces.yaml", "--out", "run", "--quiet"])
    assert result.exit_code == 0, result.output
    assert len(list(Path("run/outputs").glob("*.png"))) == 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set=data.part=eval"], "part: should be 'train', 'valid' or 'test'; found \"eval\""),
        (["--set=data.prt=valid"], "unknown key 'prt' (did you mean part?)"),
        (["--set=part=valid"], "expected model.part=valid or data.part=valid"),
        (["--set=0.part=valid"], "expected model or data before the dot; found '0'"),
        (["--set=data.attributes=[Smilling]"], "unknown attribute 'Smilling' (did you mean Smiling?)"),
        (["--set=data.part=valid", "--set=data.attributes=[]"], "returned 2 outputs and 0 names"),
        (["--dataset=images.celebs"], "unknown dataset 'images.celebs' (did you mean images.celeba?)"),
        (["--threshold=Smilin=1"], "--threshold Smilin: there is no column of that name (did you mean Smiling?)"),
        (["--data=nowhere"], "--data nowhere: there is no such folder"),
        (["--data=."], "list_attr_celeba.txt cannot be read"),
    ],
)
def test_what_will_not_do_is_told(label: Callable[..., Result], options: list[str], told: str) -> None:
    result = label(*options)
    assert result.exit_code == 2 and told in " ".join(result.stderr.split()), result.output
    assert not Path("faces.st").exists()


def test_a_part_with_too_few_of_a_class_is_told(label: Callable[..., Result], celeba: Path) -> None:
    result = label("--set=data.attributes=[Male]", data=celeba)
    assert result.exit_code == 2 and "30 of each are needed" in result.stderr, result.output
