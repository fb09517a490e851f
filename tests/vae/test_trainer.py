"""The loop that trains the shipped models, on a VAE of a few numbers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.errors import LCError
from lc_plugins.vae.loss import vae_loss
from lc_plugins.vae.trainer import Trainer

SETTINGS = {"steps": 12, "seed": 3, "lr": 1e-2, "batch": 8, "beta": 0.5}


class Tiny(nn.Module):
    """Four numbers from two."""

    latent_dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decode = nn.Linear(4, 4), nn.Linear(2, 4)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, raw = self.encoder(x).float().chunk(2, dim=-1)
        return mean, F.softplus(raw) + 1e-4


def trained(folder: Path, *, killed_at: int = 0, told: list[str] | None = None, **changes: Any) -> dict[str, Tensor]:
    """Train in a folder, killed in the middle of a step if one is given; return the averaged weights."""
    settings, steps = SETTINGS | changes, 0

    def batch(generator: torch.Generator) -> Tensor:
        nonlocal steps
        steps += 1
        if steps == killed_at:
            raise KeyboardInterrupt
        return torch.randn((settings["batch"], 4), generator=generator)

    loss = vae_loss(batch, lambda decoded, x: (decoded - x).square().sum(), beta=settings["beta"])
    trainer = Trainer(folder, Tiny, settings, loss, checkpoint_every=4)
    trainer.run([].append if told is None else told.append)
    weights: dict[str, Tensor] = trainer.average.state_dict()
    return weights


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    one, again = trained(tmp_path / "one"), trained(tmp_path / "again")
    assert same(one, again)
    assert not same(one, trained(tmp_path / "other", seed=4))


def test_the_global_seed_is_neither_used_nor_changed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    one, before = trained(tmp_path / "one"), torch.random.get_rng_state()
    torch.manual_seed(1)
    assert same(one, trained(tmp_path / "again"))
    torch.manual_seed(0)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("step", [1, 4, 5, 10, 12])
def test_a_killed_training_goes_on_to_the_same_weights(step: int, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "killed", killed_at=step)
    assert same(trained(tmp_path / "killed"), trained(tmp_path / "whole"))
    curves = [(tmp_path / name / "curves.json").read_text() for name in ("killed", "whole")]
    assert curves[0] == curves[1]


@pytest.mark.parametrize("name", ["curves.json", "checkpoint.pt"])
def test_a_training_killed_while_it_saves_the_last_step_goes_on_to_the_same_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced, written = os.replace, []

    def killed(source: Path, target: Path) -> None:
        written.append(Path(target).name)
        if written.count(name) == 3:  # a checkpoint every 4 of 12 steps
            raise KeyboardInterrupt
        replaced(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", killed)
        trained(tmp_path / "killed")
    assert same(trained(tmp_path / "killed"), trained(tmp_path / "whole"))
    curves = [(tmp_path / where / "curves.json").read_text() for where in ("killed", "whole")]
    assert curves[0] == curves[1]


def test_more_steps_prolong_a_finished_training(tmp_path: Path) -> None:
    trained(tmp_path)
    told: list[str] = []
    trained(tmp_path, steps=14, told=told)
    assert [line.partition(":")[0] for line in told] == ["step 13/14", "step 14/14"]


@pytest.mark.parametrize("changed", [{"steps": 11}, {"seed": 4}, {"batch": 4}, {"beta": 0.25}, {"lr": 1e-4}])
def test_other_settings_are_refused(changed: dict[str, float], tmp_path: Path) -> None:
    trained(tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(LCError, match="other settings") as caught:
        trained(tmp_path, **changed)
    assert "another folder" in str(caught.value.hint)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"text" * 99])
def test_a_damaged_checkpoint_is_refused_with_what_to_do(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    trained(tmp_path)
    checkpoint = tmp_path / "checkpoint.pt"
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    with pytest.raises(LCError, match="checkpoint.pt cannot be read") as caught:
        trained(tmp_path)
    assert "delete it" in str(caught.value.hint)


def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(3)}, tmp_path / "checkpoint.pt")
    with pytest.raises(LCError, match="checkpoint.pt cannot be read"):
        trained(tmp_path)
