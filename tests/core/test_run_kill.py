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


def reach(process, condition, *, seconds=60):
    """Wait until a condition holds while a process runs."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, f"ended before it was stopped: {process.communicate()}"
        assert time.monotonic() < end, "never got there"
        time.sleep(0.002)


def blocks(folder):
    return len(list((folder / "blocks").glob("0*.safetensors")))


@pytest.fixture
def undisturbed(lc, line, content_of, write_spec, fitted):
    """What a run leaves that nothing disturbs, with critics fitted apart from those of the disturbed one."""
    assert lc("sample", write_spec(SPEC), "--out", "undisturbed").exit_code == 0
    assert blocks(Path("undisturbed")) > 4
    return content_of(Path("undisturbed"))


def test_a_run_that_is_killed_again_and_again_leaves_the_same_bytes(
    undisturbed, start_lc, lc, write_spec, content_of, monkeypatch, tmp_path
):
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    cache, run = tmp_path / "cache", tmp_path / "work" / "run"
    moments = {
        "fitting": lambda: any(cache.glob("critic-*/config.json")),
        "sampling": lambda: blocks(run) >= 3,
        "writing": lambda: len(list((run / "outputs").glob("*"))) >= 2,
    }
    for name, condition in moments.items():
        slow = Path("slow-decode" if name == "sampling" else "slow-write")
        slow.touch()
        process = start_lc("sample", write_spec(SPEC), "--out", "run")
        reach(process, condition)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        slow.unlink()
        assert not (run / "report.json").exists(), name
    assert lc("sample", write_spec(SPEC), "--out", "run").exit_code == 0
    assert content_of(run) == undisturbed


@pytest.mark.parametrize("moment", ["load", "fit", "write"])
def test_an_interrupted_run_says_how_to_go_on_and_can(
    undisturbed, start_lc, lc, write_spec, content_of, monkeypatch, tmp_path, moment
):
    run, cache = tmp_path / "work" / "run", tmp_path / "cache"
    if moment == "fit":
        monkeypatch.setenv("LC_CACHE_DIR", str(cache))
    slow = Path(f"slow-{moment}")
    slow.touch()
    process = start_lc("sample", write_spec(SPEC), "--out", "run")
    reach(
        process,
        {
            "load": lambda: slow.read_text() == "here",
            "fit": lambda: any(cache.glob("critic-*/config.json")),
            "write": lambda: len(list((run / "outputs").glob("*"))) >= 2,
        }[moment],
    )
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    slow.unlink()
    assert (process.returncode, stdout) == (130, "")
    assert stderr.endswith("interrupted; give the same command again to go on from the last finished block\n")
    assert lc("sample", write_spec(SPEC), "--out", "run").exit_code == 0
    assert content_of(run) == undisturbed


def test_an_extension_that_is_killed_keeps_what_was_delivered(
    undisturbed, start_lc, lc, write_spec, content_of, tmp_path
):
    run = tmp_path / "work" / "undisturbed"
    done = blocks(run)
    Path("slow-decode").touch()
    process = start_lc("sample", write_spec(SPEC), "--out", "undisturbed", "--count", 60)
    reach(process, lambda: blocks(run) >= done + 2)
    process.kill()
    process.wait()
    Path("slow-decode").unlink()
    assert content_of(run) == undisturbed
    assert lc("sample", write_spec(SPEC), "--out", "undisturbed", "--count", 60).exit_code == 0
    assert lc("sample", write_spec(SPEC), "--out", "whole", "--count", 60).exit_code == 0
    assert content_of(run) == content_of(tmp_path / "work" / "whole")
