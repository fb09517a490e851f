"""`engine: {use: auto, params: {exact: N}}`: samples that are tried as they are first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

import lc_core
from lc_core.spec import Spec

RARE = "[{use: digits.digit, params: {digit: 7}, at_least: 0.9}, {use: images.brightness, at_most: 0.21}]"


@pytest.fixture
def spec_of(tmp_path: Path) -> Callable[[str], Spec]:
    def write(engine: str) -> Spec:
        path = tmp_path / "asked.yaml"
        text = f"lc: 1\nmodel: digits.8x8\nconstraints: {RARE}\nsample: {{count: 6}}\n"
        path.write_text(text + f"engine: {{use: auto, params: {engine}}}\n")
        return lc_core.load_spec(path)

    return write


def test_more_exact_tries_give_more_exact_outputs(spec_of: Callable[[str], Spec]) -> None:
    exact = {}
    for tries in (0, 2_048, 16_384):
        result = lc_core.sample(spec_of(f"{{exact: {tries}}}"))
        assert result.status == "done"
        by = {one["engine"]: one for one in result.report.get("engines", ())}
        exact[tries] = by.get("rejection", {"delivered": 0})["delivered"]
        assert by.get("rejection", {"tried": 0})["tried"] <= tries
    assert exact[0] == 0
    assert exact[0] <= exact[2_048] <= exact[16_384]
    assert exact[16_384] > exact[2_048]


def test_the_exact_tries_leave_the_others_their_budget(spec_of: Callable[[str], Spec]) -> None:
    assert spec_of("{exact: 100000}").sample.budget == 100_000 + (spec_of("{}").sample.budget or 0)


def test_exact_tries_that_make_no_sense_are_refused(spec_of: Callable[[str], Spec]) -> None:
    with pytest.raises(lc_core.LCError, match="exact"):
        spec_of("{exact: -1}")
