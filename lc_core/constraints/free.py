"""What of a constraint may differ from try to try, so that one fit of an amortised engine serves every value.

Nothing here imports torch.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import SLACK, WANT_KEYS, Want
from lc_core.errors import LCError

__all__ = ["BOUNDS", "EachWant", "Free", "frees_of", "names_of"]

BOUNDS = ("at_least", "at_most", "target")
"""What is wanted that may be free: one number each."""
MOST = 256
"""Most combinations of free parameters."""


@dataclass(frozen=True)
class Free:
    """Free parameters of a measurement with their values, and free bounds with their ranges.

    Attributes:
        params: For each free parameter, the values that it may have.
        bounds: For `at_least`, `at_most` or `target`, the lowest and the highest value that it may have.
    """

    params: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, free: Mapping[str, Sequence[Any]], measurement: Measurement, want: Want) -> Free:
        """Check what is free of a constraint.

        Args:
            free: For each parameter its values; for a bound `[low, high]`.
            measurement: The measurement, whose own parameters are among the values.
            want: What is wanted, within the ranges.

        Raises:
            LCError: If nothing is free, a parameter has no values or not the constraint's own, a bound is none of
                the constraint's or lies outside its range, or there are too many combinations.
        """
        params = {key: tuple(values) for key, values in free.items() if key not in WANT_KEYS}
        bounds = {key: tuple(map(float, values)) for key, values in free.items() if key in WANT_KEYS}
        if not free:
            raise LCError(
                "free: says nothing that may differ", hint="free: {tonic: all} or free: {at_least: [0.5, 0.9]}"
            )
        own = measurement.settings()
        for key, values in params.items():
            if key not in own:
                raise LCError(f"free: {measurement.name} has no parameter {key!r}", hint=f"it has {', '.join(own)}")
            if own[key] not in values:
                shown = ", ".join(map(str, values)) or "none"
                raise LCError(f"free: {key} is {own[key]!r}, which is not among its free values: {shown}")
            if len(set(map(repr, values))) < len(values):
                raise LCError(f"free: {key} lists a value twice")
        for key, ends in bounds.items():
            given = getattr(want, key)
            if key not in BOUNDS or given is None:
                raise LCError(
                    f"free: {key} cannot be free here; the constraint wants {want}",
                    hint="free bounds: " + ", ".join(BOUNDS),
                )
            if len(ends) != 2 or not ends[0] < ends[1] or not np.isfinite(ends).all():
                raise LCError(f"free: {key} needs [low, high] with low < high; found {list(ends)}")
            if not ends[0] - SLACK <= given <= ends[1] + SLACK:
                raise LCError(f"free: {key} is {given:g}, outside its free range {ends[0]:g} to {ends[1]:g}")
        result = cls(params, {key: (ends[0], ends[1]) for key, ends in bounds.items()})
        if (count := sum(1 for _ in result.choices())) > MOST:
            raise LCError(f"free: {count} combinations of parameters; expected {MOST} or fewer")
        return result

    @property
    def size(self) -> int:
        """How many numbers give an engine what is wanted: one for each value of a parameter, and one for a bound."""
        return sum(map(len, self.params.values())) + len(self.bounds)

    def choices(self) -> Iterator[dict[str, Any]]:
        """Yield every combination of the free parameters' values."""
        for values in itertools.product(*self.params.values()):
            yield dict(zip(self.params, values, strict=True))

    def as_dict(self) -> dict[str, list[Any]]:
        """Return what is free, as it stands in a spec."""
        return {key: list(values) for key, values in (*self.params.items(), *self.bounds.items())}


@dataclass(frozen=True, eq=False)
class EachWant(Want):
    """What is wanted of each row: its own bounds, under its own values of the free parameters.

    Attributes:
        lows, highs: Lowest and highest value that satisfies, each `(B,)`, or `(1,)` for all rows.
        variant: Number of the row's combination of free parameters, `(B,)` or `(1,)`.
    """

    lows: np.ndarray = field(default_factory=lambda: np.zeros(1))
    highs: np.ndarray = field(default_factory=lambda: np.zeros(1))
    variant: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))

    def __post_init__(self) -> None:
        """Take the bounds as they are: each was checked where it is from."""

    @property
    def low(self) -> Any:
        """The lowest value that satisfies, for each row."""
        return self.lows

    @property
    def high(self) -> Any:
        """The highest value that satisfies, for each row."""
        return self.highs


def frees_of(config: Mapping[str, Any]) -> dict[str, Free]:
    """Return what is free, by the label of its constraint, in the order that the actor is given it."""
    return {
        one["label"]: Free(
            {name: tuple(values) for name, values in one["params"].items()},
            {name: (float(low), float(high)) for name, (low, high) in one["bounds"].items()},
        )
        for one in config["free"]
    }


def names_of(frees: Mapping[str, Free]) -> dict[str, tuple[str, str, Free]]:
    """Return for the name of each free value the label of its constraint, its key there, and all that is free there.

    The name is the key, such as `tonic`, or `label.key` where two constraints have that key.
    """
    keys = [(label, key, own) for label, own in frees.items() for key in own.as_dict()]
    alike = [key for _, key, _ in keys]
    return {key if alike.count(key) == 1 else f"{label}.{key}": (label, key, own) for label, key, own in keys}
