"""The spec of the tutorial of your own model is short; the tutorial itself runs in tests/docs/test_tutorials.py."""

from __future__ import annotations

import re
from pathlib import Path

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorials" / "your-own-model.md"


def test_a_model_of_another_tool_needs_at_most_ten_lines_of_yaml():
    (spec,) = re.findall(r"^```yaml\n(.*?)^```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(spec.splitlines()) <= 10
