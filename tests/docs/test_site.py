"""What is generated from the code is up to date, and every page can be found and built."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def generate():
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def in_nav(part):
    """Return every page that a part of the navigation names."""
    if isinstance(part, str):
        return [part]
    return [page for one in (part.values() if isinstance(part, dict) else part) for page in in_nav(one)]


def test_generated_files_are_what_the_code_says(generate):
    for path, text in generate.pages().items():
        assert (ROOT / path).read_text(encoding="utf-8") == text, f"{path} is old: run python -m docs.generate"


def test_generating_needs_no_torch():
    code = "import sys, docs.generate; docs.generate.pages(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_every_page_is_in_the_navigation():
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    listed = in_nav(config["nav"])
    assert len(listed) == len(set(listed))
    assert {page for page in listed if not page.startswith("about/")} == pages


def test_every_picture_has_a_description():
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for text in re.findall(r"!\[([^\]]*)\]\(", path.read_text(encoding="utf-8")):
            assert text, path


def test_the_site_is_built_without_warnings(tmp_path):
    pytest.importorskip("material", reason="needs the extra docs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # of the theme's future, not of these documents
    done = subprocess.run(command, cwd=ROOT, env=quiet, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert (tmp_path / "index.html").exists()
