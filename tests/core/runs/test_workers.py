"""Whoever makes the blocks of a run, and whoever dies meanwhile, the bytes are the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

RULE = Path(__file__).parents[1] / "parallel_rule.py"
SPEC = """
    lc: 1
    name: inked
    model: digits.8x8
    constraints: [{use: parallel.inked}]
    engine: {use: rejection, params: {block: 8}}
    sample: {count: 300, seed: 3}
    render: []
"""
RAY = ("--cluster", "ray", "--workers", 2)


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """A folder in which the rule tells which processes measured; an empty cache in which it remembers nothing."""
    folder = tmp_path / "seen"
    folder.mkdir()
    (folder / "wanted").write_text("1")
    monkeypatch.setenv("SEEN", str(folder))
    monkeypatch.setenv("LC_BANK_BYTES", "0")
    return folder


@pytest.fixture
def sampled(seen, write_spec, lc):
    """Sample in this process, and return the folder."""

    def run(out, *options):
        result = lc("sample", write_spec(SPEC), "--plugin", RULE, "--out", out, *options)
        assert result.exit_code == 0, result.output
        return Path(out)

    return run


@pytest.fixture
def start(seen, write_spec):
    """Start `lc sample` in a process of its own, as a launcher does."""
    started = []

    def run(out, *before, **environment):
        command = (*before, sys.executable, "-m", "lc_core", "sample", write_spec(SPEC), "--plugin", RULE, "--out", out)
        started.append(
            subprocess.Popen(
                list(map(str, command)),
                env=os.environ | {name: str(value) for name, value in environment.items()},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def undisturbed(sampled, seen, content_of):
    """What one process leaves."""
    found = content_of(sampled("one", "--workers", 1))
    assert len(list(seen.glob("pid-*"))) == 1
    for one in (*seen.glob("pid-*"), seen / "first"):
        one.unlink()
    return found


@pytest.mark.parametrize("options", [("--workers", 2), ("--workers", 3), RAY], ids=["two", "three", "ray"])
def test_any_number_of_workers_leaves_the_same_bytes(undisturbed, sampled, seen, content_of, options):
    (seen / "wanted").write_text(str(options[-1]))
    assert content_of(sampled("more", *options)) == undisturbed
    assert len(list(seen.glob("pid-*"))) >= options[-1]


@pytest.mark.parametrize("options", [("--workers", 2), RAY], ids=["two", "ray"])
def test_a_worker_that_is_killed_is_replaced(undisturbed, sampled, seen, content_of, options):
    (seen / "wanted").write_text("3")
    (seen / "die").touch()
    assert content_of(sampled("killed", *options)) == undisturbed
    assert not (seen / "die").exists()


def test_a_run_is_extended_with_another_number_of_workers(undisturbed, sampled, content_of):
    sampled("run", "--workers", 2, "--count", 100)
    assert content_of(sampled("run", "--workers", 3)) == undisturbed


@pytest.mark.parametrize("dead", [None, 2])
def test_ranks_share_a_run_and_do_without_one_that_never_starts(undisturbed, start, seen, content_of, dead):
    (seen / "wanted").write_text("2" if dead else "3")
    ranks = [start("ranks", RANK=rank, WORLD_SIZE=3) for rank in range(3) if rank != dead]
    told = [process.communicate()[0] for process in ranks]
    assert [process.returncode for process in ranks] == [0] * len(ranks), told
    assert "300 of 300" in told[0] and told[1] == ""
    assert list(Path("ranks/.lc/ahead").iterdir()) == []
    assert content_of(Path("ranks")) == undisturbed
    assert len(list(seen.glob("pid-*"))) == len(ranks)


def test_a_rank_that_died_is_made_up_for_by_the_next_start_with_another_number(undisturbed, start, seen, content_of):
    (seen / "wanted").write_text("9")  # slow throughout
    ranks = [start("ranks", SLURM_PROCID=rank, SLURM_NTASKS=2) for rank in range(2)]
    while len(list(Path("ranks/blocks").glob("0*"))) < 4:
        assert ranks[0].poll() is None
    for process in ranks:
        process.kill()
        process.wait()
    (seen / "wanted").write_text("1")
    again = start("ranks")
    assert again.wait() == 0
    assert content_of(Path("ranks")) == undisturbed
    assert not Path("ranks/.lc/ahead").exists(), "what they made ahead is of no more use"


def test_torchrun_starts_ranks(undisturbed, start, content_of):
    torchrun = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", 2, "--no-python")
    process = start("ranks", *torchrun)
    told = process.communicate()[0]
    assert process.returncode == 0, told
    assert content_of(Path("ranks")) == undisturbed


def test_what_a_launcher_says_wrong_is_told(sampled, lc, write_spec, monkeypatch, seen):
    def told(*options):
        result = lc("sample", write_spec(SPEC), "--plugin", RULE, "--out", "run", *options)
        assert result.exit_code == 2
        return result.stderr

    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "two")
    assert "RANK=two, WORLD_SIZE=2: expected a rank, from 0, and a larger number of ranks" in told()
    monkeypatch.setenv("RANK", "1")
    assert "give no --workers and no --cluster" in told("--workers", 2)
    monkeypatch.delenv("RANK")
    sampled("run", "--count", 1)
    monkeypatch.setenv("RANK", "1")
    assert "run holds another run, which differs in seed" in told("--seed", 4)


def test_a_cluster_that_is_not_there_is_told(lc, write_spec, seen):
    result = lc("sample", write_spec(SPEC), "--plugin", RULE, "--cluster", "slurm")
    assert (result.exit_code, result.stderr) == (2, "error: --cluster slurm: expected ray, or ray://HOST:PORT\n")


def test_edits_by_two_processes_have_the_same_bytes(seen, lc, write_spec, tmp_path, monkeypatch):
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    drawn = SPEC.replace("[{use: parallel.inked}]", "[]").replace("render: []", "render: [images.png]")
    assert lc("sample", write_spec(drawn), "--count", 40, "--out", "drawn").exit_code == 0
    small = {"prior_samples": 512, "push_samples": 128, "steps": 50, "rounds": 1, "round_samples": 64, "hidden": 32}
    spec = write_spec(
        f"{SPEC.replace('{use: rejection, params: {block: 8}}', '{use: edit, params: {block: 1}}')}    fit: {small}\n"
    )

    def edited(out, workers):
        files = sorted(Path("drawn/outputs").glob("*.png"))
        result = lc("transform", spec, "--plugin", RULE, "--out", out, "--workers", workers, "--input", *files)
        assert result.exit_code in (0, 3), result.output
        report = json.loads(Path(out, "report.json").read_text())
        assert report.pop("seconds")
        return report, Path(out, "samples.safetensors").read_bytes()

    alone = edited("one", 1)
    (seen / "wanted").write_text("2")
    assert edited("two", 2) == alone
    assert len(list(seen.glob("pid-*"))) == 2


def test_a_bank_filled_by_two_processes_has_the_same_files(seen, lc, write_spec, tmp_path, monkeypatch):
    monkeypatch.delenv("LC_BANK_BYTES")

    def filled(name, workers):
        monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / name))
        for one in (*seen.glob("pid-*"), seen / "first"):
            one.unlink(missing_ok=True)
        result = lc("bank", write_spec(SPEC), "--plugin", RULE, "--samples", 20_000, "--workers", workers)
        assert result.exit_code == 0, result.output
        root = tmp_path / name
        return {one.relative_to(root): one.read_bytes() for one in root.rglob("*") if one.is_file()}

    alone = filled("one", 1)
    (seen / "wanted").write_text("2")
    assert filled("two", 2) == alone
    assert len(list(seen.glob("pid-*"))) == 2


def test_what_cannot_be_sent_is_told_where_workers_were_asked_for(install_plugin, lc, write_spec):
    hidden = """
        import lc_core

        def made():
            @lc_core.measurement(accepts="image.gray/1", unit="", range=(0, 1), at_least=0)
            def hidden(outputs):
                "Return a constant."
                return outputs.reshape(len(outputs), -1).max(axis=1)
            return hidden

        @lc_core.hookimpl
        def lc_register_constraints(register):
            register("hidden.rule", made())
    """
    install_plugin("lc-hidden", hidden)
    spec = write_spec(SPEC.replace("parallel.inked", "hidden.rule"))
    result = lc("sample", spec, "--workers", 2, "--out", "two")
    assert result.exit_code == 2 and "cannot be sent to worker processes" in result.stderr
    assert "give --workers 1" in result.stderr
    assert lc("sample", spec, "--out", "default").exit_code == 0


def test_a_run_has_one_number_of_threads(sampled, lc, write_spec):
    sampled("run", "--count", 1)
    torch.set_num_threads(2)
    try:
        result = lc("sample", write_spec(SPEC), "--plugin", RULE, "--out", "run", "--count", 1)
    finally:
        torch.set_num_threads(1)
    assert result.exit_code == 2
    assert "differs in processor, or its threads" in result.stderr and "OMP_NUM_THREADS" in result.stderr


def test_a_cluster_that_does_not_answer_is_told(lc, write_spec, seen):
    result = lc("sample", write_spec(SPEC), "--plugin", RULE, "--cluster", "ray://127.0.0.1:1")
    assert result.exit_code == 2 and "nobody answers at ray://127.0.0.1:1" in result.stderr
