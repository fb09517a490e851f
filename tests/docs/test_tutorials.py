"""Tutorials run word for word: in a folder of its own, each file that a page says to save, and each command in order.

A page speaks to this test by what its readers see, "Save as `name`" before a block or `title="name"` on it, and by
comments before a block that they do not see: `<!-- status 2 -->` and `<!-- not run in tests: why -->`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner

from lc_core.cli import main
from lc_core.errors import LCError
from lc_core.spec import load_spec
from tests.docs.running import run

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [DOCS / "quickstart.md", *sorted((DOCS / "tutorials").glob("*.md"))]
FENCE = re.compile(r"^```(?P<language>\w+)(?P<rest>[^\n]*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page."""

    language: str
    text: str
    file: str
    """The name to save it under, or nothing."""
    status: int
    """The exit status that its commands shall have."""
    skipped: bool


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a page, in order."""
    end = 0
    for found in FENCE.finditer(text):
        before = text[end : found.start()].rstrip().rpartition("\n")[2]
        end = found.end()
        name = re.search(r'title="([^"]+)"', found["rest"]) or re.search(r"[Ss]ave as `([\w./-]+)`[^`]*:$", before)
        status = re.fullmatch(r"<!-- status (\d+) -->", before)
        yield Block(
            found["language"],
            found["text"],
            name[1] if name else "",
            int(status[1]) if status else 0,
            before.startswith("<!-- not run in tests: "),
        )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_tutorial_runs_word_for_word(page: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.file:
            Path(block.file).parent.mkdir(parents=True, exist_ok=True)
            Path(block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "sh" and not block.skipped:
            for line in filter(None, block.text.splitlines()):
                status, printed = run(line)
                assert status == block.status, f"{line}\n{printed}"
    for report in map(json.loads, (path.read_text() for path in Path("runs").glob("*/report.json"))):
        if "delivered" in report:  # not of lc transform, whose status tells that all are met
            assert report["delivered"] == report["requested"]
            assert report["all"]["satisfied_after"] == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_file_of_a_tutorial_is_saved_or_a_whole_spec(page: Path, tmp_path: Path) -> None:
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language in ("yaml", "python", "toml") and not block.file:
            assert block.language == "yaml", "say what to save the block as, or fence it as text"
            (tmp_path / "whole.yaml").write_text(block.text, encoding="utf-8")
            assert CliRunner().invoke(main, ["validate", str(tmp_path / "whole.yaml")]).exit_code == 0


def test_the_mistakes_of_the_first_spec_are_told_as_the_page_says(tmp_path: Path) -> None:
    text = (DOCS / "tutorials" / "first-spec.md").read_text(encoding="utf-8")
    (wrong,) = (block for block in blocks(text) if block.file == "wrong.yaml")
    (tmp_path / "wrong.yaml").write_text(wrong.text, encoding="utf-8")
    with pytest.raises(LCError) as error:
        load_spec(tmp_path / "wrong.yaml")
    assert "wrong.yaml:4:11: error" in error.value.message
    assert "did you mean melody.in_scale?" in error.value.message
    assert "did you mean at_least?" in error.value.message
