"""Worker processes on this machine."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from lc_core.errors import LCError
from lc_core.parallel.child import Answer, answered, end, spawned
from lc_core.parallel.room import workers_by_default

__all__ = ["Processes", "make_piece", "packed", "processes"]


class Processes:
    """Worker processes on this machine.

    Args:
        count: How many.
        build: A function at the top of a module; it returns what makes a piece of a number. Called in each process.
        given: Its arguments, which can be pickled.
    """

    works_too = True
    died: tuple[type[Exception], ...] = (BrokenProcessPool,)

    def __init__(self, count: int, build: Callable[..., Callable[[int], Any]], *given: Any) -> None:
        self.count, self._build, self._given = count, build, given
        self._executor: ProcessPoolExecutor | None = None
        self._starting: list[Future[Answer]] = []

    def ready(self) -> bool:
        """Start them if they are not; return whether one has built what it makes pieces with.

        Raises:
            LCError: If that cannot be built.
        """
        if self._executor is None:
            self._executor = spawned(self.count)
            self._starting = [
                self._executor.submit(make_piece, self._build, self._given, None) for _ in range(self.count)
            ]
        done = [one.result() for one in self._starting if one.done()]
        for good, found in done:
            if not good:
                raise LCError(found[0], hint=found[1])
        return len(done) == self.count

    def submit(self, number: int) -> Future[Answer]:
        """Have a piece made."""
        self.ready()
        assert self._executor is not None
        return self._executor.submit(make_piece, self._build, self._given, number)

    def again(self) -> None:
        """Begin anew after a worker died."""
        self.close()

    def close(self) -> None:
        """End them, whatever they do."""
        executor, self._executor = self._executor, None
        if executor is not None:
            end(executor)


def processes(
    count: int | None, device: str, build: Callable[..., Callable[[int], Any]], *given: Any
) -> Processes | None:
    """Return the processes beside this one; None if this one is to be alone.

    Args:
        count: Processes in all, with this one; None for as many as there is room for, and for this one alone on an
            accelerator, or where the arguments cannot be sent.
        device: Where this process computes.
        build: See `Processes`.
        given: Its arguments.

    Raises:
        LCError: If processes are asked for, and the arguments cannot be sent to one.
    """
    wanted = count or (workers_by_default() if device == "cpu" else 1)
    if wanted < 2:
        return None
    try:
        packed(build, given)
    except LCError:
        if count is None:
            return None
        raise
    return Processes(wanted - 1, build, *given)


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


_built: dict[str, Callable[[int], Any]] = {}
"""What this worker makes pieces with: built with the first one."""


def make_piece(build: Callable[..., Callable[[int], Any]], given: tuple[Any, ...], number: int | None) -> Answer:
    """Make a piece in a worker; None only builds what it takes."""

    def make() -> Any:
        if "it" not in _built:
            _built["it"] = build(*given)
        return None if number is None else _built["it"](number)

    return answered(make)
