"""Numbered pieces of work, made by this process and by others, and given out in their order.

A piece is a function of its number alone, so it is the same whoever makes it. Pieces that were made ahead and are not
needed are dropped.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar

from lc_core.errors import LCError
from lc_core.parallel.child import Answer, answered, end, spawned
from lc_core.parallel.room import workers_by_default

__all__ = ["Crew", "Others", "Processes", "make_piece", "packed", "processes"]

Piece = TypeVar("Piece")

QUEUED = 2
"""Pieces that a worker is given at once, so that it need not wait for the next one."""
AHEAD = 4
"""Most pieces, for each worker, that are ready before they are needed."""
PATIENCE = 2.0
"""Seconds of work after which other processes are started: starting one takes about as long."""
DEATHS = 3
"""Times in a row that a worker may die before a piece is ready again."""


class Others(Protocol):
    """Workers beside this process."""

    count: int
    """How many there are."""
    works_too: bool
    """Whether this process is to make pieces beside them, once they are ready."""
    died: tuple[type[Exception], ...]
    """What a piece of a worker that died raises."""

    def ready(self) -> bool:
        """Start them if they are not; return whether they can make pieces at once."""

    def submit(self, number: int) -> Future[Answer]:
        """Have a piece made."""

    def again(self) -> None:
        """Begin anew after a worker died."""

    def close(self) -> None:
        """End them, whatever they do."""


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


class Crew(Generic[Piece]):
    """Makes pieces in this process and in others.

    Args:
        here: Makes a piece in this process.
        numbers: The numbers of the pieces that have to be made, rising.
        others: Workers beside this process; None for none.
        may: Whether a piece may be given to others; those after it wait.
        asked: Whether the others were asked for: they start at once, and it is an error if they cannot work.
            Otherwise this process then goes on alone.
        patience: Seconds after which others start that were not asked for.
    """

    def __init__(
        self,
        here: Callable[[int], Piece],
        numbers: Iterable[int],
        others: Others | None = None,
        *,
        may: Callable[[int], bool] = lambda _: True,
        asked: bool = False,
        patience: float = PATIENCE,
    ) -> None:
        self._here, self._numbers, self._others, self._may = here, iter(numbers), others, may
        self._next = next(self._numbers, None)
        self._made: dict[int, Piece | LCError] = {}  # an error counts when its piece is needed
        self._given: dict[int, Future[Answer]] = {}
        self._deaths = 0
        self._asked, self._begins = asked, time.monotonic() + (0.0 if asked else patience)

    def get(self, number: int) -> Piece:
        """Return a piece; those before it are no longer needed.

        Raises:
            LCError: If it cannot be made, or workers die again and again.
        """
        while number not in self._made:
            self._hand_out()
            self._collect()
            if number in self._made:
                break
            if self._next is not None and (not self._given or self._works and len(self._made) < self._most_ahead):
                self._make()
            elif not self._given:
                return self._here(number)
            else:
                wait(self._given.values(), return_when=FIRST_COMPLETED)
        found = self._made.pop(number)
        if isinstance(found, LCError):
            raise found
        return found

    def close(self) -> None:
        """End the others."""
        if self._others is not None:
            self._others.close()

    @property
    def _works(self) -> bool:
        return self._others is None or self._others.works_too

    @property
    def _most_ahead(self) -> int:
        return AHEAD * (1 + self._others.count) if self._others else 1

    def _take(self) -> int:
        number, self._next = self._next, next(self._numbers, None)
        assert number is not None
        return number

    def _make(self) -> None:
        """Make the next piece in this process."""
        number = self._take()
        try:
            self._made[number] = self._here(number)
        except LCError as error:
            self._made[number] = error

    def _hand_out(self) -> None:
        """Give the others what they have room for."""
        if self._others is None or time.monotonic() < self._begins or self._next is None or not self._may(self._next):
            return
        try:
            if not self._others.ready():
                return
        except self._others.died as error:
            self._begin_again(error)
            return
        except LCError:
            if self._asked:
                raise
            self._go_on_alone()
            return
        room = min(QUEUED * self._others.count, self._most_ahead - len(self._made))
        while len(self._given) < room and self._next is not None and self._may(self._next):
            number = self._take()
            self._given[number] = self._others.submit(number)

    def _collect(self) -> None:
        """Take what the others have made."""
        for number, future in list(self._given.items()):
            if not future.done():
                continue
            try:
                good, found = future.result()
            except Exception as error:
                if self._others is None or not isinstance(error, self._others.died):
                    raise
                self._begin_again(error)
                return
            del self._given[number]
            self._deaths = 0
            self._made[number] = found if good else LCError(found[0], hint=found[1])

    def _begin_again(self, error: Exception) -> None:
        """Have the pieces of workers that died made again."""
        assert self._others is not None
        self._deaths += 1
        if self._deaths > DEATHS:
            if not self._asked:
                self._go_on_alone()
                return
            raise LCError(
                f"worker processes ended abruptly {self._deaths} times in a row: {error}",
                hint="they may have run out of memory: give fewer --workers",
            ) from error
        self._others.again()
        self._given = {number: self._others.submit(number) for number in self._given}

    def _go_on_alone(self) -> None:
        """Do without the others; what they were given is made here."""
        left = ([] if self._next is None else [self._next]) + list(self._given)
        self._numbers = chain(sorted(left), self._numbers)
        self._next, self._given = next(self._numbers, None), {}
        self.close()
        self._others = None


_built: dict[str, Callable[[int], Any]] = {}
"""What this worker makes pieces with: built with the first one."""


def make_piece(build: Callable[..., Callable[[int], Any]], given: tuple[Any, ...], number: int | None) -> Answer:
    """Make a piece in a worker; None only builds what it takes."""

    def make() -> Any:
        if "it" not in _built:
            _built["it"] = build(*given)
        return None if number is None else _built["it"](number)

    return answered(make)
