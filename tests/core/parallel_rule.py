"""A rule of one file, given by `--plugin`, that tells which processes measured, waits for them, and dies to order."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from lc_core.constraints.declare import measurement
from lc_core.plugins.hookspecs import hookimpl


@measurement(accepts="image.gray/1", unit="", range=(-np.inf, np.inf), at_least=0)
def inked(outputs: np.ndarray) -> np.ndarray:
    """Return how much brighter a picture is than most; slow until so many processes have measured as `wanted` says."""
    seen, pid = Path(os.environ["SEEN"]), str(os.getpid())
    if not (seen / "first").exists():
        (seen / "first").write_text(pid)
    if (seen / "die").exists() and (seen / "first").read_text() != pid:
        with suppress(FileNotFoundError):  # another process was first to take the order
            (seen / "die").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
    (seen / f"pid-{pid}").touch()
    if len(list(seen.glob("pid-*"))) < int((seen / "wanted").read_text()):
        with (seen / f"calls-{pid}").open("a") as calls:
            calls.write(".")
            time.sleep(0.2 if calls.tell() < 10 else 2.0)  # a busy machine takes long to start a process
    return outputs.reshape(len(outputs), -1).mean(axis=1) - 0.2


@hookimpl
def lc_register_constraints(register):
    register("parallel.inked", inked)
