"""The paper's network for CelebA, and its training on a folder of drawings."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from lc_core.cli import main
from lc_core.errors import LCError
from lc_core.testing import check_model
from lc_plugins.images.arrays import from_pixels
from lc_plugins.images.celeba import read_celeba
from lc_plugins.images.celeba_model import load_celeba
from lc_plugins.images.celeba_train import train
from lc_plugins.images.celeba_vae import CelebAVAE
from lc_plugins.models.vae_folder import load_folder

SMALL = {"steps": 2, "batch": 4, "width": 4, "latent_dim": 16, "realism_steps": 3}


def quiet(_: str) -> None:
    pass


def test_the_network_is_the_papers() -> None:
    with torch.device("meta"):
        net = CelebAVAE()
        x = torch.empty(2, 3, 64, 64)
        shapes = [tuple(x.shape)]
        for layer in net.encoder:
            x = layer(x)
            shapes.append(tuple(x.shape))
        mean, std = net.encode(torch.empty(2, 3, 64, 64))
        assert mean.shape == std.shape == (2, 1024)
        assert net.decode(mean).shape == (2, 3, 64, 64)
    assert shapes[1::2] == [(2, 256, 32, 32), (2, 512, 16, 16), (2, 1024, 8, 8), (2, 2048, 4, 4), (2, 16 * 2048)]
    assert round(sum(one.numel() for one in net.parameters()) / 1e6) == 154


def test_two_steps_on_a_folder_give_a_model_that_keeps_its_contract(celeba: Path, tmp_path: Path) -> None:
    train(tmp_path / "model", data=str(celeba), progress=quiet, **SMALL)
    model = load_celeba(folder=str(tmp_path / "model"))
    assert (model.name, model.output_type, model.latent_shape) == ("images.celeba", "image.rgb/1", (16,))
    check_model(model)
    assert load_folder(folder=tmp_path / "model", output="image.rgb/1").digest == model.digest
    pictures = from_pixels(read_celeba(celeba).pictures)
    posterior = model.encode(pictures)
    assert posterior.mean.shape == (8, 16)
    assert model.sigma_bar.shape == (16,)
    assert model.realism()(posterior.mean).shape == (8,)


def test_the_command_ends_with_lines_of_a_spec_that_samples(celeba: Path, tmp_path: Path) -> None:
    options = [f"--set={key}={value}" for key, value in SMALL.items()]
    result = CliRunner().invoke(main, ["train", "images.celeba", "--out", "faces", f"--set=data={celeba}", *options])
    assert result.exit_code == 0, result.output
    lines = result.stdout.split("\n\n", 1)[1]
    Path("faces.yaml").write_text(f"lc: 1\n{lines}sample: {{count: 2}}\nrender: [png]\n")
    result = CliRunner().invoke(main, ["sample", "faces.yaml", "--out", "run", "--quiet"])
    assert result.exit_code == 0, result.output
    assert len(list(Path("run/outputs").glob("*.png"))) == 2


def test_a_training_goes_on_only_with_the_same_settings(celeba: Path, tmp_path: Path) -> None:
    train(tmp_path / "model", data=str(celeba), progress=quiet, **SMALL)
    with pytest.raises(LCError, match="other settings"):
        train(tmp_path / "model", data=str(celeba), progress=quiet, **SMALL | {"seed": 3})


def test_a_folder_that_holds_no_photographs_is_told(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="list_attr_celeba.txt cannot be read"):
        train(tmp_path / "model", data=str(tmp_path), progress=quiet, **SMALL)


def test_a_model_needs_a_folder_that_was_trained(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="holds no model of CelebA: config.json cannot be read"):
        load_celeba(folder=str(tmp_path))
