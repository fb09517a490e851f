"""What a worker of the studio tells, as JSON: outputs, what samples tell, and how answers were made."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.plugins import Registered
from lc_core.spec import Spec
from lc_plugins.studio.catalogue import Catalogue

if TYPE_CHECKING:
    from lc_core.exploring import Answer, Look

__all__ = ["Tell", "Told", "array_of", "drawn", "look_json", "text_of"]

Json = dict[str, Any]
Tell = Callable[[Json], None]
MADE_BY = {"moves": "near"}
HOW = {"exact": "exact", "sampler": "by the sampler", "near": "near it", "edit": "changed as little as was found"}
"""How answers were made, in words."""


def text_of(array: np.ndarray) -> str:
    """Return an array as text."""
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return base64.b64encode(content.getvalue()).decode()


def array_of(text: str) -> np.ndarray:
    """Return the array that `text_of` gave.

    Raises:
        ValueError: If the text is none of that kind.
    """
    return np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False)  # type: ignore[no-any-return]


def look_json(look: Look) -> Json:
    """Return what samples tell, as JSON."""
    rates, every = look.rates, look.rates.every
    leaves = []
    for one in look.reach:
        span = rates.spans.get(one.label)
        leaves.append(
            {
                "path": list(one.path),
                "label": one.label,
                "ends": [one.low, one.high],
                "bars": {
                    "low": one.edges[0],
                    "high": one.edges[1],
                    "all": one.every.tolist(),
                    "left": one.left.tolist(),
                },
                "step": one.step,
                "left": int(one.others),
                "span": None
                if span is None
                else {"low": span.low, "high": span.high, "middle": list(span.middle), "text": str(span)},
                "told": span.told if span else "samples",
            }
        )
    return {
        "kind": "look",
        "samples": rates.samples,
        "every": None if every is None else {"met": every.met, "text": str(every)},
        "leaves": leaves,
        "entries": [{"label": label, "text": str(rate)} for label, rate in rates.entries.items()],
        "conflicts": [str(one) for one in rates.conflicts],
        "advice": list(look.advice),
    }


class Told:
    """Tells answers one by one, and how they were made.

    Args:
        spec: What is asked.
        catalogue: What draws them.
        tell: Takes what is told.
    """

    def __init__(self, spec: Spec, catalogue: Catalogue, tell: Tell) -> None:
        self._spec, self._catalogue, self._tell = spec, catalogue, tell
        self._wanted = {leaf.label: _wanted(leaf) for leaf in _leaves(spec)}
        self._conditions = {entry.label for entry in spec.entries if entry.require}
        self._made: dict[str, int] = {}

    def answer(self, one: Answer) -> None:
        """Tell an answer, unless there are enough."""
        number = sum(self._made.values())
        if number >= self._spec.sample.count:
            return
        by = "exact" if one.exact else MADE_BY.get(one.engine, one.engine)
        self._made[by] = self._made.get(by, 0) + 1
        values = [
            {
                "label": label,
                "value": _number(one.values.get(label)),
                "wanted": self._wanted.get(label, ""),
                "met": met,
                "condition": label in self._conditions,
            }
            for label, met in one.met.items()
        ]
        self._tell(
            {
                "kind": "answer",
                "number": number,
                "by": by,
                "z": text_of(one.z),
                "output": text_of(one.output),
                "data": drawn(self._catalogue, one.output),
                "values": values,
            }
        )

    def end(self, tried: int) -> None:
        """Tell how answers were made, and that there are no more."""
        made = ", ".join(f"{count} {HOW.get(by, f'by {by}')}" for by, count in self._made.items())
        delivered = sum(self._made.values())
        self._tell({"kind": "plan", "text": made})
        text = f"{delivered} of {self._spec.sample.count}"
        self._tell({"kind": "done", "delivered": delivered, "tried": tried, "text": text})


def _leaves(spec: Spec) -> Iterator[Any]:
    waiting = list(spec.entries)
    while waiting:
        entry = waiting.pop()
        inner = getattr(entry, "entries", None)
        if inner is None:
            yield entry
        else:
            waiting.extend(inner)


def _wanted(leaf: Any) -> str:
    """Return what a constraint wants in words."""
    low, high = leaf.want.low, leaf.want.high
    if math.isinf(low):
        return f"at most {high:g}"
    return f"at least {low:g}" if math.isinf(high) else f"{low:g} to {high:g}"


def _number(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value


def drawn(catalogue: Catalogue, output: np.ndarray) -> Any:
    """Return what the view of a page draws of an output; None if it needs nothing but the file."""
    view: Registered | None = catalogue.view
    if view is None or not getattr(view.load(), "page_script", ""):
        return None
    return view.build().page_data(output)
