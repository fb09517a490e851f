"""Training a sampler into a folder: which rules, what is refused, and how it goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import pytest
import torch
from pydantic import Field

from lc_core import Constraint, Measurement, SettingsCode, measurement
from lc_core.errors import LCError
from lc_core.plugins.registry import Distribution, Registered, Registry
from lc_core.sampler import Amortised, amortise, read_config
from lc_core.sampler.choose import choose_rules
from tests.core.sampler.conftest import TINY, Gauss, power, same, total, value

WIDE = (-np.inf, np.inf)
SHORT = replace(TINY, steps=3, warm=1, samples=256, compositions=16)


@measurement(accepts="toy/1", unit="", range=WIDE)
def noisy(outputs: np.ndarray) -> np.ndarray:
    """Return another value each time."""
    return outputs[:, 0] + np.random.default_rng().normal(size=len(outputs))


@measurement(accepts="toy/1", unit="", range=WIDE)
def ranked(outputs: np.ndarray) -> np.ndarray:
    """Return the distance from the mean of the batch."""
    return outputs[:, 0] - outputs[:, 0].mean()


@measurement(accepts="toy/1", unit="", range=WIDE)
def broken(outputs: np.ndarray) -> np.ndarray:
    """Raise."""
    raise ValueError("no such thing")


@measurement(accepts="toy/1", unit="", range=WIDE, code=SettingsCode(1, lambda _: [0.0], lambda _: {"at": 9}))
def careless(outputs: np.ndarray, *, at: Annotated[int, Field(ge=0, le=3)] = 0) -> np.ndarray:
    """Draw settings that are refused."""
    return outputs[:, min(at, 3)]


@measurement(accepts="other/1", unit="", range=WIDE)
def foreign(outputs: np.ndarray) -> np.ndarray:
    """Measure something else."""
    return outputs[:, 0]


EVERY = (value, total, power, same, noisy, ranked, broken, careless, foreign)
WHY = {
    "power": "has settings without bounds",
    "noisy": "is random: output 0 was",
    "ranked": "depends on what else is in a batch",
    "broken": "raised ValueError: no such thing",
    "careless": "draws settings that it refuses",
}


@pytest.fixture
def registry() -> Registry:
    """All rules of this file, registered."""
    found = tuple(Registered("constraint", f"toy.{one.__name__}", "lc-toy", "1", one) for one in EVERY)
    return Registry((Distribution("lc-toy", "1", found, 0.0),))


def test_by_default_every_rule_is_learned_that_can_be_and_the_others_are_named(
    registry: Registry, tmp_path: Path
) -> None:
    lines: list[str] = []
    found = amortise(Gauss(), settings=SHORT, out=tmp_path / "s", registry=registry, progress=lines.append)
    assert [one["name"] for one in found.config["rules"]] == ["toy.total", "toy.value"]
    left_out = found.config["left_out"]
    for name, reason in WHY.items():
        assert reason in left_out[f"toy.{name}"]
    assert left_out["toy.same"] == "toy.same is constant on 1,024 prior samples"
    assert "toy.foreign" not in left_out
    card = (found.folder / "MODEL_CARD.md").read_text()
    for reason in left_out.values():
        assert f"- {reason}" in card
        assert f"left out: {reason}" in lines


@pytest.mark.parametrize("name", WHY)
def test_a_rule_that_is_asked_for_by_name_and_cannot_be_learned_is_refused(registry: Registry, name: str) -> None:
    with pytest.raises(LCError, match=WHY[name]):
        choose_rules(Gauss(), registry, [f"toy.{name}"])


def test_a_rule_for_other_outputs_is_refused(registry: Registry) -> None:
    with pytest.raises(LCError, match="measures other/1, but gauss decodes to toy/1"):
        choose_rules(Gauss(), registry, ["toy.foreign"])


def test_only_constant_rules_are_nothing_to_learn(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(LCError, match="every rule is constant on prior samples of gauss"):
        amortise(Gauss(), rules=["toy.same"], settings=SHORT, out=tmp_path / "s", registry=registry)


def test_a_rule_with_unbounded_settings_is_learned_under_settings_that_are_given(registry: Registry) -> None:
    asked = Constraint(Measurement(power, {"exponent": 2.0}, name="toy.power"), at_least=1.0)
    found = choose_rules(Gauss(), registry, None, [asked])
    assert [one.label for one in found.rules] == ["toy.same", "toy.total", "toy.value", "toy.power (exponent 2.0)"]


def test_settings_that_a_rule_is_learned_under_anyway_are_not_learned_twice(registry: Registry) -> None:
    found = choose_rules(Gauss(), registry, None, [Measurement(value, {"at": 1}, name="toy.value")])
    assert [one.label for one in found.rules] == ["toy.same", "toy.total", "toy.value"]


def test_the_card_has_measured_figures(amortised: Amortised) -> None:
    figures = amortised.config["figures"]
    assert figures["tries"] == 16 and figures["compositions"] == 32
    assert {one["rule"] for one in figures["by_rule"]} == {"value", "total"}
    for one in figures["by_rate"]:
        low, high = one["rate"]
        assert low <= one["prior"] <= high and 0 <= one["satisfied"] <= 1
    assert sum(one["compositions"] for one in figures["by_rate"]) == 32
    best = figures["by_rule"][0]
    assert best["satisfied"] > best["prior"] + 0.1
    card = (amortised.folder / "MODEL_CARD.md").read_text()
    assert f"{best['satisfied']:.1%} | {best['prior']:.1%}" in card


def test_the_same_call_goes_on_from_a_checkpoint_and_ends_at_once_when_all_is_done(tmp_path: Path) -> None:
    lines: list[str] = []
    call = {"rules": [total], "out": tmp_path / "s", "registry": Registry(), "progress": lines.append}
    first = amortise(Gauss(), settings=SHORT, **call)
    before = (first.folder / "weights.safetensors").read_bytes()
    amortise(Gauss(), settings=SHORT, **call)
    assert "is trained already" in lines[-1]
    assert (first.folder / "weights.safetensors").read_bytes() == before
    more = amortise(Gauss(), settings=replace(SHORT, steps=5), **call)
    assert "going on from step 3" in lines
    assert more.config["training"]["steps_done"] == 5
    assert (first.folder / "weights.safetensors").read_bytes() != before


def test_a_training_of_other_rules_is_replaced_only_if_that_is_asked_for(tmp_path: Path) -> None:
    call = {"settings": SHORT, "out": tmp_path / "s", "registry": Registry()}
    amortise(Gauss(), rules=[total], **call)
    with pytest.raises(LCError, match=r"another sampler \(rules: total then, value now\)"):
        amortise(Gauss(), rules=[value], **call)
    amortise(Gauss(), rules=[value], restart=True, **call)
    assert [one["name"] for one in read_config(tmp_path / "s")["rules"]] == ["value"]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "poem.txt").write_text("mine")
    with pytest.raises(LCError, match=r"holds poem.txt, and no list of lc's own files"):
        amortise(Gauss(), rules=[total], settings=SHORT, out=tmp_path, registry=Registry())
    assert (tmp_path / "poem.txt").read_text() == "mine"


class Rounded(Gauss):
    """A decoder that returns bfloat16, as a network of another precision does."""

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z.bfloat16()


def test_a_model_that_decodes_in_another_precision_is_served(tmp_path: Path) -> None:
    amortise(Rounded(), rules=[total], settings=SHORT, out=tmp_path / "s", registry=Registry())


def stop_at(text: str) -> Callable[[str], None]:
    """Return a function for lines of progress that ends all at a certain one, as Ctrl-C does."""

    def progress(line: str) -> None:
        if text in line:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("text", ["prior samples", "step 3", "compositions"])
def test_what_was_stopped_is_taken_up_again_with_the_same_result(text: str, tmp_path: Path) -> None:
    call = {"rules": [total], "settings": SHORT, "registry": Registry()}
    whole = amortise(Gauss(), out=tmp_path / "whole", **call)
    with pytest.raises(KeyboardInterrupt):
        amortise(Gauss(), out=tmp_path / "s", progress=stop_at(text), **call)
    again = amortise(Gauss(), out=tmp_path / "s", **call)
    assert again.config["figures"] == whole.config["figures"]
    assert again.config["weights_sha256"] == whole.config["weights_sha256"]


class Restless(Gauss):
    """A decoder that gives another output each time."""

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z + torch.rand(1)


class Detached(Gauss):
    """Features that no gradient comes back through."""

    def features(self, z: torch.Tensor) -> torch.Tensor:
        return z.detach()


class Pooled(Gauss):
    """Features of the whole batch."""

    def features(self, z: torch.Tensor) -> torch.Tensor:
        return z.sum(0)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        (Restless(), "decode of gauss gave another output when latent 0 was decoded again"),
        (Detached(), "no gradient comes back through the features of gauss"),
        (Pooled(), r"features of gauss returned shape \(4,\) for 2 latents; expected \(2, F\)"),
    ],
)
def test_a_model_that_no_sampler_could_learn_is_refused(model: Gauss, told: str, tmp_path: Path) -> None:
    with pytest.raises(LCError, match=told):
        amortise(model, rules=[total], settings=SHORT, out=tmp_path / "s", registry=Registry())


def test_a_training_that_is_killed_before_its_card_is_written_writes_it_when_it_goes_on(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced = os.replace

    def killed(source: Path, target: Path) -> None:
        if Path(target).name == "MODEL_CARD.md":
            raise KeyboardInterrupt
        replaced(source, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", killed)
        amortise(Gauss(), rules=[total], settings=SHORT, out=tmp_path / "s", registry=registry)
    found = amortise(Gauss(), rules=[total], settings=SHORT, out=tmp_path / "s", registry=registry)
    assert "figures" in found.config
    assert "Training" in (tmp_path / "s" / "MODEL_CARD.md").read_text()
