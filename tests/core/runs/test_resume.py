"""A run that is stopped at any point and taken up again leaves what an undisturbed one leaves."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

SPEC = """
    lc: 1
    name: lines
    model: line.model
    constraints:
      - {use: line.first, at_least: 4}
      - {use: line.mean, at_most: 0}
    engine: {use: gradient, params: {block: 8, steps: 6}}
    sample: {count: 20, seed: 3}
    render: [text]
"""
MOMENTS = {
    "loading": ("load", 0, "*"),
    "fitting": ("decode", 1, "../cache/critic-*/config.json"),
    "sampling": ("decode", 3, "run/blocks/0*.safetensors"),
    "writing": ("write", 2, "run/.lc/*/outputs/*"),
}
"""Where the plugin stands still, and which files there are then."""


@pytest.fixture
def start_until(start_lc):
    """Start `lc`, and return it once its plugin stands still, where there are so many files."""

    def start(what, count, pattern, *arguments):
        halt, halted = Path(f"halt-{what}"), Path("halted")
        halt.write_text(f"{count} {pattern}")
        process = start_lc(*arguments)
        while not halted.exists():
            assert process.poll() is None, f"ended before it was stopped: {process.communicate()}"
            time.sleep(0.01)
        halt.unlink()
        halted.unlink()
        return process

    return start


def blocks(folder):
    return len(list((folder / "blocks").glob("0*.safetensors")))


@pytest.fixture
def undisturbed(lc, line, content_of, write_spec, fitted):
    """What a run leaves that nothing disturbs, with critics fitted apart from those of the disturbed one."""
    assert lc("sample", write_spec(SPEC), "--out", "undisturbed").exit_code == 0
    assert blocks(Path("undisturbed")) > 4
    return content_of(Path("undisturbed"))


def test_a_run_that_is_killed_again_and_again_leaves_the_same_bytes(
    undisturbed, start_until, lc, write_spec, content_of, monkeypatch, tmp_path
):
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    run = tmp_path / "work" / "run"
    for moment in ("fitting", "sampling", "writing"):
        process = start_until(*MOMENTS[moment], "sample", write_spec(SPEC), "--out", "run")
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert not (run / "report.json").exists(), moment
    assert lc("sample", write_spec(SPEC), "--out", "run").exit_code == 0
    assert content_of(run) == undisturbed


@pytest.mark.parametrize("moment", ["loading", "fitting", "writing"])
def test_an_interrupted_run_says_how_to_go_on_and_can(
    undisturbed, start_until, lc, write_spec, content_of, monkeypatch, tmp_path, moment
):
    run = tmp_path / "work" / "run"
    if moment == "fitting":
        monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    process = start_until(*MOMENTS[moment], "sample", write_spec(SPEC), "--out", "run")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=500)  # it stands still for longer
    assert (process.returncode, stdout) == (130, "")
    assert stderr.endswith("interrupted; give the same command again to go on from the last finished block\n")
    assert lc("sample", write_spec(SPEC), "--out", "run").exit_code == 0
    assert content_of(run) == undisturbed


def test_an_extension_that_is_killed_keeps_what_was_delivered(
    undisturbed, start_until, lc, write_spec, content_of, tmp_path
):
    run = tmp_path / "work" / "undisturbed"
    more = blocks(run) + 2
    command = ("sample", write_spec(SPEC), "--out", "undisturbed", "--count", 60)
    process = start_until("decode", more, "undisturbed/blocks/0*.safetensors", *command)
    process.kill()
    process.wait()
    assert content_of(run) == undisturbed
    assert lc("sample", write_spec(SPEC), "--out", "undisturbed", "--count", 60).exit_code == 0
    assert lc("sample", write_spec(SPEC), "--out", "whole", "--count", 60).exit_code == 0
    assert content_of(run) == content_of(tmp_path / "work" / "whole")
