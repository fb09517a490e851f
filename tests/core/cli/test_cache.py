"""`lc cache`: lists fitted parts and clears them."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from lc_core.cli import main
from lc_core.common.cache import Cache


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache folder."""
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def filled(folder):
    """A cache folder with two parts, one of them damaged."""
    torch = pytest.importorskip("torch")
    for key in ("aaa", "bbb"):
        Cache().get_or_fit("critic", key, lambda key=key: ({"what": f"critic of {key}"}, {"w": torch.zeros(250)}))
    (folder / "critic-bbb" / "config.json").write_text("{")
    return folder


def run(*arguments, answer=None):
    return CliRunner().invoke(main, ["cache", *arguments], input=answer)


@pytest.fixture
def on_terminal(monkeypatch):
    """Let commands believe that a person types."""

    def tty(*arguments, answer=None):
        monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
        return run(*arguments, answer=answer)

    return tty


def test_an_empty_cache_is_listed_as_such(folder):
    result = run()
    assert (result.exit_code, result.stdout) == (0, f"0 fitted parts, 0 B in {folder}\n")


def test_parts_are_listed_with_kind_size_age_folder_and_what_they_are_of(filled):
    result = run()
    header, *rows, total = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert header == "kind size age folder what"
    assert any(row.startswith("critic 1.") and row.endswith("kB just now critic-aaa critic of aaa") for row in rows)
    assert any(row.endswith("just now critic-bbb (damaged)") for row in rows)
    assert total.startswith("2 fitted parts, ")
    assert total.endswith(f"kB in {filled}")


def test_json_lists_the_same(filled):
    found = json.loads(run("--json").stdout)
    assert found["folder"] == str(filled)
    assert found["bytes"] == sum(one["bytes"] for one in found["entries"])
    (first,) = [one for one in found["entries"] if one["what"] == "critic of aaa"]
    assert (first["kind"], first["folder"]) == ("critic", str(filled / "critic-aaa"))
    assert first["written"].endswith("+00:00")


def test_clearing_deletes_all_and_says_how_many(filled):
    result = run("--clear", "--yes")
    assert result.exit_code == 0
    assert result.stdout.startswith("deleted 2 fitted parts, ")
    assert run().stdout.startswith("0 fitted parts")


def test_clearing_as_json_says_how_many(filled):
    found = json.loads(run("--clear", "--yes", "--json").stdout)
    assert found["deleted"] == 2
    assert found["bytes"] > 0


def test_on_a_terminal_clearing_asks_first(filled, on_terminal):
    result = on_terminal("--clear", answer="n\n")
    assert result.exit_code == 0
    assert "Delete 2 fitted parts" in result.stderr
    assert "nothing was deleted" in result.stderr
    assert len(Cache().entries()) == 2
    assert on_terminal("--clear", answer="y\n").stdout.startswith("deleted 2 fitted parts")
    assert Cache().entries() == []


def test_on_a_terminal_yes_answers_beforehand(filled, on_terminal):
    result = on_terminal("--clear", "--yes")
    assert result.stdout.startswith("deleted 2 fitted parts")
    assert "Delete" not in result.stderr


def test_listing_imports_no_torch(folder):
    import subprocess

    code = (
        "import sys\nfrom lc_core.cli import main\n"
        "try: main(['cache'])\nexcept SystemExit as end: print(end.code, 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 False"


@pytest.mark.parametrize("arguments", [(), ("--clear",)])
def test_a_folder_that_may_not_be_read_is_told_in_words(folder, monkeypatch, arguments):
    folder.mkdir(exist_ok=True)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("pathlib.Path.iterdir", refuse)
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: the cache folder {folder} cannot be read: Permission denied\n  hint: ")


def test_a_blank_name_of_the_folder_is_refused(monkeypatch):
    monkeypatch.setenv("LC_CACHE_DIR", " ")
    result = run()
    assert (result.exit_code, result.stderr.splitlines()[0]) == (2, "error: LC_CACHE_DIR is blank")
