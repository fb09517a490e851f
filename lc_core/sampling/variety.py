"""How many of a run's outputs differ, in the view that a plugin declares for their type.

Two melodies that sound the same are one, however their tokens are written. The plugin of a domain says what counts as
the same by `lc_register_views`; of a type without a view, outputs are the same if all their bytes are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common.guard import blaming
from lc_core.common.words import counted
from lc_core.errors import LCError

if TYPE_CHECKING:
    from lc_core.plugins.registry import Registered
    from lc_core.sampling.problem import Problem
    from lc_core.sampling.result import SampleResult

__all__ = ["FEW", "add_distinct", "count_distinct", "distinct_words"]

FEW = 0.9
"""A smaller share of distinct outputs is warned of."""
PIECE = 1_024
"""Outputs that a view is given at once."""
BYTES = "bytes"
"""What a report calls the comparison byte by byte."""


def count_distinct(outputs: np.ndarray, view: Registered | None = None) -> int:
    """Return how many of some outputs differ; the time it takes grows as their number does.

    Args:
        outputs: Decoded outputs, first dimension N.
        view: What says which are the same; without one all bytes count.

    Raises:
        LCError: If the view is at fault.
    """
    seen: set[bytes] = set()
    for begin in range(0, len(outputs), PIECE):
        piece = outputs[begin : begin + PIECE]
        seen.update(row.tobytes() for row in (piece if view is None else _seen_by(view, piece)))
    return len(seen)


def _seen_by(view: Registered, outputs: np.ndarray) -> np.ndarray:
    who = f"view {view.name} (from {view.distribution})"
    target = view.load()
    with blaming(who):
        found = np.asarray(target(outputs.copy()))
    if found.ndim == 0 or len(found) != len(outputs) or found.dtype.hasobject:
        raise LCError(f"{who} returned shape {found.shape}, {found.dtype}; expected ({len(outputs)}, ...) of numbers")
    return found


def add_distinct(result: SampleResult, view: Registered | None) -> None:
    """Add to a run's report how many of its outputs are distinct, and a warning if these are few.

    A view that fails loses no run: a note says so, and outputs are compared byte by byte.

    Args:
        result: The run; `distinct` is added to its report: `count`, `share` (None if nothing is delivered), `view`
            and, if the share is below 90 %, `warning`.
        view: The view of the outputs' type, if there is one.
    """
    report, outputs = result.report, result.outputs
    try:
        count = count_distinct(outputs, view)
    except LCError as error:
        fault = f"{error.message}; distinct outputs were counted byte by byte"
        report["notes"] = [*report.get("notes", []), fault]
        view, count = None, count_distinct(outputs)
    share = count / len(outputs) if len(outputs) else None
    report["distinct"] = {"count": count, "share": share, "view": view.name if view else BYTES}
    if share is not None and share < FEW:
        said = f"only {distinct_words(report)}"
        report["distinct"]["warning"] = f"{said}; what helps: {_help(result.problem, outputs)}"


def distinct_words(report: Mapping[str, Any]) -> str:
    """Return what a report says of distinct outputs in words: `18 of 500 outputs are distinct (3.6 %)`."""
    found, delivered = report["distinct"], report["delivered"]
    share = np.floor(1_000 * found["share"]) / 10  # never 100 % unless all are
    are = "is" if found["count"] == 1 else "are"
    return f"{found['count']:,} of {counted(delivered, 'output')} {are} distinct ({share:g} %)"


def _help(problem: Problem, outputs: np.ndarray) -> str:
    """Return what would bring more variety to a run, the best first."""
    engine, ways = problem.engine, []
    if engine.amortised:
        ways.append("another engine (--engine gradient)")
        if problem.realism > 0:
            ways.append(f"no realism (--set realism=0, at present {problem.realism:g})")
    elif engine.needs_energy and problem.realism > 0:
        ways.append(f"less realism (at present {problem.realism:g})")
    if engine.needs_energy and not engine.amortised:
        ways.append("--engine rejection, as varied as the model under these rules")
    if not problem.unique and count_distinct(outputs) < FEW * len(outputs):
        ways.append("--set sample.unique=true, which delivers no output twice and takes more tries")
    ways.append("rules that leave more room")
    return "; or ".join(ways)
