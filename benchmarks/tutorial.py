"""Follow a tutorial word for word: `python -m benchmarks.tutorial`.

Its shell blocks are run and its files written in the order in which they stand, in an empty folder, with an empty cache
and in an environment of its own, to which only what is installed here is added. Printed are the machine's time and the
lines that a reader has to write: those that differ from what `lc new-plugin` wrote.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from pathlib import Path
from typing import Any

import click

from benchmarks.tables import say, table

ROOT = Path(__file__).parents[1]
TUTORIAL = ROOT / "docs" / "tutorials" / "first-plugin.md"
BLOCK = re.compile(r'^```(?:(sh)|\w+ title="([^"]+)")\n(.*?)^```', re.DOTALL | re.MULTILINE)


def steps(text: str) -> list[tuple[str, str]]:
    """Return in order the blocks to follow: a file's name, or nothing for a block of commands, and the text."""
    return [(title, code) for _, title, code in BLOCK.findall(text)]


def environment(folder: Path) -> dict[str, str]:
    """Make a virtual environment in which what is installed here is installed as well."""
    venv.create(folder / "venv", with_pip=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = folder / "venv" / "lib" / version / "site-packages"
    scripts = folder / "venv" / "bin"
    (site / "here.pth").write_text(f"{ROOT}\nimport site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    for name, module in (("lc", "lc_core"), ("pytest", "pytest")):
        (scripts / name).write_text(f'#!/bin/sh\nexec "{scripts}/python" -m {module} "$@"\n')
        (scripts / name).chmod(0o755)
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "LC_", "VIRTUAL_ENV"))}
    added = {"OMP_NUM_THREADS": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "LC_CACHE_DIR": str(folder / "cache")}
    return kept | added | {"PATH": f"{scripts}:{os.environ['PATH']}"}


def run(command: str, folder: Path, variables: dict[str, str]) -> Path:
    """Run commands in a folder; return the folder that they end in."""
    script = f"set -e\n{command}\npwd >&2\n"
    done = subprocess.run(["sh", "-c", script], cwd=folder, env=variables, capture_output=True, text=True)
    if done.returncode:
        raise click.ClickException(f"{command}ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return Path(done.stderr.splitlines()[-1])


def lines_written(before: str, after: str) -> int:
    """Count lines that are in the one text and not in the other, empty ones apart."""
    new = (line[2:] for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line.startswith("+ "))
    return sum(bool(line.strip()) for line in new)


@click.command()
def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        variables = environment(top)
        folder = top / "work"
        folder.mkdir()
        rows: list[list[Any]] = []
        written, spent = 0, 0.0
        for title, code in steps(TUTORIAL.read_text(encoding="utf-8")):
            if title:
                lines = lines_written((folder / title).read_text(), code)
                (folder / title).write_text(code)
                rows.append([f"lines in `{title}`", lines])
                written += lines
                continue
            say(code.strip())
            began = time.perf_counter()
            folder = run(code, folder, variables)
            seconds = time.perf_counter() - began
            rows.append([f"up to `{code.strip().splitlines()[-1]}`, s", seconds])
            spent += seconds
        report = json.loads((folder / "runs" / "few_pitches-0" / "report.json").read_text())
        text = (folder / "few_pitches.py").read_text()
    rows += [
        ["verified outputs", f"{report['delivered']} of {report['requested']}"],
        ["met by what was delivered", report["all"]["satisfied_after"]],
        ["machine time, s (bar: 180)", spent],
        ["lines written (bar: 15)", written],
        ["torch in the module", "torch" in text],
    ]
    print(table(["what", "measured"], rows))


if __name__ == "__main__":
    main()
