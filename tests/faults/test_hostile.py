"""Files that somebody else prepared run nothing, write nothing elsewhere, show nothing and take little memory.

`benchmarks/hostile.py` has all cases; those that are quick are here.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.hostile import attempt
from benchmarks.hostile_files import CASES
from lc_core.cli import main
from lc_core.runs.html import write_html
from tests.core.runs.test_html import edit, edit_report, entry, report, sample

SLOW = ("a training", "a link as weights", "a link as checkpoint", "4,096", "as models.onnx", "as models.pythae")
"""Parts of the names of cases that take seconds, or are like others."""
QUICK = [name for name in CASES if not any(part in name for part in SLOW)]
EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'> javascript:alert(3) {{ 7 * 7 }}"
FIXED = ("kind", "media_type", "path", "wanted")
"""Keys whose values a page takes from lc alone."""


@pytest.mark.parametrize("name", QUICK)
def test_a_hostile_file_does_no_harm(name: str, tmp_path: Path) -> None:
    outcome = attempt(CASES[name], tmp_path)
    assert outcome.faults == [], outcome.told
    assert outcome.ended == "taken" or "error" in outcome.told or str(tmp_path) in outcome.told


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("validate", "label.yaml"), "label 'a\\x1b]0;b\\x07' has a control character"),
        (("validate", "no\x1b]0;b\x07.yaml"), "no\\u001b]0;b\\u0007.yaml: no such file"),
    ],
)
def test_names_tell_a_terminal_nothing(words: tuple[str, str], found: str) -> None:
    rule = 'use: images.brightness, at_most: 0.9, label: "a\\e]0;b\\a"'
    Path("label.yaml").write_text(f"lc: 1\nmodel: digits.8x8\nconstraints: [{{{rule}}}]\n")
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code == 2
    assert found in result.stderr and "\x1b" not in result.output


class Parts(HTMLParser):
    """Tags of a page, and what is written in its scripts."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.scripts: list[str] = []
        self.addresses: list[str] = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attributes if name.startswith("on")]
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] == "script" and data.strip():
            self.scripts.append(data)


def with_evil(node: Any, key: str = "") -> Any:
    """Return a report with every text and every name in it replaced by one that a browser would run."""
    if isinstance(node, dict):
        return {name: with_evil(one, name) for name, one in node.items()}
    if isinstance(node, list):
        return [with_evil(one, key) for one in node]
    return EVIL if isinstance(node, str) and key not in FIXED else node


@pytest.mark.parametrize("kind", ["sample", "transform"])
def test_text_in_any_name_is_shown_and_not_run(kind: str, tmp_path: Path) -> None:
    label = {EVIL: 1.0}
    if kind == "sample":
        content = with_evil(report(entry("a"), entry("b", entries=[entry("c")], use="any")) | {"notes": ["x"]})
        content["constraints"][1]["use"] = "any"
        shown = [sample(0, tmp_path, measurements=label, met={EVIL: True})]
    else:
        content = with_evil(edit_report(entry("a")))
        content["kind"] = "transform"
        shown = [edit(0, tmp_path, input=EVIL, before=label | {"shape": 1}, after=label | {"shape": 1})]
    page = Parts(write_html(tmp_path, content, shown))
    plain = tmp_path / "plain"
    plain.mkdir()
    usual = report(entry("a"), entry("b", entries=[entry("c")], use="any"))
    usual = usual if kind == "sample" else edit_report(entry("a"))
    own = sample(0, plain) if kind == "sample" else edit(0, plain)
    known = Parts(write_html(plain, usual, [own]))
    assert EVIL[:8] in (tmp_path / "report.html").read_text().replace("&lt;", "<")
    assert sorted(set(page.tags)) == sorted(set(known.tags))
    assert page.scripts == known.scripts and page.handlers == []
    assert not [one for one in page.addresses if "javascript" in one]
