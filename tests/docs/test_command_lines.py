"""Every command line of documents, specs and messages is run as it stands, or listed in `not_run.py` with a reason.

A page is followed in a folder of its own, in its order, with the files that it says to save. Fits are made small by
`--set`, in a cache of their own; `test_tutorials.py` has those of full size.
"""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import click
import pytest

from lc_core.plugins.discover import build_registry
from tests.docs.command_lines import FENCE, ROOT, Line, command_of, in_prose, lines, parse, summary, treatment
from tests.docs.not_run import NOT_RUN
from tests.docs.running import filled, make_files, run

LINES = lines()
SMALL = (
    *("--set=fit.prior_samples=1024", "--set=fit.push_samples=256", "--set=fit.steps=100", "--set=fit.hidden=32"),
    *("--set=fit.rounds=2", "--set=fit.round_samples=128", "--set=fit.round_steps=20"),
)
ANSWERS = {"score": (0, 3)}
"""A file of one's own may not meet the rules; that is what the command is to say."""
ALONE = ("plugins", "doctor", "schema", "label", "fit")
"""Commands that are run once, on whatever page: no page goes on with what these left on another."""


def treated(*how: str) -> list[Line]:
    return [line for line in LINES if treatment(line)[0] in how]


def places() -> list[str]:
    return list(dict.fromkeys(line.place for line in treated("run")))


@pytest.fixture(scope="module")
def small_fits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder for small fits, which no other test reads."""
    return tmp_path_factory.mktemp("small-fits")


@pytest.fixture(scope="module")
def done() -> set[str]:
    """Lines that need nothing of a page and were run on an earlier one."""
    return set()


def save_what_a_page_says(page: Path) -> None:
    """Write the blocks that a page says to save, and those that it shows under a name."""
    text = page.read_text(encoding="utf-8")
    for block in FENCE.finditer(text):
        before, after = text[: block.start()].rstrip().rpartition("\n")[2], text[block.end() :].lstrip()
        title = re.search(r'title="([^"]+)"', block[0].partition("\n")[0])
        name = (
            title or re.search(r"[Ss]ave as `([\w./-]+)`[^`]*:$", before) or re.match(r"Save it as `([\w.-]+)`", after)
        )
        if name and not Path(name[1]).exists():
            Path(name[1]).parent.mkdir(parents=True, exist_ok=True)
            Path(name[1]).write_text(block["text"], encoding="utf-8")


@pytest.mark.parametrize("place", places())
def test_every_command_line_runs_as_it_stands(
    place: str, small_fits: Path, done: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_CACHE_DIR", str(small_fits))
    if place.endswith(".md"):
        save_what_a_page_says(ROOT / place)
    for line in (one for one in treated("run") if one.place == place):
        text = filled(line.text)
        if text in done and (line.kind != "block" or text.split()[1] in ALONE):
            continue
        if line.kind == "message":
            clear()
        make_files(text)
        status, printed = run(text, *SMALL)
        expected = ANSWERS.get(text.split()[1], (0,)) if not line.status else (line.status,)
        assert status in expected, f"{place}: {line.text}\nstatus {status}\n{printed}"
        done.add(text)


def clear() -> None:
    """Leave nothing of an earlier line: messages are no page that is read in order."""
    for path in Path().iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize("line", sorted({line.text for line in LINES if line.text.startswith("lc ")}))
def test_every_line_of_lc_is_taken_by_its_command(line: str) -> None:
    named = {how for how in (treatment(one)[0] for one in LINES if one.text == line)}
    words = shlex.split((line if "synopsis" in named else filled(line)).partition(" > ")[0])
    command = command_of(words)
    assert command or words[1].startswith("--"), "there is no such command"
    if "synopsis" in named:
        known = {one.make_metavar(click.Context(command)).strip("[].") for one in command.params}
        known |= {name for one in command.params for name in one.opts}
        assert {word.strip("[].") for word in words[2:]} - {"OPTIONS"} <= known
    elif named & {"run", "tutorial", "listed"} and command and not line.endswith("--steps"):  # a number follows there
        parse(words)


@pytest.mark.parametrize("text", sorted({line.text for line in treated("listed")}))
def test_what_a_line_that_is_not_run_names_exists(text: str) -> None:
    words = [word.removeprefix(".venv/bin/") for word in shlex.split(text)]
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE), "no such target"
    elif words[:2] == ["pip", "install"]:
        check_what_pip_is_given(words[2:])
    elif words[:2] == ["python", "-m"] and words[2] != "pytest":
        check_module(words[2], words[3:])
    elif words[:2] == ["lc", "train"]:
        build_registry().get("recipe", filled(words[2]).replace("{recipe}", "melody.folk-2bar"))
    elif words[:2] == ["lc", "studio"]:
        parse(words)
    elif words[0] in ("torchrun", "srun"):
        parse(words[words.index("lc") :])
    elif words[0] == "ray":
        assert words[1] == "start"
    else:
        paths = [word for word in words if "/" in word]
        assert all((ROOT / path).exists() for path in paths)


def check_what_pip_is_given(words: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for word in words:
        name, _, extras = word.rstrip("]").partition("[")
        if extras:
            assert name in (".", project["name"])
            assert set(extras.split(",")) <= set(project["optional-dependencies"]) | {"dev"}
        elif "/" in name:
            assert (ROOT / name / "pyproject.toml").exists()


def check_module(name: str, more: list[str]) -> None:
    found = importlib.util.find_spec(name)
    assert found and found.origin, f"there is no module {name}"
    source = Path(found.origin)
    text = "".join(path.read_text() for path in (source, source.with_name("__main__.py")) if path.exists())
    assert "__main__" in text or "main(" in text, f"{name} does nothing when it is run"
    assert [word for word in more if word.startswith("--") and word not in text] == []
    assert [word for word in more if word[0].isalpha() and not word.isupper() and word not in text] == []


def test_nothing_is_listed_as_not_run_that_no_reader_is_shown() -> None:
    assert [one for one, _ in NOT_RUN if not any(re.fullmatch(one, line.text) for line in LINES)] == []


def test_the_summary_counts_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    counts = [int(number) for number in re.findall(r"^ *(\d+)", summary(), re.MULTILINE)]
    total, run_here_and_there, listed, *reasons = counts
    assert total == run_here_and_there + listed > 200 and listed == sum(reasons)
    with capsys.disabled():
        print(f"\n{summary()}")


def test_command_lines_are_found_in_sentences() -> None:
    text = "leave it out, or write it again with lc fit --out; give: lc sample a.yaml --count 2, this lc reads others"
    assert list(in_prose(text)) == ["lc fit --out", "lc sample a.yaml --count 2"]
    assert list(in_prose("lc trian melody.x makes one")) == ["lc trian melody.x"], "misspelt, to be found by the tests"
