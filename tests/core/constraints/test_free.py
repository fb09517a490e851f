"""What a constraint leaves free: one fitted actor serves every value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lc_core
from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.declare import measurement
from lc_core.constraints.free import EachWant
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import Want
from lc_core.critics.critic import Bins, Critic
from lc_core.energy.targets import Space
from lc_core.engines.actor import Actor
from lc_core.errors import LCError
from lc_core.fitting.critics import FitSettings
from lc_core.models.latent_model import LatentModel
from lc_core.spec import load_spec
from lc_core.spec.problems import SpecError

QUICK = FitSettings(prior_samples=2_048, push_samples=512, steps=200, rounds=8, hidden=64)
SMALL_ACTOR = Actor(hidden=64, round_steps=100)


class Same(LatentModel):
    """Decodes a latent to itself."""

    name = "same"
    latent_shape = (4,)

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return z


@measurement(accepts="*", unit="", range=(-np.inf, np.inf), at_least=1)
def along(outputs: np.ndarray, *, axis: int = 0) -> np.ndarray:
    """Value of one coordinate."""
    values: np.ndarray = outputs[:, axis]
    return values


def wish(which: int, bound: float = 1.0, /, **free: Any) -> Constraint:
    return Constraint(Measurement(along, {"axis": which}), at_least=bound, free=free or None)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path))


def first_tries(constraint: Constraint, lines: list[str]) -> float:
    result = lc_core.sample(
        model=Same(), constraints=[constraint], engine=SMALL_ACTOR, count=256, fit=QUICK, progress=lines.append
    )
    share: float = result.report["all"]["satisfied_before"]
    return share


def test_one_actor_serves_every_value_of_a_parameter() -> None:
    lines: list[str] = []
    shares = [first_tries(wish(0, axis=[0, 1, 2, 3]), lines)]
    fitted = len(lines)
    shares += [first_tries(wish(axis, axis=[0, 1, 2, 3]), lines) for axis in (1, 2, 3)]
    assert {line.partition(":")[0] for line in lines[fitted:]} == {"sampling"}, "another value is served without a fit"
    assert min(shares) > 0.8  # of prior samples 16 % satisfy


def test_one_actor_serves_every_value_of_a_bound() -> None:
    lines: list[str] = []
    shares = [first_tries(wish(0, 0.5, at_least=(0, 1.5)), lines)]
    fitted = len(lines)
    shares += [first_tries(wish(0, bound, at_least=(0, 1.5)), lines) for bound in (0, 1, 1.5)]
    assert {line.partition(":")[0] for line in lines[fitted:]} == {"sampling"}
    assert min(shares) > 0.5  # of prior samples 7 % reach 1.5


def test_another_engine_is_fitted_for_one_value_and_says_so() -> None:
    report = lc_core.sample(
        model=Same(), constraints=[wish(1, axis=[0, 1])], engine="gradient", count=4, fit=QUICK
    ).report
    assert "along" in report["notes"][0]
    assert report["delivered"] == 4


def test_odds_of_rows_are_those_of_each_rows_own_want() -> None:
    torch.manual_seed(0)
    critic = Critic(4, Bins.of(np.random.default_rng(0).normal(size=1_000)), hidden=16, heads=3)
    z = torch.randn(6, 4)
    bounds, heads = np.array([-9.0, -1.0, 0.0, 0.5, 2.0, 9.0]), np.array([0, 1, 2, 0, 1, 2])
    each = critic.odds(critic.every(z), EachWant(lows=bounds, highs=np.array([np.inf]), variant=heads))
    for row, (bound, head) in enumerate(zip(bounds, heads, strict=True)):
        want = EachWant(lows=np.array([bound]), highs=np.array([np.inf]), variant=np.array([head]))
        alone = critic.odds(critic.every(z[row : row + 1]), want)
        torch.testing.assert_close(each.yes[row : row + 1], alone.yes, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(each.no[row : row + 1], alone.no, rtol=1e-4, atol=1e-4)


def test_targets_are_drawn_from_all_that_is_free_and_told_by_a_code() -> None:
    space = Space.of([wish(0, 0.5, axis=[0, 2, 3], at_least=(0, 1))])
    targets = space.draw(3_000, block_generator(0, 0))
    each = targets.wants["along"]
    assert space.size == 4
    assert targets.code.shape == (3_000, 4)
    assert set(each.variant) == {0, 1, 2}
    assert np.bincount(each.variant).min() > 900
    assert 0 <= each.lows.min() < 0.05 < 0.95 < each.lows.max() <= 1
    np.testing.assert_array_equal(targets.code[:, :3].argmax(dim=1).numpy(), each.variant)
    np.testing.assert_allclose(targets.code[:, 3].numpy(), 2 * each.lows - 1, atol=1e-6)


def test_combinations_are_drawn_as_they_were_seen_and_each_value_has_its_share() -> None:
    first, second = wish(0, axis=[0, 1]), wish(2, axis=[2, 3])
    first, second = (replace(leaf, label=label) for leaf, label in ((first, "first"), (second, "second")))
    rare = np.arange(1_000) < 5  # the second variants are seen together, and seldom
    values = np.stack([np.where(rare, 0, 2), np.where(rare, 2, 0)], axis=1)
    space = Space.of([first, second]).with_seen({"first": values, "second": values}, block_generator(0, 0))
    targets = space.draw(1_000, block_generator(0, 1))
    np.testing.assert_array_equal(targets.wants["first"].variant, targets.wants["second"].variant)
    assert 0.4 < targets.wants["first"].variant.mean() < 0.6


@pytest.mark.parametrize(
    ("free", "words"),
    [
        ({"axes": [0]}, "no parameter 'axes'"),
        ({"axis": [1, 2]}, "axis is 0, which is not among"),
        ({"axis": [0, 0]}, "twice"),
        ({"axis": list(range(300))}, "300 combinations"),
        ({"at_most": [0, 1]}, "at_most cannot be free here"),
        ({"at_least": [2, 3]}, "outside its free range"),
        ({"at_least": [1, 1]}, "low < high"),
        ({}, "nothing that may differ"),
    ],
)
def test_what_cannot_be_free_is_refused(free: dict[str, Any], words: str) -> None:
    with pytest.raises(LCError, match=words):
        Constraint(along, want=Want(at_least=1), free=free)


@pytest.mark.parametrize(
    ("free", "words"),
    [
        ("{tonic: [C, H]}", "H"),
        ("{tonik: all}", "tonik"),
        ("{tonic: C}", "a list of values"),
        ("{at_least: 0.5}", r"a range \[low, high\]"),
        ("{tonic: [D, E]}", "tonic is 'C'"),
        ("[tonic]", "mapping"),
    ],
)
def test_a_spec_that_says_it_wrong_is_told_where(free: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(f"lc: 1\nmodel: melody.folk-2bar\nconstraints:\n  - use: melody.in_scale\n    free: {free}\n")
    with pytest.raises(SpecError, match=rf":5:\d+: error: .*{words}"):
        load_spec(path)


def test_all_stands_for_every_value_and_is_written_out(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("lc: 1\nmodel: melody.folk-2bar\nconstraints:\n  - {use: melody.in_scale, free: {tonic: all}}\n")
    spec = load_spec(path)
    (entry,) = spec.entries
    assert isinstance(entry, Constraint)
    assert entry.free is not None
    assert len(entry.variants) == 12
    path.write_text(spec.to_yaml())
    assert load_spec(path).entries == spec.entries
