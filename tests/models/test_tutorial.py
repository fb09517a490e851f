"""The tutorial `docs/tutorials/your-own-model.md`, word for word: its files are written and its commands are run."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorials" / "your-own-model.md"
BLOCK = re.compile(r"(?P<before>[^\n]*)\n\n```(?P<language>\w+)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE)


def run(line, folder):
    name, *arguments = shlex.split(line)
    command = [sys.executable, *(["-m", "lc_core"] if name == "lc" else []), *arguments]
    assert name in ("lc", "python")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_tutorial_runs_word_for_word(tmp_path):
    pytest.importorskip("sklearn")
    for block in BLOCK.finditer(TUTORIAL.read_text(encoding="utf-8")):
        if block["language"] == "sh":
            for line in block["text"].splitlines():
                run(line, tmp_path)
        elif saved := re.search(r"[Ss]ave as `([\w.]+)`:$", block["before"]):
            (tmp_path / saved[1]).write_text(block["text"])
            if saved[1].endswith(".yaml"):
                assert len(block["text"].splitlines()) <= 10
    report = json.loads((tmp_path / "runs" / "threes-0" / "report.json").read_text())
    assert report["delivered"] == 16
    assert report["all"]["satisfied_after"] == 1
