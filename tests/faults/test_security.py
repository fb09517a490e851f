"""The tests that `SECURITY.md` names are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_promise_names_a_test_that_is_there() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    promises = [row for row in text.splitlines() if row.startswith("| ") and not row.startswith("| promise")]
    assert len(promises) > 15
    for row in promises:
        path, name = re.search(r"`(tests/[\w/]+\.py)::(\w+)`", row).groups()  # type: ignore[union-attr]
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), row
