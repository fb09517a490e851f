"""Every picture of the documents is shown, is small, and has a command that makes it, which is told beside it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from docs.pictures import IMAGES, PICTURES, main
from tests.docs.command_lines import parse

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def shown():
    """Return for each picture the pages that show it."""
    found = {}
    for page in PAGES:
        for name in re.findall(r"!\[[^\]]+\]\([^)]*images/(\w+)\.png\)", page.read_text(encoding="utf-8")):
            found.setdefault(name, []).append(page)
    return found


def test_there_are_twenty_pictures_and_each_is_shown_and_has_a_command():
    files = {path.stem for path in IMAGES.glob("*.png")}
    assert len(files) >= 20
    assert files == set(PICTURES)
    assert files == set(shown())


@pytest.mark.parametrize("name", PICTURES)
def test_the_command_of_a_picture_is_told_beside_it(name):
    pages = [page for page in shown()[name] if page.name != "README.md"]
    assert pages
    for page in pages:
        after = page.read_text(encoding="utf-8").partition(f"images/{name}.png)")[2]
        assert f"python -m docs.pictures {name}" in " ".join(after[:500].split()), page


@pytest.mark.parametrize("name", PICTURES)
def test_the_commands_of_a_picture_are_commands_of_lc(name):
    for line in PICTURES[name].commands:
        program, *arguments = shlex.split(line)
        assert program in ("lc", "studio", "typical")
        if program == "lc":
            parse([program, *arguments])


def test_pictures_are_small():
    sizes = {path.name: path.stat().st_size for path in IMAGES.glob("*.png")}
    assert sum(sizes.values()) < 1_500_000
    assert {name: size for name, size in sizes.items() if size > 160_000} == {}


def test_a_histogram_is_made_by_its_command(tmp_path):
    pytest.importorskip("matplotlib")
    from click.testing import CliRunner

    done = CliRunner().invoke(main, ["typical_contour", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "typical_contour.png").stat().st_size > 1000
