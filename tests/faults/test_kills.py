"""Commands that are killed leave what undisturbed ones leave; `benchmarks/kills.py` kills them 200 times."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from benchmarks.kills import import_all, survive

QUICK = {
    "sample": "sample spec.yaml --engine rejection --count 6 --out out",
    "bank": "bank spec.yaml --samples 20000",
}


@pytest.mark.parametrize("name", QUICK)
def test_a_command_that_is_killed_leaves_the_same_bytes_when_it_is_given_again(name: str, tmp_path: Path) -> None:
    import_all()
    found = survive(QUICK[name], 3, tmp_path, random.Random(4))
    assert (found.kills, found.differing) == (3, [])
    assert found.finished == found.rounds
