"""Pieces come in their order, each what its number makes it, whoever makes them and however often others die."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lc_core.errors import LCError
from lc_core.parallel.crew import Crew


class Died(Exception):
    pass


class Threads:
    """Workers that are threads; the piece of each number in `deadly` kills one, so often."""

    works_too, died = True, (Died,)

    def __init__(self, count, deadly=(), times=1, late=0):
        self.count, self.left, self.late = count, dict.fromkeys(deadly, times), late
        self.executor = ThreadPoolExecutor(count)

    def ready(self):
        self.late -= 1
        return self.late < 0

    def submit(self, number) -> Future:
        if self.left.get(number, 0) > 0:
            self.left[number] -= 1
            future = Future()
            future.set_exception(Died("gone"))
            return future
        return self.executor.submit(lambda: (number != 13, number**2 if number != 13 else ("unlucky", "skip it")))

    def again(self):
        pass

    def close(self):
        self.executor.shutdown()


def square(number):
    if number == 13:
        raise LCError("unlucky", hint="skip it")
    return number**2


@given(
    count=st.integers(1, 4),
    numbers=st.sets(st.integers(14, 60), min_size=1).map(sorted),
    deadly=st.sets(st.integers(14, 60), max_size=3),
    late=st.integers(0, 5),
    asked=st.booleans(),
)
def test_every_piece_is_what_its_number_makes_it(count, numbers, deadly, late, asked):
    crew = Crew(square, numbers, Threads(count, deadly, late=late), asked=asked)
    assert [crew.get(number) for number in numbers] == [number**2 for number in numbers]
    crew.close()


def test_a_piece_that_cannot_be_made_is_an_error_once_it_is_needed():
    for others in (None, Threads(2)):
        crew = Crew(square, range(9, 40), others, asked=True)
        assert [crew.get(number) for number in range(9, 13)] == [81, 100, 121, 144]
        with pytest.raises(LCError, match="unlucky") as caught:
            crew.get(13)
        assert caught.value.hint == "skip it"
        crew.close()


def test_workers_that_die_again_and_again_end_it_only_if_they_were_asked_for():
    deadly = range(100)
    asked = Crew(square, range(14, 100), Threads(2, deadly, 99), asked=True)
    with pytest.raises(LCError, match="ended abruptly 4 times in a row, at work on pieces .*: gone"):
        [asked.get(number) for number in range(14, 100)]
    alone = Crew(square, range(14, 100), Threads(2, deadly, 99), patience=0.0)
    assert [alone.get(number) for number in range(14, 100)] == [number**2 for number in range(14, 100)]
