"""Samples block by block until there are enough, or the budget is spent."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from lc_core.bank.bank import Bank
from lc_core.sampling.block import Block, run_block
from lc_core.sampling.collector import Collector, Keep
from lc_core.sampling.expect import at_most, time_at_most
from lc_core.sampling.problem import Problem
from lc_core.sampling.report import build_report
from lc_core.sampling.result import SampleResult

if TYPE_CHECKING:
    from lc_core.energy.energy import Energy
    from lc_core.plugins.registry import Registered

__all__ = ["collect"]


def collect(
    problem: Problem,
    energy: Energy | None,
    *,
    blocks: Iterator[Block] | None = None,
    bank: Bank | None = None,
    view: Registered | None = None,
    keep: Keep | None = None,
    progress: Callable[[Collector], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[SampleResult, float]:
    """Sample until enough is delivered or the budget is spent.

    Args:
        problem: What is asked.
        energy: What the engine descends.
        blocks: Blocks in order, from number 0; default runs each with `run_block`.
        bank: From `bank_for`, of what need not be decoded again.
        view: What says which outputs are the same; None for their bytes.
        keep: What takes the outputs that are delivered; the result then holds the first of them. None for all.
        progress: Called after each block.
        say: Called with a line on what it may take at most: before the first block, and when one was timed.

    Returns:
        The result, its report filled in, and the seconds it took.
    """
    began = time.monotonic()
    blocks = blocks or (run_block(problem, energy, number, bank) for number in itertools.count())
    collector = Collector(problem, bank, view=view, keep=keep)
    say(at_most(problem))
    timed = False
    for block in blocks:
        collector.add(block)
        if not timed and collector.timed is not None:
            timed = True
            if line := time_at_most(collector):
                say(line)
        progress(collector)
        if collector.complete:
            break
    problem.engine.at_work(block.number, energy)  # what served a block of an earlier run is in the report too
    result = collector.result()
    result.report = build_report(collector, result)
    return result, time.monotonic() - began
