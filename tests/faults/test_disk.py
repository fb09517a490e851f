"""A disk that is full or cannot be written, no locks, a clock that was set back: told in words, and nothing is lost."""

from __future__ import annotations

import errno
import io
import multiprocessing
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import Result

from benchmarks.kills import left
from lc_core.common.cache import Cache
from lc_core.errors import LCError

SAMPLE = ("sample", "spec.yaml", "--out", "out")
Run = Callable[..., Result]


def fail_after(patch: pytest.MonkeyPatch, count: int, number: int) -> None:
    """Let every sync fail after so many: a full disk shows at the latest when what was written is synced."""
    synced, done = os.fsync, []

    def fsync(opened: int) -> None:
        done.append(opened)
        if len(done) > count:
            raise OSError(number, os.strerror(number))
        synced(opened)

    patch.setattr("os.fsync", fsync)


def assert_told(result: Result, *words: str) -> None:
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    assert "hint:" in result.stderr
    for one in words:
        assert one in result.stderr


@pytest.mark.parametrize("count", [0, 4, 9, 14])
def test_a_full_disk_is_told_and_the_same_command_goes_on(
    lc: Run, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    with monkeypatch.context() as patch:
        fail_after(patch, count, errno.ENOSPC)
        assert_told(lc(*SAMPLE), "out: the disk is full")
    assert lc(*SAMPLE).exit_code == 0
    assert dict(left(tmp_path)) == undisturbed


def test_a_full_disk_on_a_rank_is_told_and_the_run_goes_on_without_it(
    lc: Run, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lc(*SAMPLE, "--count", 1).exit_code == 0
    with monkeypatch.context() as patch:
        patch.setenv("RANK", "1")
        patch.setenv("WORLD_SIZE", "2")
        fail_after(patch, 0, errno.ENOSPC)
        assert_told(lc(*SAMPLE), "out: the disk is full", "give the same command again")
    assert lc(*SAMPLE).exit_code == 0
    assert dict(left(tmp_path)) == undisturbed


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_sync_is_no_fault(
    lc: Run, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    fail_after(monkeypatch, 0, number)
    assert lc(*SAMPLE).exit_code == 0
    assert dict(left(tmp_path)) == undisturbed


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOTSUP])
def test_a_folder_without_locks_is_told(
    lc: Run, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(opened: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr("fcntl.flock", flock)
        assert_told(lc(*SAMPLE), f"out cannot be locked ({os.strerror(number)})", "another disk")
        with pytest.raises(LCError, match=f"{os.strerror(number)}") as caught:
            Cache(tmp_path / "cache").get_or_fit("critic", "k", lambda: ({}, {}))
        assert "LC_CACHE_DIR" in str(caught.value)
    assert lc(*SAMPLE).exit_code == 0
    assert dict(left(tmp_path)) == undisturbed


def read_only(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Refuse to open, make, rename and delete files below a folder."""
    opened, opened_low, made = io.open, os.open, os.mkdir

    def refuse(path: Any) -> None:
        if isinstance(path, str | Path) and os.path.abspath(path).startswith(str(folder)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    def open_(path: Any, mode: str = "r", *more: Any, **settings: Any) -> Any:
        if set(mode) & set("wax+"):
            refuse(path)
        return opened(path, mode, *more, **settings)

    def open_low(path: Any, flags: int, *more: Any, **settings: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            refuse(path)
        return opened_low(path, flags, *more, **settings)

    def mkdir(path: Any, *more: Any, **settings: Any) -> None:
        refuse(path)
        made(path, *more, **settings)

    patch.setattr("io.open", open_)
    patch.setattr("os.open", open_low)
    patch.setattr("os.mkdir", mkdir)


def test_with_a_cache_that_cannot_be_written_the_same_is_sampled_and_that_is_said(
    lc: Run, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        read_only(patch, tmp_path / "cache")
        result = lc(*SAMPLE)
        fitting = lc(*SAMPLE[:-1], "other", "--engine", "gradient")
    assert result.exit_code == 0, result.output
    assert "decoded samples are no longer kept" in result.stderr and "Read-only file system" in result.stderr
    assert dict(left(tmp_path)) == undisturbed
    assert_told(fitting, "cannot be written: Read-only file system", "LC_CACHE_DIR")


def test_a_clock_that_was_set_back_changes_nothing(
    lc: Run, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lc(*SAMPLE, "--count", 2).exit_code == 0
    ahead = time.time() + 10 * 365 * 86_400
    for path in [*(tmp_path / "out").rglob("*"), *(tmp_path / "cache").rglob("*")]:
        os.utime(path, (ahead, ahead))
    assert lc(*SAMPLE).exit_code == 0
    assert dict(left(tmp_path)) == undisturbed
    assert lc("cache").exit_code == 0


def fit_once(root: Path, log: Path) -> None:
    def fit() -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        with log.open("a") as file:
            file.write("fitted\n")
        time.sleep(0.3)
        return {"what": "a critic"}, {"w": torch.ones(3)}

    Cache(root).get_or_fit("critic", "k", fit)


def test_of_three_processes_that_want_the_same_part_one_fits_it(tmp_path: Path) -> None:
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=fit_once, args=(tmp_path / "cache", tmp_path / "log")) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert (tmp_path / "log").read_text() == "fitted\n"


def test_a_block_whose_bytes_changed_is_run_again(lc: Run, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    assert lc(*SAMPLE, "--count", 2).exit_code == 0
    path = tmp_path / "out" / "blocks" / "000000.safetensors"
    content = bytearray(path.read_bytes())
    content[-40] ^= 1  # in a number: the file can be read all the same
    path.write_bytes(content)
    result = lc(*SAMPLE)
    assert "block 0 of out is damaged; running it again" in result.stderr
    found = dict(left(tmp_path))
    assert found.pop("blocks/000000.safetensors.damaged-1") == bytes(content)
    assert found == undisturbed


def test_what_a_killed_command_left_half_written_is_deleted_and_nothing_else(
    lc: Run, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    assert lc(*SAMPLE).exit_code == 0
    out, other = tmp_path / "out", tmp_path / "elsewhere"
    other.mkdir()
    names = [f"{part}.report.json.0123456789ab.partial" for part in ("", "blocks/", "outputs/", ".lc/")]
    for path in (*(out / name for name in names), other / names[0]):
        path.write_bytes(b"{")
    (out / ".notes.partial").write_text("mine")
    (out / "nearest").symlink_to(other)
    assert lc(*SAMPLE).exit_code == 2  # a link in the place of a folder of lc
    (out / "nearest").unlink()
    assert lc(*SAMPLE).exit_code == 0
    found = dict(left(tmp_path))
    assert found.pop(".notes.partial") == b"mine"
    assert found == undisturbed
    assert (other / names[0]).exists()


def test_on_a_full_disk_no_half_package_is_left(lc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        fail_after(patch, 3, errno.ENOSPC)
        assert_told(lc("new-plugin", "high-notes"), "high-notes cannot be written: No space left on device", "--out")
    assert not (tmp_path / "high-notes").exists()
    assert lc("new-plugin", "high-notes").exit_code == 0
