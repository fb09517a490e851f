"""`lc train`: settings, the folder, progress, what it ends with, and what it says when it is stopped."""

from __future__ import annotations

import pytest
import yaml
from click.testing import CliRunner

from lc_core.cli import main
from lc_core.plugins.discover import build_registry
from lc_core.spec import load_spec

PLUGIN = """
    import json
    from collections.abc import Callable
    from pathlib import Path
    from typing import Annotated
    from pydantic import Field
    from lc_core.plugins.hookspecs import hookimpl
    from lc_core.common.progress import ProgressLine

    def load(*, folder: str = ""):
        return folder

    def train(
        folder: Path,
        *,
        steps: Annotated[int, Field(ge=1)] = 10,
        seed: int = 0,
        rates: tuple[float, ...] = (0.5,),
        progress: Callable[[str], None] = print,
    ) -> None:
        "Train a toy."
        if seed == 7:
            raise KeyboardInterrupt
        if seed == 8:
            raise OSError(28, "No space left on device")
        if seed == 9:
            raise ZeroDivisionError("nine")
        progress(f"step {steps}/{steps}")
        (folder / "model.json").write_text(json.dumps([steps, seed, rates]))
        if seed == 6:
            progress(f"wrote {folder / 'model.json'}")

    def counting(folder: Path, *, steps: int = 10, progress: Callable[[str], None] = print) -> None:
        "Train a toy that tells how far it is."
        for step in (1, 5, 10):
            progress(ProgressLine(f"step {step}/10: loss [{step}]", step, 10))
        progress("wrote [a card]")
        if steps == 11:
            progress(ProgressLine("step 1/10: loss [1]", 1, 10))
            raise ZeroDivisionError("eleven")

    def silent(folder: Path) -> None:
        "Train without telling."

    @hookimpl
    def lc_register_models(register):
        register("toy.model", load, output="toy/1")
        register("toy.untrained", load, output="toy/1")

    @hookimpl
    def lc_register_recipes(register):
        register("toy.model", train)
        register("toy.counting", counting)
        register("toy.silent", silent)
"""


@pytest.fixture
def train(install_plugin, tmp_path, monkeypatch):
    """Run `lc train` in an empty folder."""
    install_plugin("lc-toy", PLUGIN)
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(main, ["train", *arguments])


def test_quiet_prints_nothing_but_errors(train):
    done = train("toy.model", "--quiet")
    assert (done.exit_code, done.output) == (0, "")
    failed = train("toy.model", "--quiet", "--seed", "8", "--out", "full")
    assert (failed.exit_code, "No space left on device" in failed.stderr) == (2, True)


@pytest.fixture
def on_terminal(monkeypatch):
    """Let commands believe that their streams are a terminal."""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda self: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


def test_the_model_is_trained_into_a_folder_of_its_name(train, tmp_path):
    result = train("toy.model")
    assert result.exit_code == 0
    assert (tmp_path / "runs" / "train-toy.model" / "model.json").read_text() == "[10, 0, [0.5]]"


def test_progress_goes_to_the_error_stream(train):
    result = train("toy.model")
    assert result.stderr == "step 10/10\n"
    assert "step" not in result.stdout


def test_a_line_that_tells_how_much_is_done_is_plain_where_there_is_no_terminal(train):
    result = train("toy.counting")
    assert result.stderr == "".join(f"step {step}/10: loss [{step}]\n" for step in (1, 5, 10)) + "wrote [a card]\n"


def test_a_line_that_tells_how_much_is_done_is_a_bar_on_a_terminal(train, on_terminal):
    result = train("toy.counting")
    bar, after = result.stderr.split("wrote [a card]")
    assert "step 10/10: loss [10]" in bar
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" * 40 in bar
    assert after == "\n"
    assert "step" not in result.stdout


def test_a_fault_ends_the_bar_and_is_told_below(train, on_terminal):
    result = train("toy.counting", "--steps", "11")
    assert result.exit_code == 2
    assert result.stderr.index("step 1/10") < result.stderr.index("Traceback")
    assert result.stderr.endswith("raised ZeroDivisionError: eleven\n")


def test_settings_are_given_by_options(train, tmp_path):
    assert (
        train("toy.model", "--out", "here/it", "--steps", "3", "--seed", "4", "--set", "rates=[1, 1e-3]").exit_code == 0
    )
    assert (tmp_path / "here" / "it" / "model.json").read_text() == "[3, 4, [1.0, 0.001]]"


def test_the_lines_that_it_ends_with_work_in_a_spec(train, write_spec, tmp_path):
    result = train("toy.model", "--out", "a folder: with marks")
    first, rest = result.stdout.split("\n", 1)
    assert first == "the model is in a folder: with marks"
    lines = rest.split("\n\n", 1)[1]
    folder = str(tmp_path / "a folder: with marks")
    assert yaml.safe_load(lines) == {"model": {"use": "toy.model", "params": {"folder": folder}}}
    path = write_spec(f"lc: 1\n{lines}constraints: []\n")
    assert load_spec(path, registry=build_registry()).model.build() == folder


def test_a_recipe_needs_neither_progress_nor_a_model(train):
    result = train("toy.silent")
    assert (result.exit_code, result.stdout) == (0, "the model is in runs/train-toy.silent\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("toy.modle",), "unknown recipe 'toy.modle' (did you mean toy.model?)"),
        (("toy.untrained",), "unknown recipe 'toy.untrained'"),
        (("toy.model", "--steps", "0"), "steps: should be greater than or equal to 1; found 0"),
        (("toy.model", "--set", "step=3"), "unknown key 'step' (did you mean steps?)"),
        (("toy.model", "--set", "progress=3"), "unknown key 'progress'"),
        (("toy.model", "--set", "rates=fast"), 'rates: should be a list; found "fast"'),
        (("toy.model", "--set", "rates"), "--set rates: error: expected KEY=VALUE"),
        (("toy.model", "--set", "seed=1", "--set", "seed=2"), "--set seed=2: error: seed is given twice"),
        (("toy.model", "--seed", "1", "--set", "seed=2"), "--set seed=2: error: seed is given twice"),
        (("toy.model", "--set", "rates=[1"), "--set rates=[1: error: not YAML"),
        (("toy.silent", "--steps", "3"), "unknown key 'steps'"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(train, tmp_path, arguments, message):
    result = train(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_training_that_is_interrupted_says_how_to_go_on(train):
    result = train("toy.model", "--seed", "7")
    assert result.exit_code == 130
    assert "give the same command again to go on" in result.stderr
    assert "runs/train-toy.model" in result.stderr
    assert result.stdout == ""


def test_half_a_file_that_a_killed_training_left_is_not_kept(train, tmp_path):
    assert train("toy.model").exit_code == 0
    place = tmp_path / "runs/train-toy.model"
    (place / ".lc/training").mkdir()
    (place / ".lc/training/.model.json.0123456789ab.partial").write_text("[1")
    assert train("toy.model").exit_code == 0
    assert sorted(one.name for one in place.iterdir()) == [".lc", "model.json"]


def test_what_it_says_that_it_wrote_is_there_in_the_end(train, tmp_path):
    lines = train("toy.model", "--out", "here", "--seed", "6").stderr.splitlines()
    (wrote,) = [line.removeprefix("wrote ") for line in lines if line.startswith("wrote ")]
    assert wrote == "here/model.json" and (tmp_path / wrote).is_file()


def test_a_full_disk_is_no_bug(train):
    result = train("toy.model", "--seed", "8")
    assert result.exit_code == 2
    assert "No space left on device" in result.stderr
    assert "hint: " in result.stderr


def test_a_folder_that_cannot_be_made_is_told(train, tmp_path):
    (tmp_path / "file").write_text("")
    result = train("toy.model", "--out", "file")
    assert result.exit_code == 2
    assert "error: file is a file; expected a folder" in result.stderr


def test_a_fault_of_a_recipe_names_its_plugin_and_shows_where(train):
    result = train("toy.model", "--seed", "9")
    assert result.exit_code == 2
    assert "error: recipe toy.model of lc-toy raised ZeroDivisionError: nine" in result.stderr
    assert "Traceback" in result.stderr
