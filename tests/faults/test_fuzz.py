"""Random specs and files are read, or refused by name; `benchmarks/fuzz.py` has 20,000 of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz import fuzz
from benchmarks.fuzz_readers import READERS

CASES = 300
SLOW = ("actors", "samplers", "runs taken up")
"""Formats whose first file takes seconds to make."""
QUICK = {name: reader for name, reader in READERS.items() if name not in SLOW}
WEIGHT = sum(reader.weight for reader in QUICK.values())


@pytest.mark.parametrize("name", QUICK)
def test_what_is_read_is_taken_or_refused_by_name(name: str, tmp_path: Path) -> None:
    reader = QUICK[name]
    found = fuzz(reader(tmp_path), CASES * reader.weight // WEIGHT, seed=2)
    assert found.failures == {}
    assert found.cases >= CASES // WEIGHT
