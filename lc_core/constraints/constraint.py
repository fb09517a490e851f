"""Constraints, a measurement and what is wanted of it, combined with all / any / not; and verdicts on measured values.

Nothing here imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from lc_core.constraints.free import Free
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import WANT_KEYS, Want
from lc_core.errors import LCError

__all__ = [
    "Constraint",
    "Entry",
    "GUIDES",
    "Group",
    "all_of",
    "any_of",
    "describe",
    "fold",
    "leaves",
    "map_leaves",
    "none_of",
    "walk",
]

T = TypeVar("T")

GUIDES = ("critic", "decoder")
"""What an engine follows of a constraint."""


@dataclass(frozen=True)
class Constraint:
    """A measurement and what is wanted of it.

    Args:
        measurement: A `Measurement`, or a plain function of outputs.
        want: What is wanted; default the measurement's own.
        weight: Weight of its term in the energy, 0 or more.
        require: False makes it a preference: it guides and is reported, but decides nothing.
        label: Name in reports; default the measurement's name.
        free: What may differ without a new fit of an amortised engine: for a parameter of the measurement its values,
            for `at_least`, `at_most` or `target` a pair (low, high). What the constraint itself says is one of them.
        guide: What an engine follows: `critic`, a critic that is fitted, or `decoder`, the gradient of the
            measurement's differentiable form through the model's decoder.
        **wanted: `at_least=`, `at_most=`, `between=`, or `target=` and `tolerance=`, in place of `want`.

    Example:
        >>> def brightness(images): return images.mean(axis=(1, 2, 3))
        >>> str(Constraint(brightness, at_least=0.5).want)
        'at_least 0.5'
    """

    measurement: Measurement
    want: Want
    weight: float = 1.0
    require: bool = True
    label: str = ""
    free: Free | None = None
    guide: str = "critic"

    def __init__(
        self,
        measurement: Measurement | Callable[..., Any],
        *,
        want: Want | None = None,
        weight: float = 1.0,
        require: bool = True,
        label: str = "",
        free: Free | Mapping[str, Sequence[Any]] | None = None,
        guide: str = "critic",
        **wanted: Any,
    ) -> None:
        if not isinstance(measurement, Measurement):
            measurement = Measurement(measurement)
        if wanted:
            if want is not None or set(wanted) - set(WANT_KEYS):
                raise LCError(f"Constraint takes one of {', '.join(WANT_KEYS)}; found {sorted(wanted)}")
            want = Want(**wanted)
        want = want or measurement.info.want
        if want is None:
            raise LCError(f"{measurement.name} has no default want: say at_least, at_most, between or target")
        _check_weight(weight, label or measurement.name)
        _check_guide(guide, measurement, free)
        for key, value in {
            "measurement": measurement,
            "want": want,
            "weight": float(weight),
            "require": require,
            "label": label or measurement.name,
            "free": free if free is None or isinstance(free, Free) else Free.of(free, measurement, want),
            "guide": guide,
        }.items():
            object.__setattr__(self, key, value)

    @property
    def variants(self) -> tuple[Measurement, ...]:
        """The measurement under every combination of its free parameters; itself if none is free."""
        if self.free is None or not self.free.params:
            return (self.measurement,)
        own = self.measurement
        return tuple(replace(own, params={**own.params, **choice}) for choice in self.free.choices())

    @property
    def variant(self) -> int:
        """The number of the constraint's own combination among `variants`."""
        if self.free is None or not self.free.params:
            return 0
        own = self.measurement.settings()
        chosen = {key: own[key] for key in self.free.params}
        return list(self.free.choices()).index(chosen)


@dataclass(frozen=True)
class Group:
    """Entries combined by `all`, `any` or `not` (a `not` holds one entry)."""

    kind: str
    entries: tuple[Entry, ...]
    weight: float = 1.0
    require: bool = True
    label: str = ""

    def __post_init__(self) -> None:
        if self.kind not in ("all", "any", "not"):
            raise LCError(f"a group is all, any or not; found {self.kind!r}")
        if not self.entries:
            raise LCError(f"{self.kind}: needs at least one constraint")
        if self.kind == "not" and len(self.entries) != 1:
            raise LCError(f"not: takes one constraint; found {len(self.entries)} (combine them with any: or all:)")
        _check_weight(self.weight, self.label or self.kind)
        if not self.label:
            inside = ", ".join(entry.label for entry in self.entries)
            object.__setattr__(self, "label", f"{self.kind}({inside})")


Entry = Constraint | Group


def _check_weight(weight: float, label: str) -> None:
    if not math.isfinite(weight) or weight < 0:
        raise LCError(f"weight of {label} must be a finite number, 0 or more; found {weight}")


def _check_guide(guide: str, measurement: Measurement, free: Any) -> None:
    if guide not in GUIDES:
        raise LCError(f"guide: should be critic or decoder; found {guide!r}")
    if guide == "decoder" and not measurement.info.differentiable:
        raise LCError(
            f"guide: decoder needs a measurement with a gradient; {measurement.name} declares no differentiable form",
            hint="guide: critic works: a critic is fitted to what it measures",
        )
    if guide == "decoder" and free is not None:
        raise LCError(
            "guide: decoder follows one value, and something is free here",
            hint="guide: critic works with free; or leave out free",
        )


def all_of(*entries: Entry, **options: Any) -> Group:
    """Every entry is wanted; useful inside `any_of` and `none_of`."""
    return Group("all", entries, **options)


def any_of(*entries: Entry, **options: Any) -> Group:
    """At least one entry is wanted."""
    return Group("any", entries, **options)


def none_of(*entries: Entry, **options: Any) -> Group:
    """No entry is wanted."""
    inner = entries[0] if len(entries) == 1 else Group("any", entries)
    return Group("not", (inner,), **options)


def leaves(entries: Sequence[Entry]) -> Iterator[Constraint]:
    """Return the constraints of a tree, in the order they are written."""
    return (entry for entry in walk(entries) if isinstance(entry, Constraint))


def map_leaves(entry: Entry, change: Callable[[Constraint], Constraint]) -> Entry:
    """Return an entry with each of its constraints changed; groups stay as they are."""
    if isinstance(entry, Constraint):
        return change(entry)
    return replace(entry, entries=tuple(map_leaves(child, change) for child in entry.entries))


def fold(
    entry: Entry, leaf: Callable[[Constraint, bool], T], join: Callable[[bool, list[T]], T], *, holds: bool = True
) -> T:
    """Return what a tree comes to, its negations moved into its constraints (De Morgan's laws).

    Args:
        entry: A constraint or a group.
        leaf: Given a constraint and whether it is to hold, or not to hold.
        join: Given whether all of several parts are needed, or one is enough, and what each of them came to.
        holds: False for the negation of the entry.
    """
    if isinstance(entry, Constraint):
        return leaf(entry, holds)
    if entry.kind == "not":
        return fold(entry.entries[0], leaf, join, holds=not holds)
    return join((entry.kind == "all") == holds, [fold(child, leaf, join, holds=holds) for child in entry.entries])


def describe(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain data: what is measured, wanted and how it is combined."""
    shared: dict[str, Any] = {"weight": entry.weight, "require": entry.require}
    if isinstance(entry, Constraint):
        if entry.guide != "critic":  # what was fitted before there were other guides is still good
            shared["guide"] = entry.guide
        params, wanted = dict(entry.measurement.params), entry.want.as_dict()
        if entry.free is None:
            return {"use": entry.measurement.name, "params": params, "wanted": wanted, **shared}
        # One fit serves all values of what is free, so the constraint's own are left out.
        params = {key: value for key, value in params.items() if key not in entry.free.params}
        wanted = {key: value for key, value in wanted.items() if key not in entry.free.bounds}
        free = entry.free.as_dict()
        return {"use": entry.measurement.name, "params": params, "wanted": wanted, "free": free, **shared}
    return {entry.kind: [describe(child) for child in entry.entries], **shared}


def walk(entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield every entry of a tree, each before what it holds."""
    for entry in entries:
        yield entry
        if not isinstance(entry, Constraint):
            yield from walk(entry.entries)
