"""Charts of how measured values are distributed, of all tries and of what is delivered, as numbers for the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from lc_core.common.words import GROUPS
from lc_core.sampling.histogram import Distribution

__all__ = ["HEIGHT", "WIDTH", "charts"]

WIDTH, HEIGHT = 320, 56
"""Size of one row of bars."""
BARS = 48
"""Most bars."""
TAIL = 0.001
"""Share of the tries at either end that is left out: a few far values would leave no room for the others."""
THINNEST = 1.5
"""Least width of a bar."""


def charts(
    entries: Sequence[Mapping[str, Any]], distributions: Mapping[str, Distribution], inside: tuple[str, ...] = ()
) -> Iterator[dict[str, Any]]:
    """Yield a chart for each constraint, those inside groups too, of which there is a value.

    Args:
        entries: `constraints` of a report.
        distributions: For each constraint's label, how its values are distributed.
        inside: The groups that these entries are in.

    Yields:
        `label`, `unit`, `entry`; `inside`, the groups in words; `unwanted`, whether what the constraint wants is what
        must not be; `low` and `high`, the ends of the axis; `band`, the wanted interval as `x` and `width`, or None;
        `before` and `after`, each with `total`, `bars` (`x`, `width`, `height`) and `outside`, the share left out.
    """
    for entry in entries:
        if "entries" in entry:
            yield from charts(entry["entries"], distributions, (*inside, entry["use"]))
        elif (found := distributions.get(entry["label"])) is not None and found.before.total:
            yield {
                "label": entry["label"],
                "unit": entry.get("unit", ""),
                "entry": entry,
                "inside": ", ".join(GROUPS[one] for one in inside),
                "unwanted": inside.count("not") % 2 == 1,
                **_drawn(found, entry["wanted"]),
            }


def _drawn(found: Distribution, wanted: Mapping[str, Any]) -> dict[str, Any]:
    step, (low, high) = found.before.width, _interval(wanted)
    wanted_ends = [one for one in (low, high) if math.isfinite(one)]
    held, counts = found.before.at(step)
    first, last = _middle(held, counts)
    span = last - first + 1
    for bound in wanted_ends:
        if first - span <= bound / step <= last + span:  # a bound that is near is in the chart
            first, last = min(first, math.floor(bound / step)), max(last, math.floor(bound / step))
    held = held[(held >= first) & (held <= last)]
    few = len(held) <= BARS  # a bar stands above each value; else one above each bin
    if few:
        thick = int(np.diff(held).min()) if len(held) > 1 else span
    else:
        while last - first + 1 > BARS:
            step, first, last = 2 * step, first // 2, last // 2
        thick = 1
    begin, size = (first - thick / 2, last - first + thick) if few else (first, last - first + 1)
    scale = WIDTH / size

    def row(bins: np.ndarray, counts: np.ndarray) -> dict[str, Any]:
        shown = (bins >= first) & (bins <= last)
        total, top = int(counts.sum()), int(counts[shown].max(initial=0))
        wide = max(THINNEST, 0.9 * thick * scale)
        middles = (bins[shown] - begin + (0 if few else 0.5)) * scale
        bars = [
            {"x": middle - wide / 2, "width": wide, "height": HEIGHT * count / top}
            for middle, count in zip(middles.tolist(), counts[shown].tolist(), strict=True)
        ]
        return {"total": total, "bars": bars, "outside": 1 - float(counts[shown].sum()) / total if total else 0.0}

    left, right = low / step, high / step
    if few and len(inside := held[(held >= math.floor(max(left, first))) & (held <= min(right, last))]):
        left, right = inside[0] - thick / 2, inside[-1] + thick / 2  # whole bars
    left, right = max(left - begin, 0.0) * scale, min(right - begin, size) * scale
    ends = [found.before.low, found.before.high, *wanted_ends]
    return {
        "low": max(first * step, min(ends)),
        "high": min((last + 1) * step, max(ends)),
        "band": {"x": left, "width": max(right - left, THINNEST)} if left <= right else None,
        "before": row(*found.before.at(step)),
        "after": row(*found.after.at(step)),
    }


def _middle(bins: np.ndarray, counts: np.ndarray) -> tuple[int, int]:
    """Return the first and the last bin without the tails."""
    below = np.cumsum(counts) / counts.sum()
    first = int(np.searchsorted(below, TAIL, side="right"))
    last = int(np.searchsorted(below, 1 - TAIL))
    return int(bins[first]), int(bins[max(first, last)])


def _interval(wanted: Mapping[str, Any]) -> tuple[float, float]:
    """Return the bounds of what is wanted."""
    if "between" in wanted:
        low, high = wanted["between"]
        return float(low), float(high)
    if "target" in wanted:
        return wanted["target"] - wanted["tolerance"], wanted["target"] + wanted["tolerance"]
    return float(wanted.get("at_least", -np.inf)), float(wanted.get("at_most", np.inf))
