"""What a run may take, said before it starts: tries and time at most, and which budget would have done."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lc_core.common.progress import LONG, rounded, time_of
from lc_core.common.words import counted

if TYPE_CHECKING:
    from lc_core.sampling.collector import Collector
    from lc_core.sampling.problem import Problem

__all__ = ["at_most", "enough", "time_at_most"]


def at_most(problem: Problem) -> str:
    """Say how many tries a run may take."""
    block, most = problem.engine.block, problem.most_tries
    tries, blocks = counted(most, "try", "tries"), counted(most // block, "block")
    sizes = f" in {blocks} of {block:,}" if problem.engine.part(most // block)[1] == most // block * block else ""
    return f"sampling: {problem.count:,} wanted, at most {tries}{',' if sizes else ''}{sizes} (--budget)"


def time_at_most(collector: Collector) -> str:
    """Say how long the rest of a run may take, after a block that was timed; nothing if it is short."""
    left = collector.most_seconds_left
    if collector.timed is None or left < LONG:
        return ""
    return (
        f"a block took {collector.timed.seconds:.2g} s: at most {time_of(left)} if all tries are needed; it ends as"
        " soon as enough is found, and what is found is kept if you stop it (Ctrl-C)"
    )


def enough(wanted: int, found: int, tried: int) -> str:
    """Say which budget would do, by what was seen when too few were found.

    Args:
        wanted: Outputs that were asked for.
        found: Outputs that were found, fewer.
        tried: Tries that it took.
    """
    tries = counted(tried, "try", "tries")
    if not found:
        # With no hit in n tries the rate is below 3 / n in 95 of 100 cases.
        least = max(tried, math.ceil(wanted * tried / 3))
        return f"none in {tries}: more than --budget {rounded(least)} would be needed, if it is possible at all"
    # Two standard deviations of the number that is found make room for chance.
    expected = (wanted + 2 * math.sqrt(wanted)) * tried / found
    return f"{found:,} of {wanted:,} in {tries}: going by this, --budget {rounded(expected)} would do"
