"""The judge only reports: nothing that guides or selects knows it, and it saw none of the verifier's pictures."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JUDGE = "lc_plugins.digits.judge"
REPORTS = {"lc_plugins/digits/card.py", "lc_plugins/digits/plugin.py"}
"""Modules that only report, and so may ask the judge, and what registers it as a judge."""


def imported(path: Path) -> set[str]:
    """Return what a module imports anywhere in it, and all text in it that could name a module."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = ("." * node.level) + (node.module or "")
            found |= {module} | {f"{module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value.partition(":")[0])
    return found


def test_only_what_reports_imports_the_judge() -> None:
    sources = [path for package in ("lc_core", "lc_plugins") for path in (ROOT / package).rglob("*.py")]
    knows = {
        path.relative_to(ROOT).as_posix()
        for path in sources
        if any(name.endswith("digits.judge") or name in (".judge", "..judge") for name in imported(path))
    }
    assert knows == REPORTS


def test_what_reports_is_imported_only_by_the_recipe() -> None:
    sources = [path for package in ("lc_core", "lc_plugins") for path in (ROOT / package).rglob("*.py")]
    knows = {path.name for path in sources if any(name.endswith("digits.card") for name in imported(path))}
    assert knows == {"train.py"}


def test_a_run_never_loads_the_judge(tmp_path: Path) -> None:
    code = (
        "import sys, lc_core\n"
        "from lc_plugins.digits.measurements import digit\n"
        "from lc_plugins.digits.model import load_8x8\n"
        "rule = lc_core.Constraint(lc_core.Measurement(digit, {'digit': 7}), at_least=0.9)\n"
        "found = lc_core.sample(model=load_8x8(), constraints=[rule], engine='rejection', count=4, seed=7)\n"
        "assert len(found.outputs) == 4\n"
        "print(sorted(name for name in sys.modules if name.startswith(('lc_plugins.digits', 'sklearn'))))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "lc_plugins.digits.model" in done.stdout
    assert "judge" not in done.stdout and "sklearn" not in done.stdout


def test_the_judge_and_the_verifier_saw_different_pictures() -> None:
    pytest.importorskip("sklearn")
    from lc_plugins.digits.data import read_digits

    rows = {part: {one.tobytes() for one in read_digits(part).pictures} for part in ("verifier", "judge", "test")}
    assert {part: len(one) for part, one in rows.items()} == {"verifier": 750, "judge": 750, "test": 297}
    assert not rows["verifier"] & rows["judge"]
    assert not (rows["verifier"] | rows["judge"]) & rows["test"]
