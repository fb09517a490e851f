"""What runs of the sampler and of searches tell: tables, ratios, and the rates above which a search is sooner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.bench.figure import Figure, Ratio, quartiles_of, short

__all__ = ["OURS", "Compared", "crossing"]

OURS = "sampler"
BARS = {"rejection": 200.0, "pycma": 20.0, "ribs": 20.0}
"""What is wanted at 1 in 10,000, in verified outputs a second."""
RAREST = 4
DELIVERED = 64
"""Outputs of the command whose start-up is counted too."""
COUNTED = {"found": "distinct", "apart": "no near copies"}
"""What is counted, and how it is called."""
NOTES = (
    "Ratios are of outputs a second, with ten times the sampler's decodes for the search; a round is a composition. "
    "Where a search found nothing, half an output is counted. Crossing points are of all compositions together.",
    "No near copies: each counted output differs from all that were counted before in a quarter of its values.",
    "pycma begins anew once it found something; ribs goes on, so that most of what it finds are near copies.",
)


@dataclass(frozen=True)
class Compared:
    """Runs of the sampler and of searches.

    Args:
        runs: What each found: `composition`, `decade`, `rate`, `by`, `times` (decodes, the sampler's being 1),
            `decodes`, `seconds`, `found`, `apart`.
        names: The searches.
        start: Seconds of starts of fresh processes, by name.
        tenfold: The most decodes that a search had, the sampler's being 1.
        decades: The rarities, rising.
    """

    runs: Sequence[Mapping[str, Any]]
    names: Sequence[str]
    start: Mapping[str, Sequence[float]]
    tenfold: int
    decades: Sequence[int]

    def of(self, decade: int, name: str, times: int | None = None) -> list[Mapping[str, Any]]:
        """Return the runs of one rarity by one way, with its most decodes unless told otherwise."""
        times = times or (1 if name == OURS else self.tenfold)
        return [one for one in self.runs if (one["decade"], one["by"], one["times"]) == (decade, name, times)]

    def speed(self, decade: int, name: str, counted: str) -> float:
        """Return outputs a second, over all runs together; where none was found half an output is counted."""
        some = self.of(decade, name)
        return max(sum(one[counted] for one in some), 0.5) / sum(one["seconds"] for one in some)

    def tell(self, figure: Figure) -> None:
        """Add ratios, tables and notes to a figure."""
        figure.tables += [self._counts(), self._crossings(figure), self._starts()]
        for counted in COUNTED:
            for decade in reversed(self.decades):
                figure.ratios += [self._ratio(decade, name, counted) for name in self.names]
        figure.notes += NOTES

    def _counts(self) -> tuple[Sequence[str], list[Sequence[Any]]]:
        head = (
            "rate", "by", "decodes, the sampler's = 1", "distinct", "no near copies", "decodes",
            "decodes for each distinct", "distinct a second (quartiles)",
        )  # fmt: skip
        rows: list[Sequence[Any]] = []
        for decade in self.decades:
            for name, times in ((OURS, 1), *((name, times) for name in self.names for times in (1, self.tenfold))):
                some = self.of(decade, name, times)
                found, apart, decodes = (sum(one[key] for one in some) for key in ("found", "apart", "decodes"))
                each = f"{decodes / found:,.0f}" if found else f"over {decodes:,}"
                middle, low, high = quartiles_of([one["found"] / one["seconds"] for one in some])
                told = f"{short(middle)} ({short(low)} to {short(high)})"
                rows.append((f"1 in {10**decade:,}", name, times, found, apart, decodes, each, told))
        return head, rows

    def _ratio(self, decade: int, name: str, counted: str) -> Ratio:
        each = [
            one[counted] / one["seconds"] / (max(other[counted], 0.5) / other["seconds"])
            for one, other in zip(self.of(decade, OURS), self.of(decade, name), strict=True)
        ]
        bar = BARS[name] if decade == RAREST and counted == "found" else None
        what = f"sampler, 1 in {10**decade:,}, {COUNTED[counted]}"
        return Ratio(what, name, *quartiles_of(each), len(each), bar)

    def _crossings(self, figure: Figure) -> tuple[Sequence[str], list[Sequence[Any]]]:
        head = ("against", "counted", "sooner above a rate of, start-up excluded", f"included, for {DELIVERED} outputs")
        rows, start = [], {name: float(np.median(some)) for name, some in self.start.items()}
        found = figure.details["seconds against the sampler's"] = []
        for name in self.names:
            for counted in COUNTED:
                without, within = [], []
                for decade in self.decades:
                    rate = float(np.exp(np.mean([np.log(one["rate"]) for one in self.of(decade, name)])))
                    mine, theirs = (DELIVERED / self.speed(decade, one, counted) for one in (OURS, name))
                    without.append((rate, theirs / mine))
                    within.append((rate, (theirs + start[name]) / (mine + start[OURS])))
                rows.append((name, COUNTED[counted], _told(without), _told(within)))
                found.append({"against": name, "counted": counted, "excluded": without, "included": within})
        return head, rows

    def _starts(self) -> tuple[Sequence[str], list[Sequence[Any]]]:
        rows = [(name, "{:.2f} ({:.2f} to {:.2f})".format(*quartiles_of(some))) for name, some in self.start.items()]
        return ("start-up of a fresh process", "seconds (quartiles)"), rows


def crossing(points: Sequence[tuple[float, float]]) -> float | None:
    """Return the rate at which a ratio is 1; None where it is on one side of 1 at all rates.

    The ratio's logarithm is taken as straight in the rate's between two points.

    Args:
        points: Rates, falling, and the ratio at each.
    """
    logs = np.log(np.array(points))
    for first, second in zip(logs[:-1], logs[1:], strict=True):
        if first[1] <= 0 < second[1]:
            return float(np.exp(np.interp(0.0, [first[1], second[1]], [first[0], second[0]])))
    return None


def _told(points: Sequence[tuple[float, float]]) -> str:
    """Return in words above which rate a search is sooner; `points` have its seconds divided by the sampler's."""
    if (found := crossing(points)) is not None:
        return f"1 in {short(1 / found)}"
    return "at none of these rates" if points[0][1] > 1 else "at all of these rates"
