"""A model at hand: what it answers is what `lc sample` delivers, in whatever state its bank is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import lc_core
from lc_core import LatentModel, Measurement, load_spec
from lc_core.common import Cache
from lc_core.constraints import Evaluator
from lc_core.exploring import Answer, Explorer, Look
from lc_core.exploring.look import look_at
from lc_core.plugins import build_registry
from lc_core.spec import Spec

SAMPLES = 65_536


@pytest.fixture(scope="module")
def model() -> LatentModel:
    found: LatentModel = lc_core.load_model("digits.8x8")
    return found


@pytest.fixture(scope="module")
def explorer(model: LatentModel, tmp_path_factory: pytest.TempPathFactory) -> Explorer:
    """One whose bank is full."""
    registry = build_registry()
    digit, brightness = registry.get("constraint", "digits.digit"), registry.get("constraint", "images.brightness")
    usual = [Measurement(digit.load(), {"digit": 7}), Measurement(brightness.load(), brightness.fill())]
    found = Explorer(model, samples=SAMPLES, cache=Cache(tmp_path_factory.mktemp("bank")), usual=usual)
    while found.fill():
        pass
    return found


@pytest.fixture
def spec_of(tmp_path: Path) -> Callable[..., Spec]:
    def write(*constraints: str, rest: str = "sample: {count: 8}") -> Spec:
        path = tmp_path / "asked.yaml"
        path.write_text(f"lc: 1\nmodel: digits.8x8\nconstraints: [{', '.join(constraints)}]\n{rest}\n")
        return load_spec(path)

    return write


def answered(explorer: Explorer, spec: Spec) -> list[Answer]:
    found: list[Answer] = []
    ended = explorer.answer(spec, tell=found.append)
    assert ended.delivered == len(found)
    return found


SEVEN = "{use: digits.digit, params: {digit: 7}}"
THREE = "{use: digits.digit, params: {digit: 3}, at_least: 0.9}"


@pytest.mark.parametrize(
    ("constraints", "rest"),
    [
        ((SEVEN,), "sample: {count: 8}"),
        ((SEVEN, "{use: images.brightness, at_most: 0.2}"), "sample: {count: 8}"),
        ((SEVEN,), "sample: {count: 8, seed: 3}"),
        ((SEVEN,), "sample: {count: 40, unique: true}"),
        ((f"any: [{SEVEN}, {THREE}]",), "engine: rejection"),
        ((), "sample: {count: 3}"),
    ],
    ids=["often", "rare", "another seed", "unique", "any, by rejection", "nothing asked"],
)
def test_it_answers_what_is_sampled(
    explorer: Explorer, spec_of: Callable[..., Spec], constraints: tuple[str, ...], rest: str
) -> None:
    spec = explorer.settled(spec_of(*(one if one.startswith("{") else f"{{{one}}}" for one in constraints), rest=rest))
    found = answered(explorer, spec)
    sampled = lc_core.sample(spec, cache=False)
    assert [one.index for one in found] == sampled.index.tolist()
    assert np.array_equal(np.stack([one.output for one in found]), sampled.outputs)
    assert np.array_equal(np.stack([one.z for one in found]), sampled.latents)
    for one in found:
        assert all(one.met[entry.label] for entry in spec.entries)


def test_what_is_at_hand_is_tried_as_it_is_before_the_sampler(
    explorer: Explorer, model: LatentModel, spec_of: Callable[..., Spec]
) -> None:
    spec = spec_of(SEVEN, "{use: images.brightness, at_most: 0.2}")
    exact = sum(one.exact for one in answered(explorer, explorer.settled(spec)))
    assert exact > sum(one.exact for one in answered(Explorer(model, samples=SAMPLES), spec))


def test_a_spec_that_says_how_it_is_made_stays_as_it_is(explorer: Explorer, spec_of: Callable[..., Spec]) -> None:
    for rest in ("engine: rejection", "engine: {use: auto, params: {exact: 0}}", "sample: {seed: 1}"):
        spec = spec_of(SEVEN, rest=rest)
        assert explorer.settled(spec) is spec


def test_samples_tell_where_values_lie_and_what_is_left(explorer: Explorer, spec_of: Callable[..., Spec]) -> None:
    spec = spec_of(SEVEN, "{not: {use: images.brightness, at_least: 0.3}}")
    look = explorer.look(spec)
    assert look.rates.samples == SAMPLES
    assert [one.path for one in look.reach] == [(0,), (1, "not")]
    digit, brightness = look.reach
    assert digit.every.sum() == brightness.every.sum() == SAMPLES
    assert brightness.left.sum() == look.rates.entries["digit"].met
    assert digit.left.sum() == look.rates.entries["not"].met
    assert (brightness.left <= brightness.every).all()


def test_a_spec_that_nothing_meets_tells_what_would_loosen_it(explorer: Explorer, spec_of: Callable[..., Spec]) -> None:
    look = explorer.look(spec_of(SEVEN, THREE, "{use: images.brightness, at_least: 0}"))
    assert any("conflict" in str(one) for one in look.rates.conflicts)
    assert any(line.startswith("without digit") for line in look.advice)


def test_what_is_near_an_output_meets_the_spec_and_is_another_one(
    explorer: Explorer, spec_of: Callable[..., Spec]
) -> None:
    spec = spec_of(SEVEN)
    first = answered(explorer, spec)[0]
    near: list[Answer] = []
    explorer.near(spec, first.z, tell=near.append, seed=5)
    assert len(near) == 8
    assert all(one.met["digit"] for one in near)
    outputs = {one.output.tobytes() for one in (first, *near)}
    assert len(outputs) == 9
    far = answered(explorer, spec)[1:]
    assert np.median([like(first, one) for one in near]) > max(like(first, one) for one in far)
    again: list[Answer] = []
    explorer.near(spec, first.z, tell=again.append, seed=5)
    assert all(np.array_equal(one.z, other.z) for one, other in zip(near, again, strict=True))


def like(one: Answer, other: Answer) -> float:
    a, b = one.z.ravel(), other.z.ravel()
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def test_an_answer_that_is_broken_off_leaves_nothing_behind(explorer: Explorer, spec_of: Callable[..., Spec]) -> None:
    class Newer(BaseException):
        pass

    def leave(_: Answer) -> None:
        raise Newer

    spec = explorer.settled(spec_of(SEVEN))
    whole = answered(explorer, spec)
    with pytest.raises(Newer):
        explorer.answer(spec, tell=leave)
    assert [one.index for one in answered(explorer, spec)] == [one.index for one in whole]


def test_a_rule_that_nobody_asked_for_yet_is_told_from_a_part_first(
    explorer: Explorer, spec_of: Callable[..., Spec]
) -> None:
    looks: list[Look] = []
    explorer.answer(spec_of("{use: digits.digit, params: {digit: 1}}"), tell=lambda _: None, look=looks.append)
    assert [one.rates.samples for one in looks] == sorted({one.rates.samples for one in looks})
    assert looks[-1].rates.samples == SAMPLES


@pytest.mark.parametrize(
    ("values", "bars", "edges"),
    [
        ([0, 1, 2, 5], 6, (-0.5, 5.5)),
        ([0, 2, 4, 10], 6, (-1.0, 11.0)),
        (list(range(100)), 34, (-0.5, 101.5)),
    ],
    ids=["whole numbers", "even numbers", "more than forty"],
)
def test_values_in_steps_lie_in_the_middles_of_bars(
    values: list[int], bars: int, edges: tuple[float, float], model: LatentModel
) -> None:
    constraint = lc_core.Constraint(Measurement(lambda outputs: outputs, name="steps"), at_least=0.0)
    reach = look_at(Evaluator(model, [constraint]), {"steps": np.array(values, dtype=float)}, len(values)).reach[0]
    assert (len(reach.every), reach.edges) == (bars, edges)
    assert reach.every.sum() == len(values)
