"""No command touches a file that lc did not write: every command that writes, with everything that could be in its way.

Each case prints how many of the collisions that it tried lost a file: a file is lost if it, or what it points at, is
not as it was.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock

import lc_core
from lc_core.common.cache import Cache
from lc_core.errors import LCError
from lc_core.fitting.critics import FitSettings

CURVE = Path(__file__).parents[1] / "curve_plugin.py"
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


ACTOR = """
    lc: 1
    name: few
    model: line.model
    constraints: [{use: line.first, at_least: 3}]
    engine: {use: actor, params: {hidden: 8, block: 64}}
"""
EDIT = """
    lc: 1
    name: up
    model: curve.model
    constraints: [{use: curve.first, at_least: -1}]
    engine: {use: edit, params: {steps: 5}}
    render: [curve.text]
"""
TINY = FitSettings(prior_samples=256, push_samples=64, steps=10, rounds=1, round_samples=32, round_steps=2, hidden=8)
LABEL = "label", "digits.8x8", "images.brightness", "--threshold", "brightness=0.3", "--count", 300


@pytest.fixture
def small_fit():
    return TINY.changed()


@pytest.fixture
def commands(line, lc, write_spec, install_plugin) -> dict[str, Callable[[Path], int]]:
    """The commands that write: each writes into the folder given and returns its status."""
    install_plugin("lc-recipe", RECIPE)
    install_plugin("lc-curve", CURVE.read_text(encoding="utf-8"))
    spec, never = write_spec(SPEC), write_spec(NEVER, name="never.yaml")
    actor, edit = write_spec(ACTOR, name="actor.yaml"), write_spec(EDIT, name="edit.yaml")
    np.savetxt("input.txt", np.zeros((1, 6)))

    def status(write: Callable[[], object]) -> int:
        try:
            write()
        except LCError:
            return 2
        return 0

    @functools.cache
    def sampled() -> lc_core.SampleResult:
        rules = [lc_core.Constraint(line.first, at_least=3)]
        return lc_core.sample(model=line.Line(), constraints=rules, engine="rejection", count=2, seed=1)

    @functools.cache
    def transformed() -> lc_core.TransformResult:
        import lc_curve

        rules = [lc_core.Constraint(lc_curve.first, at_least=-1)]
        return lc_core.transform(model=lc_curve.Curve(), inputs=np.zeros((1, 6)), constraints=rules, fit=TINY)

    return {
        "sample": lambda out: lc("sample", spec, "--out", out).exit_code,
        "sample, nothing found": lambda out: lc("sample", never, "--out", out).exit_code % 3,
        "transform": lambda out: lc("transform", edit, "--input", "input.txt", "--out", out).exit_code % 3,
        "fit": lambda out: lc("fit", actor, "--out", out).exit_code,
        "train": lambda out: lc("train", "toy.train", "--out", out).exit_code,
        "inspect": lambda out: lc("inspect", "line.model", "--out", out).exit_code,
        "new-plugin": lambda out: lc("new-plugin", "high-notes", "--out", out).exit_code,
        "label": lambda out: lc(*LABEL, "--out", out / "set").exit_code,
        "save_actor": lambda out: status(lambda: lc_core.save_actor(lc_core.load_spec(actor), out)),
        "SampleResult.save": lambda out: status(lambda: sampled().save(out)),
        "TransformResult.save": lambda out: status(lambda: transformed().save(out)),
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
    elif kind == "empty file":
        path.touch()
    elif kind == "folder":
        path.mkdir()
        (path / "notes.txt").write_text("mine")
    else:
        path.symlink_to(victim / LINKS[kind])


LINKS = {"link to a file": "file.txt", "link to a folder": "folder", "link to nothing": "nothing"}
KINDS = ("file", "empty file", "folder", *LINKS)
RUN = ("blocks", "blocks/run.json", "outputs", "outputs/000000.txt", "outputs/000099.txt")
MORE = {
    "sample": (*RUN, "blocks/000000.safetensors", "nearest", "nearest/000000.txt"),
    "sample, nothing found": (*RUN, "blocks/000000.safetensors", "nearest"),
    "transform": (*RUN, "pairs"),
    "label": ("set", ".set.lock"),
}
"""Places beside those of the files that a command wrote: what it might write, and folders that it needs."""
ASIDE = ".damaged-1"
"""What the name of a block ends with that was moved out of the way."""
NAMES = (
    *("sample", "sample, nothing found", "transform", "fit", "train", "inspect", "new-plugin", "label"),
    *("save_actor", "SampleResult.save", "TransformResult.save"),
)


def places_of(name: str, first: Path) -> list[Path]:
    """Return where a file of a person's could be in the way of a command, which wrote into the folder `first`."""
    written = {one.relative_to(first) for one in first.rglob("*") if name != "label"}
    own = {one for one in written if one.parts[0] not in (".lc", "blocks")}
    return sorted({*own, *map(Path, (".lc", ".lc/files.jsonl", ".lc/lock", *MORE.get(name, ())))})


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
    tried, lost = 0, []
    outside = seen(victim)
    for number, place in enumerate(places_of(name, first)):
        for kind in KINDS:
            for again in (False, True) if kind == "file" else (True,):  # a new folder is refused whatever is in it
                out = tmp_path / f"out-{number}-{kind}-{again}"
                if again:
                    shutil.copytree(first, out, symlinks=True)
                put(out / place, kind, victim)
                before = {key: value for key, value in seen(out).items() if Path(key).is_relative_to(place)}
                status = command(out)
                tried += 1
                after = seen(out)
                assert status in (0, 2), (place, kind, again)
                aside = {key: after.get(f"{place}{ASIDE}{key.removeprefix(str(place))}") for key in before}
                if seen(victim) != outside or any(
                    value not in (after.get(key), aside[key]) for key, value in before.items()
                ):
                    lost.append((str(place), kind, again))
    print(f"{name}: {len(lost)} of {tried} lost")
    assert not lost


@pytest.mark.parametrize(
    "name", ["sample", "sample, nothing found", "transform", "fit", "train", "inspect", "SampleResult.save"]
)
def test_notes_in_a_folder_of_lc_stay_and_the_same_command_goes_on(name, commands, tmp_path):
    out = tmp_path / "out"
    assert commands[name](out) == 0
    folders = [out, *(one for one in out.rglob("*") if one.is_dir() and ".lc" not in one.parts)]
    for folder in folders:
        (folder / "notes.txt").write_text("mine")
        (folder / "000099.md").write_text("mine")
    assert commands[name](out) == 0
    assert all((one / "notes.txt").read_text() == (one / "000099.md").read_text() == "mine" for one in folders)


@pytest.mark.parametrize("name", ["sample", "transform", "fit", "train", "inspect", "save_actor"])
def test_a_folder_that_another_process_writes_is_refused(name, commands, tmp_path):
    out = tmp_path / "out"
    assert commands[name](out) == 0
    before = seen(out)
    with FileLock(out / ".lc" / "lock"):
        assert commands[name](out) == 2
    assert seen(out) == before


@pytest.mark.parametrize("name", ["sample", "transform", "fit", "train", "inspect", "new-plugin", "save_actor"])
def test_a_folder_with_a_persons_work_is_refused_and_left_as_it_is(name, commands, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    assert commands[name](out) == 2
    assert seen(out) == {"thesis.txt": b"mine"}


FOREIGN = (
    *("outputs/000000.txt", "outputs/000001.txt", "outputs/000099.txt", "nearest/000000.txt", "pairs/000000.txt"),
    *("report.json", "spec.yaml", "MODEL_CARD.md", "config.json", "checkpoint.pt", "images.png"),
)
"""Names that one command or another writes."""


@pytest.mark.parametrize("name", NAMES)
def test_of_a_folder_that_was_moved_without_its_list_nothing_is_taken_up(name, commands, tmp_path):
    command, first = commands[name], tmp_path / "first"
    if name == "label":
        first.mkdir()
    assert command(first) == 0
    own = [one.relative_to(first) for one in first.rglob("*") if one.is_file() and ".lc" not in one.parts]
    cases = [(one, ()) for one in own] + [(own[0], FOREIGN)]
    for number, (changed, foreign) in enumerate(cases):
        out = tmp_path / f"moved-{number}"
        shutil.copytree(first, out, ignore=shutil.ignore_patterns(".lc"))
        for place in (changed, *map(Path, foreign)):
            put(out / place, "file", tmp_path)
        before = seen(out)
        assert command(out) == 2, changed
        assert seen(out) == before, changed


@pytest.mark.parametrize("name", ["sample", "transform", "fit", "train", "inspect"])
def test_a_part_of_a_folder_without_its_list_is_refused(name, commands, tmp_path):
    out = tmp_path / "out"
    assert commands[name](out) == 0
    shutil.rmtree(out / ".lc")
    for folder in ("outputs", "pairs"):
        shutil.rmtree(out / folder, ignore_errors=True)
    before = seen(out)
    assert commands[name](out) == 2
    assert seen(out) == before and not (out / ".lc").exists()
    for one in out.iterdir():
        shutil.rmtree(one) if one.is_dir() else one.unlink()
    (out / "blocks").mkdir()
    (out / "report.json").write_text("mine")
    assert commands[name](out) == 2
    assert seen(out) == {"report.json": b"mine"}


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


def test_a_lock_that_a_failed_fit_left_is_cleared_and_one_that_is_held_stays(lc, tmp_path, monkeypatch):
    root = tmp_path / "cache"
    monkeypatch.setenv("LC_CACHE_DIR", str(root))
    with pytest.raises(ZeroDivisionError):
        Cache(root).get_or_fit("critic", "0123456789abcdef01234567", lambda: 1 / 0)
    (root / "CACHEDIR.TAG").unlink()
    (root / "other.lock").touch()
    held = root / f"actor-{'a' * 24}.lock"
    with FileLock(held):
        assert lc("cache", "--clear").exit_code == 0
        assert sorted(one.name for one in root.iterdir()) == [held.name, "other.lock"]


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
