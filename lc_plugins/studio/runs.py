"""Runs that a page starts: `lc sample` on its spec, in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from lc_core import LCError

__all__ = ["make_run"]

RUNS = 1_000
"""Names of run folders that are tried."""
SPENT = 3
"""Status of `lc sample` where the budget was spent before all was found."""


async def make_run(yaml: str, plugins: Sequence[Path], say: Callable[[str], Awaitable[None]]) -> Path:
    """Make the run of a spec by `lc sample`, as a person would, and return its folder.

    Args:
        yaml: The spec.
        plugins: Plugin files that it needs.
        say: Called with each line that the command says.

    Raises:
        LCError: If the folder cannot be made, or the command fails.
    """
    folder = _free_folder()
    spec = folder.with_suffix(".yaml")
    try:
        spec.parent.mkdir(parents=True, exist_ok=True)
        spec.write_text(yaml, encoding="utf-8")
    except OSError as error:
        raise LCError(f"{spec} cannot be written: {error.strerror}") from error
    options = [part for one in plugins for part in ("--plugin", str(one))]
    command = [sys.executable, "-m", "lc_core", "sample", str(spec), "--out", str(folder), "--workers", "1", *options]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    last = ""
    try:
        while line := await process.stderr.readline():
            last = line.decode(errors="replace").strip() or last
            await say(last)
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if code not in (0, SPENT):
        raise LCError(last or f"lc sample ended with status {code}")
    return folder


def _free_folder() -> Path:
    """Return a folder for a run that is not there yet, in `runs` below the folder that one is in."""
    for number in range(1, RUNS):
        folder = Path("runs") / f"studio-{number}"
        if not folder.exists() and not folder.with_suffix(".yaml").exists():
            return folder
    raise LCError("there are too many runs of the studio in runs", hint="move some away")
