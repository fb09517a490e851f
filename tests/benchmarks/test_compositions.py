"""Random compositions are valid specs, as rare as they say, and the same for the same seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.compositions import PLUGIN
from benchmarks.random_specs import Composition, Population, compositions, decade_of, rules_of
from benchmarks.timed import table_against, table_of_runs
from lc_core import load_model
from lc_core.constraints.constraint import leaves
from lc_core.constraints.evaluator import Evaluator
from lc_core.plugins.discover import DISTRIBUTION, build_registry
from lc_core.spec import load_spec

SAMPLES = 2_048
MELODY = "melody.folk-2bar"


@pytest.fixture(scope="module")
def population(tmp_path_factory: pytest.TempPathFactory) -> Population:
    return Population.of(load_model(MELODY), SAMPLES, tmp_path_factory.mktemp("population"))


def drawn(population: Population, seed: int, count: int = 5) -> list[Composition]:
    rules = [one for one in rules_of(build_registry(), "melody.tokens/1") if one.distribution == DISTRIBUTION]
    found = compositions(population, rules, seed, per_decade=count, decades=(1, 2))
    return [one for some in found.values() for one in some]


def test_compositions_are_specs_as_rare_as_they_say(population: Population, tmp_path: Path):
    registry, model, path = build_registry(), load_model(MELODY), tmp_path / "one.yaml"
    outputs = np.array(population.outputs).astype(population.dtype)
    kinds, used = set(), set()
    some = drawn(population, 0)
    for one in some:
        path.write_text(one.as_yaml(MELODY, ["midi"]))
        spec = load_spec(str(path), registry=registry)
        evaluator = Evaluator(model, spec.entries)
        met = evaluator.satisfied(evaluator.measure(outputs), SAMPLES)
        assert met.mean() == one.rate and decade_of(one.rate) in (1, 2)
        kinds |= {getattr(entry, "kind", "leaf") for entry in spec.entries}
        used |= {leaf.measurement.name for leaf in leaves(spec.entries)}
        if one.changed:
            evaluator = Evaluator(model, load_spec(str(path), registry=registry, overrides=[one.changed]).entries)
            assert (evaluator.satisfied(evaluator.measure(outputs), SAMPLES) | ~met).all()
    assert len(some) == 10 and len(used) > 8 and "leaf" in kinds
    assert any(one.changed for one in some)


def test_a_seed_draws_the_same_compositions_and_more_of_them_begin_with_these(population: Population):
    def texts(seed: int, count: int) -> list[str]:
        return [one.as_yaml(MELODY) for one in drawn(population, seed, count)]

    first = texts(3, 2)
    assert first == texts(3, 2)
    assert first[:2] == texts(3, 3)[:2]
    assert not set(first) & set(texts(4, 2))


def test_a_rule_of_a_plugin_is_part_of_each_composition(population: Population, tmp_path: Path):
    (tmp_path / "unseen.py").write_text(PLUGIN)
    every = rules_of(build_registry([tmp_path / "unseen.py"]), "melody.tokens/1")
    new = [one for one in every if one.distribution == "unseen"]
    known = [one for one in every if one.distribution == DISTRIBUTION]
    found = compositions(population, known, 0, per_decade=4, decades=(1,), new=new)[1]
    names = [[leaf.measurement.name for leaf in leaves(one.entries)] for one in found]
    assert len(new) == 3 and [len(some) for some in names] == [3] * 4
    assert all(some[0].startswith("unseen.") and not some[1].startswith("unseen.") for some in names)


def test_the_tables_count_what_was_stopped_and_compare_with_the_better_other():
    def run(engine: str, seconds: float, **more: object) -> dict[str, object]:
        key = f"1e-3-00 cold {engine} 0"
        shared = {"key": key, "mode": "cold", "engine": engine, "decade": 3, "seed": 0, "torch": 1.0, "status": 0}
        return {**shared, "seconds": seconds, **more}

    runs = [
        run("auto", 4.0, plan="rejection + sampler", distinct=1.0, beyond=5.0, first=0.5),
        run("rejection", 8.0, plan="rejection", distinct=1.0),
        run("gradient", 12.0, status="stopped"),
    ]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table_of_runs(runs).splitlines()]
    auto, gradient, _ = cells[2:]
    assert auto[4:8] == ["4.0 (4.0 to 4.0)", "4.0", "3.0 (3.0 to 3.0)", "0"]
    assert auto[8] == "5.0 (5.0 to 5.0)" and auto[10] == "50.0 (50.0 to 50.0)"
    assert gradient[7] == "1"
    assert "0.50 (0.50 to 0.50)" in table_against(runs)
