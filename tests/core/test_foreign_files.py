"""No command touches a file that lc did not write: every command that writes, with everything that could be in its way.

Each case prints how many collisions it tried; a file counts as lost if it, or what it points at, is not as it was.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from filelock import FileLock

import lc_core
from lc_core.cache import Cache
from lc_core.errors import LCError

RECIPE = """
from pathlib import Path
from lc_core.plugins.hookspecs import hookimpl


def train(folder: Path, *, steps: int = 3, seed: int = 0) -> None:
    "Train nothing."
    (folder / "checkpoint.pt").write_text(f"{steps}")
    (folder / "part").mkdir(exist_ok=True)
    (folder / "part" / "weights.safetensors").write_text("weights")
    (folder / "MODEL_CARD.md").write_text("card")


@hookimpl
def lc_register_recipes(register):
    register("toy.train", train)
"""
SPEC = """
    lc: 1
    name: few
    model: line.model
    constraints: [{use: line.first, at_least: 3}]
    engine: rejection
    sample: {count: 3, seed: 5}
    render: [line.text]
"""
NEVER = SPEC.replace("3}]", "10000}]").replace("seed: 5", "seed: 5, budget: 100")


@pytest.fixture
def commands(line, lc, write_spec, install_plugin, monkeypatch) -> dict[str, Callable[[Path], int]]:
    """The commands that write: each writes into the folder given and returns its status."""
    install_plugin("lc-recipe", RECIPE)
    spec, never = write_spec(SPEC), write_spec(NEVER, name="never.yaml")

    def save(out: Path) -> int:
        settings = {"model": line.Line(), "constraints": [lc_core.Constraint(line.first, at_least=3)]}
        try:
            lc_core.sample(**settings, engine="rejection", count=2, seed=1).save(out)
        except LCError:
            return 2
        return 0

    return {
        "sample": lambda out: lc("sample", spec, "--out", out).exit_code,
        "sample, nothing found": lambda out: lc("sample", never, "--out", out).exit_code % 3,
        "train": lambda out: lc("train", "toy.train", "--out", out).exit_code,
        "inspect": lambda out: lc("inspect", "line.model", "--out", out).exit_code,
        "new-plugin": lambda out: lc("new-plugin", "high-notes", "--out", out).exit_code,
        "label": lambda out: (
            lc(
                "label",
                "digits.8x8",
                "images.brightness",
                "--threshold",
                "brightness=0.3",
                "--count",
                300,
                "--out",
                out / "set",
            ).exit_code
        ),
        "SampleResult.save": save,
    }


def seen(folder: Path) -> dict[str, object]:
    """Return everything below a folder: contents, and where links point."""
    found: dict[str, object] = {}
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(root) / name
            if path.is_symlink():
                found[str(path.relative_to(folder))] = os.readlink(path)
            elif path.is_file():
                found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def put(path: Path, kind: str, victim: Path) -> None:
    """Put something of a person's at a place."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "file":
        path.write_text("mine")
    elif kind == "folder":
        path.mkdir()
        (path / "notes.txt").write_text("mine")
    else:
        path.symlink_to(victim / ("folder" if kind == "link to a folder" else "file.txt"))


KINDS = ("file", "folder", "link to a file", "link to a folder")
NAMES = ["sample", "sample, nothing found", "train", "inspect", "new-plugin", "label", "SampleResult.save"]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_of_a_persons_is_lost(name, commands, tmp_path):
    command = commands[name]
    victim = tmp_path / "victim"
    (victim / "folder").mkdir(parents=True)
    (victim / "file.txt").write_text("mine")
    (victim / "folder" / "notes.txt").write_text("mine")
    first = tmp_path / "first"
    if name == "label":
        first.mkdir()
    assert command(first) == 0
    written = sorted(one.relative_to(first) for one in first.rglob("*") if one.suffix != ".lock")
    places = [one for one in written if one.parts[0] not in (".lc", "blocks")] + [Path(".lc"), Path(".lc/files.jsonl")]
    if name == "label":
        places = [Path("set"), Path(".set.partial")]
    if "sample" in name:
        places += [Path("blocks"), Path("nearest"), Path("outputs/000002.txt"), Path("nearest/000000.txt")]
    tried, lost = 0, []
    outside = seen(victim)
    for number, place in enumerate(places):
        for kind in KINDS:
            for again in (False, True) if kind == "file" else (True,):  # a new folder is refused whatever is in it
                out = tmp_path / f"out-{number}-{kind}-{again}"
                if again:
                    shutil.copytree(first, out, symlinks=True)
                put(out / place, kind, victim)
                before = {key: value for key, value in seen(out).items() if Path(key).is_relative_to(place)}
                before = {key: value for key, value in before.items() if value != b""}
                status = command(out)
                tried += 1
                after = seen(out)
                assert status in (0, 2), (place, kind, again)
                if {key: after.get(key) for key in before} != before or seen(victim) != outside:
                    lost.append((str(place), kind, again))
                shutil.rmtree(out)
    print(f"{name}: {tried} collisions tried, {len(lost)} lost")
    assert not lost


@pytest.mark.parametrize("name", ["sample", "sample, nothing found", "train", "inspect", "SampleResult.save"])
def test_notes_in_a_folder_of_lc_stay_and_the_same_command_goes_on(name, commands, tmp_path):
    out = tmp_path / "out"
    assert commands[name](out) == 0
    folders = [out, *(one for one in out.rglob("*") if one.is_dir() and ".lc" not in one.parts)]
    for folder in folders:
        (folder / "notes.txt").write_text("mine")
        (folder / "000099.md").write_text("mine")
    assert commands[name](out) == 0
    assert all((one / "notes.txt").read_text() == (one / "000099.md").read_text() == "mine" for one in folders)


@pytest.mark.parametrize("name", ["sample", "train", "inspect"])
def test_a_folder_that_another_process_writes_is_refused(name, commands, tmp_path):
    out = tmp_path / "out"
    assert commands[name](out) == 0
    before = seen(out)
    with FileLock(out / ".lc" / "lock"):
        assert commands[name](out) == 2
    assert seen(out) == before


@pytest.mark.parametrize("name", ["sample", "train", "inspect", "new-plugin"])
def test_a_folder_with_a_persons_work_is_refused_and_left_as_it_is(name, commands, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    assert commands[name](out) == 2
    assert seen(out) == {"thesis.txt": b"mine"}


def test_a_run_of_an_earlier_version_goes_on(commands, tmp_path, content_of):
    out = tmp_path / "out"
    assert commands["sample"](out) == 0
    before = content_of(out)
    shutil.rmtree(out / ".lc")
    (out / "blocks" / "run.lock").touch()
    assert commands["sample"](out) == 0
    assert content_of(out) == before


def cached(root: Path) -> Path:
    """Fill a cache with one part and return its folder."""
    key = "0123456789abcdef01234567"
    Cache(root).get_or_fit("critic", key, lambda: ({"what": "a critic"}, {"w": torch.ones(2)}))
    return root / f"critic-{key}"


def test_clearing_the_cache_deletes_what_lc_marked_and_nothing_else(lc, tmp_path, monkeypatch):
    root = tmp_path / "cache"
    monkeypatch.setenv("LC_CACHE_DIR", str(root))
    entry = cached(root)
    (root / "my-thesis").mkdir()
    (root / "my-thesis" / "text.md").write_text("mine")
    lookalike = root / "critic-aaaaaaaaaaaaaaaaaaaaaaaa"
    lookalike.mkdir()
    (lookalike / "config.json").write_text(json.dumps({"kind": "critic", "what": "mine", "digest": "0" * 64}))
    (lookalike / "weights.safetensors").write_text("mine")
    (root / "poetry.lock").write_text("mine")
    (root / "other.lock").touch()
    (tmp_path / "elsewhere").mkdir()
    (root / "critic-bbbbbbbbbbbbbbbbbbbbbbbb").symlink_to(tmp_path / "elsewhere")
    before = {key: value for key, value in seen(root).items() if not key.startswith(entry.name)}
    listed = json.loads(lc("cache", "--json").stdout)
    assert [one["folder"] for one in listed["entries"]] == [str(entry)]
    refused = lc("cache", "--clear")
    assert refused.exit_code == 2 and "--yes" in refused.stderr and entry.is_dir()
    assert lc("cache", "--clear", "--yes").exit_code == 0
    assert not entry.exists()
    assert seen(root) == before


def test_a_folder_that_is_no_cache_is_not_cleared(lc, tmp_path, monkeypatch):
    (tmp_path / "home" / "my-work").mkdir(parents=True)
    (tmp_path / "home" / "my-work" / "text.md").write_text("mine")
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "home"))
    result = lc("cache", "--clear", "--yes")
    assert result.exit_code == 2 and "no cache of lc" in result.stderr
    assert (tmp_path / "home" / "my-work" / "text.md").read_text() == "mine"


@pytest.mark.parametrize("there", [True, False])
def test_an_empty_or_missing_cache_is_cleared(lc, tmp_path, monkeypatch, there):
    if there:
        (tmp_path / "none").mkdir()
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "none"))
    assert lc("cache", "--clear").exit_code == 0


def test_notes_in_an_entry_stay(lc, tmp_path, monkeypatch):
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    entry = cached(tmp_path / "cache")
    (entry / "notes.txt").write_text("mine")
    assert lc("cache", "--clear", "--yes").exit_code == 0
    cached(tmp_path / "cache")
    assert (entry / "notes.txt").read_text() == "mine"


def test_an_entry_in_use_is_not_deleted(lc, tmp_path, monkeypatch):
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    entry = cached(tmp_path / "cache")
    with FileLock(f"{entry}.lock"):
        assert lc("cache", "--clear", "--yes").exit_code == 0
        assert (entry / "config.json").is_file() and Path(f"{entry}.lock").exists()


def test_an_entry_of_an_earlier_version_is_known_by_its_digest(tmp_path):
    entry = cached(tmp_path / "cache")
    (entry / ".lc-cache-entry").unlink()
    assert [one.folder for one in Cache(tmp_path / "cache").entries()] == [entry]
