"""Fitted parts are fitted again when the code that they depend on changes, and not when its layout does."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import lc_core

ASK = """
from lc_core.constraints.digest import code_digest
print(code_digest("lc_core.fitting.critics"), code_digest("lc_core.fitting.refine", "lc_core.engines.gradient"))
"""


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of `lc_core` in a folder of its own."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(Path(lc_core.__file__).parent, folder / "lc_core", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def digests(folder: Path) -> list[str]:
    """Return what is part of a critic's key and of a refinement's, in the copy."""
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", ASK], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def number_changed(text: str) -> str:
    return re.sub(r"(share - )0\.3", r"\g<1>0.4", text, count=1)


def relaid(text: str) -> str:
    return "# a comment\n\n" + text.replace('"""', '"""Another text. ', 1)


@pytest.mark.parametrize(
    ("module", "change", "changed"),
    [
        ("fitting/refine.py", number_changed, [False, True]),
        ("fitting/refine.py", relaid, [False, False]),
        ("critics/critic.py", lambda text: text.replace("nn.SiLU", "nn.ReLU") + "\nMORE = 1\n", [True, True]),
        ("engines/gradient.py", lambda text: text + "\nMORE = 1\n", [False, True]),
        ("runs/html.py", lambda text: text + "\nMORE = 1\n", [False, False]),
    ],
    ids=["a tuned number", "comments and docstrings", "what a critic is", "an engine", "a report"],
)
def test_a_key_changes_with_the_code_that_a_fit_runs(
    copied: Path, module: str, change: Callable[[str], str], changed: list[bool]
) -> None:
    before, path = digests(copied), copied / "lc_core" / module
    text = path.read_text(encoding="utf-8")
    assert change(text) != text
    path.write_text(change(text), encoding="utf-8")
    try:
        assert [one != other for one, other in zip(before, digests(copied), strict=True)] == changed
    finally:
        path.write_text(text, encoding="utf-8")
