"""Worker processes on this machine."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from lc_core.errors import LCError
from lc_core.parallel.child import Answer, answered, end, spawned
from lc_core.parallel.room import workers_by_default

__all__ = ["Pieces", "Processes", "all_built", "packed", "processes"]


class Processes:
    """Worker processes on this machine.

    Args:
        count: How many.
        blob: From `packed`: what makes pieces.
    """

    works_too = True
    died: tuple[type[Exception], ...] = (BrokenProcessPool,)

    def __init__(self, count: int, blob: bytes) -> None:
        self.count, self._blob = count, blob
        self._executor: ProcessPoolExecutor | None = None
        self._starting: list[Future[Answer]] = []

    def ready(self) -> bool:
        """Start them if they are not; return whether they have built what they make pieces with.

        Raises:
            LCError: If that cannot be built.
        """
        if self._executor is None:
            self._executor = spawned(self.count, _begin, self._blob)
            self._starting = [self._executor.submit(_piece, None) for _ in range(self.count)]
        return all_built(self._starting)

    def submit(self, number: int) -> Future[Answer]:
        """Have a piece made; where they have died already, its future says so."""
        try:
            self.ready()
            assert self._executor is not None
            return self._executor.submit(_piece, number)
        except BrokenProcessPool as error:
            future: Future[Answer] = Future()
            future.set_exception(error)
            return future

    def again(self) -> None:
        """Begin anew after a worker died."""
        self.close()

    def close(self) -> None:
        """End them, whatever they do."""
        executor, self._executor = self._executor, None
        if executor is not None:
            end(executor)


def all_built(starting: Sequence[Future[Answer]]) -> bool:
    """Return whether all workers have built what they make pieces with.

    Raises:
        LCError: If one cannot.
    """
    done = [one.result() for one in starting if one.done()]
    for good, found in done:
        if not good:
            raise LCError(found[0], hint=found[1])
    return len(done) == len(starting)


def processes(
    count: int | None, device: str, build: Callable[..., Callable[[int], Any]], *given: Any
) -> Processes | None:
    """Return the processes beside this one; None if this one is to be alone.

    Args:
        count: Processes in all, with this one; None for as many as there is room for, and for this one alone on an
            accelerator, or where the arguments cannot be sent.
        device: Where this process computes.
        build: A function at the top of a module; it returns what makes a piece of a number. Called in each process.
        given: Its arguments, which can be pickled.

    Raises:
        LCError: If processes are asked for, and the arguments cannot be sent to one.
    """
    wanted = count or (workers_by_default() if device == "cpu" else 1)
    if wanted < 2:
        return None
    try:
        return Processes(wanted - 1, packed(build, given))
    except LCError:
        if count is None:
            return None
        raise


def packed(build: Callable[..., Callable[[int], Any]], given: tuple[Any, ...]) -> bytes:
    """Return what a worker is sent, pickled.

    Raises:
        LCError: If it cannot be.
    """
    try:
        return pickle.dumps((build, given))
    except Exception as error:
        raise LCError(
            f"what is asked cannot be sent to worker processes: {type(error).__name__}: {error}",
            hint="define each component at the top of a module, under its own name; or give --workers 1",
        ) from error


class Pieces:
    """Makes pieces in a worker; what it takes is built with the first one.

    Args:
        blob: From `packed`.
    """

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._make: Callable[[int], Any] | None = None

    def __call__(self, number: int | None) -> Answer:
        """Make a piece; None only builds what it takes."""
        return answered(self._piece, number)

    def _piece(self, number: int | None) -> Any:
        if self._make is None:
            build, given = pickle.loads(self._blob)
            self._make = build(*given)
        return None if number is None else self._make(number)


_here: list[Pieces] = []
"""What this worker makes pieces with; there is one only in worker processes."""


def _begin(blob: bytes) -> None:
    _here[:] = [Pieces(blob)]


def _piece(number: int | None) -> Answer:
    return _here[0](number)
