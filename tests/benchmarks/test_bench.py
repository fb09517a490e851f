"""The suite of speeds, at its smallest."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.bench.__main__ import main
from benchmarks.bench.compared import crossing
from benchmarks.bench.figure import exponent
from benchmarks.bench.peers import count_apart


def test_the_suite_writes_its_figures_as_json_and_as_a_page(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["--size", "small", "--only", "critic", "--only", "latent", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "bench.json").read_text())
    assert {"processor", "threads", "packages", "load"} <= set(found["machine"])
    (first, _) = found["figures"]["critic"]["ratios"]
    assert first["low"] <= first["middle"] <= first["high"] and first["rounds"] >= 1
    (growth,) = found["figures"]["latent"]["exponents"]
    assert [size for size, _ in growth["points"]] == [4, 8] and growth["rounds"] == 1
    page = (tmp_path / "bench.html").read_text()
    assert "A critic against one matrix product" in page and found["machine"]["packages"]["torch"] in page


def test_a_size_that_there_is_not_is_refused() -> None:
    done = CliRunner().invoke(main, ["--set", "round=5"])
    assert done.exit_code == 2 and "rounds" in done.output


def test_an_exponent_is_that_of_the_larger_half() -> None:
    costs = {1: [9.0] * 3, 10: [9.0] * 3, 100: [1.0, 1.0, 2.0], 1_000: [10.0, 10.0**1.5, 2 * 10.0**1.8]}
    found = exponent("cost", "size", costs)
    assert found.exponent == pytest.approx(1.5) and found.points[3] == (1_000.0, pytest.approx(10.0**1.5))
    assert (found.low, found.high, found.rounds) == (pytest.approx(1.25), pytest.approx(1.65), 3)


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [((0.1, 1.0, 10.0), 1e-2), ((0.01, 0.1, 10.0), 10**-2.5), ((0.1, 0.2, 0.9), None), ((10.0, 100.0, 1_000.0), None)],
)
def test_a_search_is_sooner_above_the_rate_where_the_ratio_is_one(
    ratios: tuple[float, ...], expected: float | None
) -> None:
    found = crossing(list(zip((1e-1, 1e-2, 1e-3), ratios, strict=True)))
    assert found == (None if expected is None else pytest.approx(expected))


def test_near_copies_are_not_counted() -> None:
    first = np.arange(8)
    near, far = first.copy(), first.copy()
    near[0], far[:2] = 99, 99
    assert count_apart([first, near, far]) == 2
