"""Worker processes for slow measurements: those that declare `workers=`.

One pool serves a whole run. It is started when it is first needed and ends with the process, or as soon as a worker
hangs or dies. Batches are cut into pieces of a fixed size, so that the values do not depend on how many workers a
machine has room for. This module is imported in each worker, and so imports nothing heavy.
"""

from __future__ import annotations

import math
import os
import pickle
import sys
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from lc_core.common.guard import CALL_SECONDS, IMPORT_SECONDS, TimedOut, seconds_allowed
from lc_core.errors import LCError, PluginFault
from lc_core.parallel.child import Answer, answered, end, loaded_files, spawned

if TYPE_CHECKING:
    import numpy as np

__all__ = ["PIECE", "close_workers", "measure_in_workers"]

PIECE = 64
"""Outputs that a worker measures at a time."""


class _Pool:
    """The pool of this process, and what its workers were started with."""

    executor: ProcessPoolExecutor | None = None
    count: int = 0
    started_with: tuple[tuple[str, ...], ...] = ()


def measure_in_workers(
    measure: Callable[..., np.ndarray], outputs: np.ndarray, first_index: int, *, who: str, workers: int
) -> np.ndarray:
    """Measure a batch in worker processes, `(B,)` float64.

    Args:
        measure: Measures a piece of the batch there: called with it and `first_index=`.
        outputs: Decoded outputs, first dimension B.
        first_index: Index of the first output, for error messages.
        who: The measurement, for error messages.
        workers: Most processes.

    Raises:
        LCError: If the measurement cannot be sent to a process, fails there, or hangs.
    """
    import numpy as np

    blob = _pickled(measure, who)
    executor = _started(workers, blob, who)
    pieces = [(blob, outputs[at : at + PIECE], first_index + at) for at in range(0, len(outputs), PIECE)]
    try:
        answers = _answers(executor, _measure, pieces, who, seconds_allowed(CALL_SECONDS))
    except BaseException:  # Ctrl-C too: nothing may go on behind the user's back
        close_workers()
        raise
    return np.concatenate([_values(answer) for answer in answers])


def close_workers() -> None:
    """End the worker processes, whatever they do; the next measurement starts new ones."""
    executor, _Pool.executor = _Pool.executor, None
    if executor is not None:
        end(executor)


def _started(workers: int, blob: bytes, who: str) -> ProcessPoolExecutor:
    """Return the pool, with room for so many workers, each with the plugins of single files that are still there."""
    started_with = (*loaded_files(), tuple(sys.path))
    count = max(1, min(workers, os.cpu_count() or 1))
    if _Pool.executor is not None and _Pool.started_with == started_with and _Pool.count >= count:
        return _Pool.executor
    close_workers()
    _Pool.executor = spawned(count)
    _Pool.count, _Pool.started_with = count, started_with
    importing = f"the import of {who} in a worker process"  # apart: no time of the measurement's
    try:
        _answers(_Pool.executor, answered, [(_open, blob)], importing, seconds_allowed(IMPORT_SECONDS))
    except BaseException:
        close_workers()
        raise
    return _Pool.executor


def _answers(
    executor: ProcessPoolExecutor,
    function: Callable[..., Answer],
    calls: list[tuple[Any, ...]],
    who: str,
    seconds: float,
) -> list[Answer]:
    """Call a function in the workers and wait for all; some have to be done in each stretch of so many seconds."""
    timeout = seconds if math.isfinite(seconds) else None
    try:
        futures = [executor.submit(function, *call) for call in calls]
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=timeout, return_when=FIRST_COMPLETED)
            if not done:
                raise TimedOut(who, seconds)
        return [future.result() for future in futures]
    except BrokenProcessPool as error:  # a worker may die before the last call is handed over
        raise LCError(
            f"a worker process of {who} ended abruptly",
            hint='it may have run out of memory; and a script needs `if __name__ == "__main__":` above what it runs',
        ) from error


def _pickled(measure: Callable[..., np.ndarray], who: str) -> bytes:
    try:
        return pickle.dumps(measure)
    except Exception as error:
        raise LCError(
            f"{who} cannot be sent to a worker process: {type(error).__name__}: {error}",
            hint="define it at the top of a module, under its own name, or declare no workers=",
        ) from error


def _values(answer: Answer) -> np.ndarray:
    measured, found = answer
    if not measured:
        raise PluginFault(found[0], hint=found[1])
    values: np.ndarray = found
    return values


def _open(blob: bytes) -> None:
    """Import what a worker is to call; what it returned could not be sent back."""
    pickle.loads(blob)


def _measure(blob: bytes, outputs: np.ndarray, first_index: int) -> Answer:
    return answered(lambda: pickle.loads(blob)(outputs, first_index=first_index))
