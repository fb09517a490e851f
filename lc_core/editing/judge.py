"""What judges say of a transformation: other measurements of the same thing, which took no part in it.

A judge is loaded when all is done. It guides nothing and selects nothing, so no engine optimises its figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common.guard import blaming
from lc_core.constraints.constraint import leaves
from lc_core.constraints.logic import meet_all
from lc_core.constraints.measurement import Measurement
from lc_core.errors import LCError
from lc_core.plugins.registry import Registry

if TYPE_CHECKING:
    from lc_core.editing.result import TransformResult

__all__ = ["add_judgement"]


def add_judgement(result: TransformResult, registry: Registry) -> None:
    """Add to a transformation's report what the installed judges of its measurements say, if there are any.

    Args:
        result: The transformation; `judge` is added to its report and to each example in it.
        registry: What is installed.

    Raises:
        LCError: If a judge is at fault.
    """
    judges = {one.name: one for one in registry.all("judge")}
    asked = {leaf.label: leaf.measurement for leaf in leaves(result.problem.entries)}
    others = {one.label: one for one in (*result.kept, *result.watched)}
    every = asked | {label: one.measurement for label, one in others.items()}
    assessed = {label: one for label, one in every.items() if _plain(one) in judges}
    if not assessed:
        return
    before, after = dict(result.before), dict(result.after)
    for name in sorted({_plain(one) for one in assessed.values()}):
        labels = [label for label, one in assessed.items() if _plain(one) == name]
        for values, outputs in ((before, result.inputs), (after, result.outputs)):
            found = _values_of(judges[name].load(), name, outputs, [every[label] for label in labels])
            values.update(zip(labels, found.T, strict=True))
    met = meet_all((entry for entry in result.problem.entries if entry.require), after, len(result))
    unchanged = {
        label: one.unchanged(before[label], after[label]) for label, one in others.items() if label in assessed
    }
    judge: dict[str, Any] = {"of": sorted({_plain(one) for one in assessed.values()})}
    if asked.keys() & assessed.keys():
        judge["met"] = int(met.sum())
    if unchanged:
        judge["unchanged"] = float(np.mean(list(unchanged.values())))
    result.report["judge"] = judge
    for number, example in enumerate(result.report["examples"]):
        example["judge"] = {"changed": [label for label, same in unchanged.items() if not same[number]]}
        if "met" in judge:
            example["judge"]["met"] = bool(met[number])


def _plain(measurement: Measurement) -> str:
    """The name without its distribution."""
    return measurement.name.rpartition(":")[2]


def _values_of(target: Any, name: str, outputs: np.ndarray, measurements: Sequence[Measurement]) -> np.ndarray:
    """Return what a judge measures under the settings of S measurements, `(N, S)` float64."""
    with blaming(f"judge {name}"):
        found = np.asarray(target(outputs.copy(), [one.settings() for one in measurements]), dtype=np.float64)
    expected = (len(outputs), len(measurements))
    if found.shape != expected:
        raise LCError(f"judge {name} returned shape {found.shape}; expected {expected}")
    return found
