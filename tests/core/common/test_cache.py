"""The cache of fitted parts: found again, fitted anew when damaged, keyed by all that a fit depends on."""

from __future__ import annotations

import functools
import importlib
import json
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from lc_core.common.cache import Cache, key_of
from lc_core.constraints.constraint import Constraint, none_of
from lc_core.constraints.digest import measurement_digest
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.measurement import Measurement
from lc_core.engines.base import Engine
from lc_core.engines.gradient import Gradient
from lc_core.errors import LCError
from lc_core.fitting.critics import FitSettings
from lc_core.fitting.prepare import prepare
from lc_core.models.latent_model import LatentModel


class Fit:
    """Fits a part, and counts how often it had to."""

    def __init__(self, value: float = 1.0) -> None:
        self.value = value
        self.calls = 0

    def __call__(self) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        self.calls += 1
        return {"what": "a critic", "hidden": 4}, {"w": torch.full((3, 2), self.value), "b": torch.arange(3)[::2]}


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def test_what_was_fitted_is_found_again(cache: Cache) -> None:
    fit = Fit(0.1)
    config, tensors, found = cache.get_or_fit("critic", "k1", fit)
    again, same, found_again = Cache(cache.root).get_or_fit("critic", "k1", fit)
    assert (found, found_again, fit.calls) == (False, True, 1)
    assert (again["what"], again["hidden"]) == (config["what"], config["hidden"]) == ("a critic", 4)
    assert set(same) == set(tensors)
    assert all(torch.equal(same[name], tensors[name]) and same[name].dtype == tensors[name].dtype for name in same)


def test_another_key_or_kind_is_another_part(cache: Cache) -> None:
    fit = Fit()
    for kind, key in (("critic", "k1"), ("critic", "k2"), ("refined", "k1")):
        assert not cache.get_or_fit(kind, key, fit)[2]
    assert fit.calls == 3


def test_refit_ignores_what_is_there_and_replaces_it(cache: Cache) -> None:
    cache.get_or_fit("critic", "k1", Fit(1.0))
    assert not Cache(cache.root, refit=True).get_or_fit("critic", "k1", Fit(2.0))[2]
    _, tensors, found = cache.get_or_fit("critic", "k1", Fit(3.0))
    assert found
    assert tensors["w"].unique().tolist() == [2.0]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("file", ["weights.safetensors", "config.json"])
@pytest.mark.parametrize("damage", [truncate, flip_last_byte, Path.unlink, lambda path: path.write_bytes(b"")])
def test_a_damaged_part_is_fitted_again_and_that_is_said(
    cache: Cache, file: str, damage: Callable[[Path], Any]
) -> None:
    cache.get_or_fit("critic", "k1", Fit(1.0))
    damage(cache.root / "critic-k1" / file)
    said: list[str] = []
    _, tensors, found = cache.get_or_fit("critic", "k1", Fit(2.0), progress=said.append)
    assert not found
    assert tensors["w"].unique().tolist() == [2.0]
    assert len(said) == 1
    assert "critic-k1 is damaged" in said[0]
    assert "fitting it again" in said[0]
    assert cache.get_or_fit("critic", "k1", Fit(3.0), progress=said.append)[2]


def test_a_fit_that_fails_leaves_nothing_behind(cache: Cache) -> None:
    def fail() -> Any:
        raise ValueError("no samples")

    with pytest.raises(ValueError, match="no samples"):
        cache.get_or_fit("critic", "k1", fail)
    assert cache.entries() == []
    assert not cache.get_or_fit("critic", "k1", Fit())[2]


def test_those_who_want_the_same_part_at_once_wait_for_one_fit(cache: Cache) -> None:
    fitting, go_on = threading.Event(), threading.Event()
    calls: list[int] = []
    found: list[bool] = []

    def fit() -> Any:
        calls.append(1)
        fitting.set()
        go_on.wait(300)
        return Fit()()

    def get() -> None:
        found.append(Cache(cache.root).get_or_fit("critic", "k1", fit)[2])

    first = threading.Thread(target=get)
    first.start()
    assert fitting.wait(300)
    others = [threading.Thread(target=get) for _ in range(3)]
    for thread in others:
        thread.start()
    go_on.set()
    for thread in [first, *others]:
        thread.join(300)
    assert len(calls) == 1
    assert sorted(found) == [False, True, True, True]


def test_entries_tell_what_is_cached_and_clear_deletes_it(cache: Cache) -> None:
    assert Cache(cache.root / "none").entries() == []
    cache.get_or_fit("critic", "k1", Fit())
    cache.get_or_fit("refined", "k2", Fit())
    (cache.root / "refined-k2" / "config.json").write_text("{")
    told = {(entry.kind, entry.what, entry.bytes > 0) for entry in cache.entries()}
    assert told == {("critic", "a critic", True), ("refined", "(damaged)", True)}
    assert cache.clear() == 2
    assert cache.entries() == []
    assert [one.name for one in cache.root.iterdir()] == ["CACHEDIR.TAG"]
    assert not cache.get_or_fit("critic", "k1", Fit())[2]


def test_a_folder_that_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LCError, match="cannot be written") as caught:
        Cache(tmp_path / "file" / "cache").get_or_fit("critic", "k1", Fit())
    assert "LC_CACHE_DIR" in str(caught.value)


def test_the_folder_is_that_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "mine"))
    Cache().get_or_fit("critic", "k1", Fit())
    assert (tmp_path / "mine" / "critic-k1" / "config.json").is_file()


def test_what_is_kept_is_safetensors_and_json_only(cache: Cache) -> None:
    cache.get_or_fit("critic", "k1", Fit())
    found = sorted(path.name for path in (cache.root / "critic-k1").iterdir())
    assert found == [".lc-cache-entry", "config.json", "weights.safetensors"]
    assert json.loads((cache.root / "critic-k1" / "config.json").read_text())["kind"] == "critic"


# Keys


def test_a_key_depends_on_every_part_and_not_on_their_order() -> None:
    parts: dict[str, Any] = {"model": "m", "settings": {"seed": 0, "steps": 5}, "device": "cpu"}
    assert key_of(parts) == key_of(dict(reversed(parts.items())))
    changed = [parts | {"model": "n"}, parts | {"settings": {"seed": 1, "steps": 5}}, parts | {"device": "cuda"}]
    assert len({key_of(one) for one in [parts, *changed, parts | {"more": 1}]}) == 5


SOURCE = """
    from {package}.helper import BOUND

    def share(outputs, *, above: float = 0.0):
        return (outputs > BOUND + above).mean(axis=1)

    def other(outputs, *, above: float = 0.0):
        return (outputs > BOUND + above).mean(axis=1)

    def make(bound):
        def inner(outputs):
            return (outputs > bound).mean(axis=1)
        return inner

    def make_with_default(bound):
        def inner(outputs, *, bound=bound):
            return (outputs > bound).mean(axis=1)
        return inner

    rule = lambda outputs: outputs.mean(axis=1)
"""


@pytest.fixture
def write_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ModuleType]]:
    """Write a package of measurements, import it, and return its module."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    written: set[str] = set()

    def write(*, source: str = SOURCE, helper: str = "BOUND = 0.5\n", package: str = "measuring") -> ModuleType:
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            del sys.modules[name]
        folder = tmp_path / package
        folder.mkdir(exist_ok=True)
        (folder / "__init__.py").write_text("")
        (folder / "helper.py").write_text(helper)
        (folder / "rules.py").write_text(textwrap.dedent(source.replace("{package}", package)))
        importlib.invalidate_caches()
        written.add(package)
        return importlib.import_module(f"{package}.rules")

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] in written]:
        del sys.modules[name]


def test_a_measurements_digest_changes_with_its_function_and_settings(write_package: Callable[..., Any]) -> None:
    rules = write_package()
    digests = [
        measurement_digest(Measurement(function, params))
        for function in (rules.share, rules.other)
        for params in ({}, {"above": 0.1}, {"above": 0.2})
    ]
    assert None not in digests
    assert len(set(digests)) == 6
    assert measurement_digest(Measurement(rules.share, {"above": 0.1}, name="another name")) == digests[1]


def test_a_measurements_digest_changes_with_its_source_and_that_of_modules_it_uses(
    write_package: Callable[..., Any],
) -> None:
    first = measurement_digest(Measurement(write_package().share))
    assert measurement_digest(Measurement(write_package().share)) == first
    assert measurement_digest(Measurement(write_package(source=SOURCE.replace("mean", "sum")).share)) != first
    assert measurement_digest(Measurement(write_package(helper="BOUND = 0.75\n").share)) != first


def test_what_source_and_settings_do_not_tell_has_no_digest(write_package: Callable[..., Any]) -> None:
    rules = write_package()

    class Callable_:
        def __call__(self, outputs: np.ndarray) -> np.ndarray:
            return outputs.mean(axis=1)

    for function in (
        rules.make(0.5),
        rules.make_with_default(0.5),
        rules.rule,
        functools.partial(rules.share, above=0.3),
        functools.wraps(rules.share)(lambda outputs: 2 * rules.share(outputs)),
        Callable_(),
        np.mean,
    ):
        assert measurement_digest(Measurement(function)) is None


# Fitted energies

SMALL = FitSettings(prior_samples=64, push_samples=16, steps=4, batch=16, hidden=4, rounds=1, round_samples=16)


class Identity(LatentModel):
    """Outputs are latents, scaled."""

    latent_shape = (2,)

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return self.scale * z


def fits(
    cache: Cache | None,
    entry: Any,
    *,
    engine: Engine | None = None,
    settings: FitSettings = SMALL,
    model: LatentModel | None = None,
) -> tuple[bool, bool]:
    """Prepare an energy and return whether its critic was fitted, and whether it was refined."""
    said: list[str] = []
    prepare(
        Evaluator(model or Identity(), [entry]),
        engine or Gradient(steps=2),
        settings=settings,
        cache=cache,
        progress=said.append,
    )
    return any("fitting a critic" in line for line in said), any("refinement" in line for line in said)


def test_a_critic_is_fitted_once_for_every_want_and_refined_for_each_energy(
    cache: Cache, write_package: Callable[..., Any]
) -> None:
    share = write_package().share
    want = Constraint(share, at_least=0.5)
    assert fits(cache, want) == (True, True)
    assert fits(cache, want) == (False, False)
    assert fits(cache, Constraint(share, at_least=1.0)) == (False, True)
    assert fits(cache, Constraint(share, at_least=0.5, weight=2.0)) == (False, True)
    assert fits(cache, Constraint(share, at_least=0.5, require=False)) == (False, True)
    assert fits(cache, none_of(want)) == (False, True)
    assert fits(cache, want, engine=Gradient(steps=3)) == (False, True)
    assert fits(cache, want) == (False, False)


def test_critics_that_are_not_refined_are_not_kept_as_refined_ones(
    cache: Cache, write_package: Callable[..., Any]
) -> None:
    want = Constraint(write_package().share, at_least=0.5)
    unrefined = FitSettings(**vars(SMALL) | {"rounds": 0})
    assert fits(cache, want, settings=unrefined) == (True, False)
    assert [one.kind for one in cache.entries() if one.kind != "bank"] == ["critic"]
    fits(cache, want)
    assert "refined" in {one.kind for one in cache.entries()}


def test_another_model_setting_or_parameter_means_another_critic(
    cache: Cache, write_package: Callable[..., Any]
) -> None:
    share = write_package().share
    want = Constraint(share, at_least=0.5)
    fits(cache, want)
    assert fits(cache, want, model=Identity(2.0)) == (True, True)
    assert fits(cache, want, settings=FitSettings(**vars(SMALL) | {"seed": 1})) == (True, True)
    assert fits(cache, Constraint(Measurement(share, {"above": 0.1}), at_least=0.5)) == (True, True)
    assert fits(cache, want) == (False, False)


def test_a_measurement_without_a_digest_is_fitted_each_time(cache: Cache, write_package: Callable[..., Any]) -> None:
    want = Constraint(write_package().make(0.5), at_least=0.5)
    assert fits(cache, want) == (True, True)
    assert fits(cache, want) == (True, True)
    assert cache.entries() == []


def test_a_cached_energy_is_the_one_that_was_fitted(cache: Cache, write_package: Callable[..., Any]) -> None:
    entry = none_of(Constraint(write_package().share, at_least=0.5))
    z = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    before = torch.get_rng_state()
    energies = [
        prepare(Evaluator(Identity(), [entry]), Gradient(steps=2), settings=SMALL, cache=kept).energy
        for kept in (cache, cache, None)
    ]
    assert torch.equal(torch.get_rng_state(), before)
    values = [energy(z).total for energy in energies if energy is not None]
    assert len(values) == 3
    assert torch.equal(values[0], values[1])
    assert torch.equal(values[0], values[2])
