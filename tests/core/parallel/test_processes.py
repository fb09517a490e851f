"""Worker processes on this machine: what they are sent, and what is said of those that died."""

from __future__ import annotations

import os
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import pytest

from lc_core.errors import LCError
from lc_core.parallel.processes import Processes, packed


def test_a_piece_for_workers_that_have_died_says_so_and_new_ones_make_it():
    others = Processes(1, packed(partial, (divmod, 100)))
    assert others.submit(7).result() == (True, (14, 2))
    deadly = Processes(1, packed(partial, (os._exit,)))
    for _ in range(2):  # the second is given to a pool that is broken
        with pytest.raises(BrokenProcessPool):
            deadly.submit(3).result()
    deadly.again()
    with pytest.raises(BrokenProcessPool):
        deadly.submit(3).result()
    for one in (others, deadly):
        one.close()


def test_what_raises_in_a_worker_comes_back_as_text():
    others = Processes(1, packed(partial, (divmod, 1)))
    good, (message, _) = others.submit(0).result()
    assert not good and message.startswith("ZeroDivisionError: ")
    others.close()


def test_what_cannot_be_pickled_is_told():
    with pytest.raises(LCError, match="cannot be sent to worker processes"):
        packed(partial, (lambda: 0,))
