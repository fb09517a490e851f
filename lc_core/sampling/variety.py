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
from lc_core.sampling.digests import Digests

if TYPE_CHECKING:
    from lc_core.plugins.registry import Registered
    from lc_core.sampling.problem import Problem

__all__ = ["FEW", "Variety", "add_distinct", "distinct_words"]

FEW = 0.9
"""A smaller share of distinct outputs is warned of."""
PIECE = 1_024
"""Outputs that a view is given at once."""
BYTES = "bytes"
"""What a report calls the comparison byte by byte."""


class Variety:
    """Counts how many outputs differ, some at a time.

    A view that fails loses no run: outputs are then compared byte by byte.

    Args:
        view: What says which are the same; without one all bytes count.

    Attributes:
        fault: What is wrong with the view; empty if nothing is.
    """

    def __init__(self, view: Registered | None) -> None:
        self.fault = ""
        self._view, self._bytes, self._seen = view, Digests(), Digests()

    def add(self, outputs: np.ndarray) -> None:
        """Look at more outputs, first dimension N."""
        for begin in range(0, len(outputs), PIECE):
            piece = outputs[begin : begin + PIECE]
            self._bytes.add(piece)
            if self._view is not None:
                try:
                    self._seen.add(_seen_by(self._view, piece))
                except LCError as error:
                    self.fault = f"{error.message}; distinct outputs were counted byte by byte"
                    self._view = None

    @property
    def count(self) -> int:
        """How many differ, in the view."""
        return len(self._bytes if self._view is None else self._seen)

    @property
    def count_by_bytes(self) -> int:
        """How many differ, byte by byte."""
        return len(self._bytes)

    @property
    def compared_by(self) -> str:
        """What a report calls the view."""
        return BYTES if self._view is None else self._view.name


def _seen_by(view: Registered, outputs: np.ndarray) -> np.ndarray:
    who = f"view {view.name} (from {view.distribution})"
    target = view.load()
    with blaming(who):
        found = np.asarray(target(outputs.copy()))
    if found.ndim == 0 or len(found) != len(outputs) or found.dtype.hasobject:
        raise LCError(f"{who} returned shape {found.shape}, {found.dtype}; expected ({len(outputs)}, ...) of numbers")
    return found


def add_distinct(report: dict[str, Any], variety: Variety, problem: Problem) -> None:
    """Add to a run's report how many of its outputs are distinct, and a warning if these are few.

    Args:
        report: `distinct` is added to it: `count`, `share` (None if nothing is delivered), `view` and, if the share is
            below 90 %, `warning`. If the view failed, a note says so.
        variety: What was counted of all outputs.
        problem: What was asked.
    """
    if variety.fault:
        report["notes"] = [*report.get("notes", []), variety.fault]
    count, delivered = variety.count, report["delivered"]
    share = count / delivered if delivered else None
    report["distinct"] = {"count": count, "share": share, "view": variety.compared_by}
    if share is not None and share < FEW:
        said = f"only {distinct_words(report)}"
        ways = _help(problem, few=variety.count_by_bytes < FEW * delivered)
        report["distinct"]["warning"] = f"{said}; what helps: {ways}"


def distinct_words(report: Mapping[str, Any]) -> str:
    """Return what a report says of distinct outputs in words: `18 of 500 outputs are distinct (3.6 %)`."""
    found, delivered = report["distinct"], report["delivered"]
    share = np.floor(1_000 * found["share"]) / 10  # never 100 % unless all are
    are = "is" if found["count"] == 1 else "are"
    return f"{found['count']:,} of {counted(delivered, 'output')} {are} distinct ({share:g} %)"


def _help(problem: Problem, *, few: bool) -> str:
    """Return what would bring more variety to a run, the best first; `few` outputs differ byte by byte."""
    engine, ways = problem.engine, []
    if engine.amortised:
        ways.append("another engine (--engine gradient)")
        if problem.realism > 0:
            ways.append(f"no realism (--set realism=0, at present {problem.realism:g})")
    elif engine.needs_energy and problem.realism > 0:
        ways.append(f"less realism (at present {problem.realism:g})")
    if engine.needs_energy and not engine.amortised:
        ways.append("--engine rejection, as varied as the model under these rules")
    if few and not problem.unique:
        ways.append("--set sample.unique=true, which delivers no output twice and takes more tries")
    ways.append("rules that leave more room")
    return "; or ".join(ways)
