"""The report's page: complete in itself, safe, and truthful about what is undefined or left out."""

from __future__ import annotations

import base64
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from lc_core.runs.html import write_html
from lc_core.sampling.histogram import Distribution, Histogram

VOID = {"meta", "img", "br", "link", "input", "hr"}
PICTURE, SOUND = b"\x89PNG picture", b"RIFF sound"


class Page(HTMLParser):
    """Reads a page into tags, text and table rows, and checks that every element is closed."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.rows: list[list[str]] = []
        self.source = path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("style", "script"):
            return
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def row(self, label: str) -> list[str]:
        return next(row for row in self.rows if row[0].endswith(label))


def entry(label: str, **fields: Any) -> dict[str, Any]:
    known = {"use": label, "wanted": {"at_least": 1.0}, "satisfied_before": 0.5, "satisfied_after": 1.0}
    return {"label": label, **known, "mean_measurement": 1.0, **fields}


def report(*constraints: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "schema": "report/1",
        "spec": "busy-c-major",
        "model": "toy.model",
        "engine": "gradient",
        "seed": 7,
        "status": "complete",
        "budget": 12_800,
        "requested": 2,
        "delivered": 2,
        "tried": 1_234,
        "decodes": 5_678,
        "all": {"satisfied_before": 0.25, "satisfied_after": 1.0},
        "constraints": list(constraints),
        "realism": 0.4321,
        "seconds": 12.3,
        **fields,
    }


def sample(number: int, folder: Path, **fields: Any) -> dict[str, Any]:
    files = {"png": ("image/png", PICTURE), "wav": ("audio/wav", SOUND), "mid": ("audio/midi", b"MThd")}
    (folder / "outputs").mkdir(exist_ok=True)
    listed = []
    for suffix, (media_type, content) in files.items():
        path = f"outputs/{number:06d}.{suffix}"
        (folder / path).write_bytes(content)
        listed.append({"path": path, "media_type": media_type})
    return {"number": number, "index": 10 * number, "files": listed, "measurements": {}, "met": {}, **fields}


def edit_report(*constraints: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "kind": "transform",
        "spec": "brighter",
        "model": "toy.model",
        "engine": "edit",
        "seed": 7,
        "status": "some not met",
        "inputs": 2,
        "met": 1,
        "decodes": 5_678,
        "all": {"satisfied_before": 0.0, "satisfied_after": 0.5},
        "distance": {"median": 0.12345, "largest": 0.2, "edited": 1},
        "represented": {"measure": "share of equal values", "mean": 0.9, "inputs": 1},
        "constraints": list(constraints),
        "kept": [{"label": "shape", "use": "toy.shape", "unchanged": 0.5}],
        "watched": [],
        **fields,
    }


def edit(number: int, folder: Path, **fields: Any) -> dict[str, Any]:
    known = {"input": f"{number}.txt", "met": True, "distance": 0.5, "represented": True, "changed": []}
    measured = {"before": {"a": 0.5, "b": 1.0, "shape": None}, "after": {"a": 1.0, "b": 2.0, "shape": 3.0}}
    return {**sample(number, folder), **known, **measured, **fields}


def test_pictures_and_sound_are_inside_and_other_files_are_linked(tmp_path: Path) -> None:
    page = Page(write_html(tmp_path, report(), [sample(0, tmp_path), sample(1, tmp_path)]))
    images, players, links = page.all("img"), page.all("audio"), page.all("a")
    assert [base64.b64decode(str(image["src"]).split(",")[1]) for image in images] == [PICTURE] * 2
    assert [base64.b64decode(str(player["src"]).split(",")[1]) for player in players] == [SOUND] * 2
    assert all("controls" in player and player["aria-label"] for player in players)
    assert [image["alt"] for image in images] == ["Sample 0, 000000.png", "Sample 1, 000001.png"]
    assert [link["href"] for link in links] == ["outputs/000000.mid", "outputs/000001.mid"]
    assert (tmp_path / str(links[0]["href"])).is_file()


def test_the_page_asks_nothing_of_the_network(tmp_path: Path) -> None:
    page = Page(write_html(tmp_path, report(entry("a")), [sample(0, tmp_path)]))
    assert not re.search(r"https?:|//[a-z]|@import|url\(", page.source)
    assert not page.all("link") and all("src" not in script for script in page.all("script"))
    policy = next(meta for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert str(policy["content"]).startswith("default-src 'none'")


def test_the_numbers_of_the_run_are_told(tmp_path: Path) -> None:
    page = Page(write_html(tmp_path, report(entry("a")), []))
    for text in ("busy-c-major", "toy.model", "gradient", "Seed: 7", "2 of 2", "1,234", "12,800", "5,678", "0.4321"):
        assert text in page.text
    assert page.row("all conditions at once")[2:4] == ["25 %", "100 %"]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"at_least": 0.75}, "at least 0.75"),
        ({"at_most": 3}, "at most 3"),
        ({"between": [12, 24.5]}, "12 to 24.5"),
        ({"target": 40, "tolerance": 5}, "40 ± 5"),
    ],
)
def test_wants_are_told_in_words(tmp_path: Path, wanted: dict[str, Any], words: str) -> None:
    page = Page(write_html(tmp_path, report(entry("a", wanted=wanted)), []))
    assert page.row("a")[1] == words


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.5, "50 %"), (0.12345, "12.3 %"), (0.0012, "0.12 %"), (0.99999, "> 99.9 %")]
    + [(1e-6, "< 0.01 %"), (math.nan, "undefined"), (None, "undefined")],
)
def test_a_share_never_rounds_to_all_or_none(tmp_path: Path, share: float | None, words: str) -> None:
    page = Page(write_html(tmp_path, report(entry("a", satisfied_before=share)), []))
    assert page.row("a")[2] == words


def test_undefined_values_are_called_undefined(tmp_path: Path) -> None:
    undefined = sample(0, tmp_path, measurements={"a": math.nan, "b": None}, met={"a": False, "b": False})
    page = Page(write_html(tmp_path, report(entry("a", mean_measurement=math.nan), entry("b")), [undefined]))
    assert page.row("a")[4] == "undefined"
    assert ["a", "undefined", "✗ not met"] in page.rows and ["b", "undefined", "✗ not met"] in page.rows
    assert "nan" not in page.text.lower().replace("mean", "")


def test_groups_are_shown_with_what_they_hold(tmp_path: Path) -> None:
    group = entry("any(a, b)", use="any", wanted=None, mean_measurement=None, entries=[entry("a"), entry("b")])
    measured = sample(0, tmp_path, measurements={"a": 0.25, "b": 2}, met={"any(a, b)": True, "a": False, "b": True})
    page = Page(write_html(tmp_path, report(group), [measured]))
    labels = [row[0] for row in page.rows]
    assert labels[1:4] == ["any(a, b)", "inside: a", "inside: b"]
    assert page.row("any(a, b)") == ["any(a, b)", "any of", "50 %", "100 %", ""]
    assert page.rows[-3:] == [
        ["any(a, b)", "", "✓ met"],
        ["inside: a", "0.25", "✗ not met"],
        ["inside: b", "2", "✓ met"],
    ]


def test_a_preference_is_marked_as_one(tmp_path: Path) -> None:
    page = Page(write_html(tmp_path, report(entry("a", require=False)), []))
    assert "preference" in page.row("apreference")[0]


def test_only_the_first_48_samples_are_shown_and_the_page_says_so(tmp_path: Path) -> None:
    page = Page(write_html(tmp_path, report(), [sample(number, tmp_path) for number in range(50)]))
    assert len(page.all("article")) == len(page.all("img")) == 48
    assert "first 48 of 50 samples" in page.text


def test_distributions_stand_above_the_samples_and_nothing_in_them_is_taken_for_html(tmp_path: Path) -> None:
    name = "<b>a & 'b'</b>"
    found = Distribution(Histogram(), Histogram())
    found.before.add(np.array([0.0, 0.5, 1.0, 1.0, np.nan]))
    found.after.add(np.array([1.0, 1.0]))
    asked = report(entry(name, unit="<i>steps</i>"), tried=5, delivered=2)
    page = Page(write_html(tmp_path, asked, [sample(0, tmp_path)], distributions={name: found}))
    (drawing,) = page.all("svg")
    label = f"{name}, wanted at least 1: 4 tries, 1 undefined; 2 delivered; from 0 to 1"
    assert drawing["aria-label"] == label and not page.all("b") and not page.all("i")
    assert len(page.all("rect")) == 3 + 1 + 2 + 1, "bars, two lines below them, and what is wanted"
    assert page.text.index("Distributions") < page.text.index("Sample 0")


def test_a_page_says_which_outputs_have_files(tmp_path: Path) -> None:
    page = Page(write_html(tmp_path, report(), [sample(0, tmp_path)], total=2_000, rendered=1_000))
    assert "The first 1 of 2,000 samples" in page.text and "files of the first 1,000 were written" in page.text
    assert "lc render makes those of the others" in page.text


def test_a_run_that_fell_short_says_so(tmp_path: Path) -> None:
    page = Page(write_html(tmp_path, report(delivered=0, requested=64, tried=12_800, status="budget_spent"), []))
    assert "0 of 64 samples in 12,800 tries." in page.text
    assert "budget spent" in page.text and "No sample was delivered" in page.text


def test_everything_from_outside_is_escaped(tmp_path: Path) -> None:
    bad = "<script>alert('x')</script>\"'&$x"
    (tmp_path / "o").mkdir()
    path = 'o/a "<b>&$.png'
    (tmp_path / path).write_bytes(PICTURE)
    files = [{"path": path, "media_type": kind} for kind in ("image/png", 'image/"><script>', "text/plain")]
    row = entry(bad, use=bad, wanted={bad: bad})
    hostile = {"number": bad, "index": bad, "files": files, "measurements": {bad: bad}, "met": {bad: True}}
    named = dict.fromkeys(("spec", "model", "engine", "seed", "status", "schema", "realism", "seconds"), bad)
    page = Page(write_html(tmp_path, report(row, **named), [hostile]))
    assert len(page.all("script")) == 1
    assert page.text.count(bad) >= 10
    assert unquote(str(page.all("a")[0]["href"])) == path
    assert all(set(image) == {"src", "alt"} for image in page.all("img"))


def test_the_page_of_an_edit_has_each_input_and_what_it_became(tmp_path: Path) -> None:
    missed = edit(1, tmp_path, met=False, represented=False, changed=["shape"])
    page = Page(write_html(tmp_path, edit_report(entry("a"), entry("b")), [edit(0, tmp_path), missed]))
    assert "1 of 2 inputs meets every condition at the end" in page.text and "0.1235" in page.text
    assert page.text.count("cannot represent this input well") == 1 and page.text.count("✗ not met") == 1
    assert page.row("shapekept") == ["shapekept", "unchanged", "", "50 %"]
    assert [row for row in page.rows if row[0] == "a"] == [["a", "at least 1", "50 %", "100 %"]] + [
        ["a", "0.5", "1", ""]
    ] * 2
    told = [["shape", "undefined", "3", "unchanged"], ["shape", "undefined", "3", "changed"]]
    assert [row for row in page.rows if row[0] == "shape"] == told
    assert [image["alt"] for image in page.all("img")] == ["Example 0, 000000.png", "Example 1, 000001.png"]


def test_the_page_of_an_edit_shows_groups_and_links_as_that_of_a_sample_does(tmp_path: Path) -> None:
    group = entry("any(a, b)", use="any", entries=[entry("a"), entry("b")])
    page = Page(write_html(tmp_path, edit_report(group), [edit(0, tmp_path)]))
    assert page.row("any(a, b)") == ["any(a, b)", "any of", "50 %", "100 %"]
    assert page.row("inside: b") == ["inside: b", "at least 1", "50 %", "100 %"]
    assert "Files: 000000.mid" in page.text


def test_everything_from_outside_is_escaped_on_the_page_of_an_edit(tmp_path: Path) -> None:
    bad = "<script>alert('x')</script>\"'&$x{{ 7 * 7 }}"
    observed = {"label": f"{bad}2", "use": bad, "unchanged": 1.0}
    values = {bad: bad, f"{bad}2": 1.0}
    named = dict.fromkeys(("spec", "model", "engine", "seed"), bad)
    told = edit_report(entry(bad, use=bad, wanted={bad: bad}), kept=[observed], **named)
    page = Page(write_html(tmp_path, told, [edit(0, tmp_path, input=bad, before=values, after=values)]))
    assert len(page.all("script")) == 1
    assert page.text.count(bad) >= 10


def test_a_file_that_is_gone_is_told_and_the_page_still_written(tmp_path: Path) -> None:
    gone = sample(0, tmp_path)
    (tmp_path / "outputs/000000.wav").unlink()
    page = Page(write_html(tmp_path, report(), [gone]))
    assert "000000.wav is missing" in page.text and not page.all("audio")


def test_the_same_run_gives_the_same_page(tmp_path: Path) -> None:
    samples = [sample(0, tmp_path, measurements={"a": 1.0}, met={"a": True})]
    first = write_html(tmp_path, report(entry("a")), samples).read_bytes()
    assert write_html(tmp_path, report(entry("a")), samples).read_bytes() == first
