"""The tutorial of the first plugin: what a reader writes works, and is short (`benchmarks.tutorial` follows it)."""

from __future__ import annotations

import runpy
from pathlib import Path

from benchmarks.tutorial import TUTORIAL, lines_written, steps
from lc_core.plugins.scaffold import new_plugin
from lc_core.testing import check_constraint

STEPS = steps(TUTORIAL.read_text(encoding="utf-8"))
FILES = {title: code for title, code in STEPS if title}


def test_commands_and_files_stand_in_an_order_that_can_be_followed():
    assert [title or code.split()[1] for title, code in STEPS] == [
        "new-plugin",
        "few_pitches.py",
        "tests/test_few_pitches.py",
        "install",
        "plugins",
        "sample",
    ]


def test_a_reader_writes_at_most_fifteen_lines_and_no_torch():
    new_plugin("few-pitches")
    assert sum(lines_written(Path("few-pitches", title).read_text(), code) for title, code in FILES.items()) <= 15
    assert "torch" not in "".join(FILES.values())


def test_the_rule_keeps_its_promises(tmp_path, monkeypatch):
    (tmp_path / "few_pitches.py").write_text(FILES["few_pitches.py"])
    check_constraint(runpy.run_path(str(tmp_path / "few_pitches.py"))["few_pitches"])
