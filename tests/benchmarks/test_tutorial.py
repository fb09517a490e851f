"""The tutorial of the first plugin, whose commands install a package, is followed word for word."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_its_commands_run_from_the_new_package_to_verified_samples():
    command = [sys.executable, "-m", "benchmarks.tutorial"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "| verified outputs | 16 of 16 |" in done.stdout
    assert "| torch in the module | False |" in done.stdout
