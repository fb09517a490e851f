"""Numbered pieces of work, made by this process and by others, and given out in their order.

A piece is a function of its number alone, so it is the same whoever makes it. Pieces that were made ahead and are not
needed are dropped.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from itertools import chain
from typing import Generic, Protocol, TypeVar

from lc_core.errors import LCError
from lc_core.parallel.child import Answer

__all__ = ["Crew", "Others"]

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
            some = f"pieces {min(self._given)} to {max(self._given)}" if self._given else "none yet"
            raise LCError(
                f"worker processes ended abruptly {self._deaths} times in a row, at work on {some}: {error}",
                hint="a rule or a model may end its process, or memory ran out: --workers 1 tells which",
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
