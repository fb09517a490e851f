"""How a sampler is told the settings of a measurement: as a few numbers, and by settings that it can learn from."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import numpy as np

__all__ = ["SettingsCode", "code_of"]

MOST_CHOICES = 64
"""A whole number with at most so many values is told as one of them; more are told by their size."""


@dataclass(frozen=True)
class SettingsCode:
    """What a sampler is told of the settings of a measurement, and how it draws settings to learn from.

    A code should say what settings mean: two settings that measure alike should have codes that are alike. A scale,
    for example, is best told as twelve numbers, one for each pitch class, and not by the number of its name.

    Args:
        size: How many numbers tell the settings; 0 for a measurement without any.
        encode: Settings, defaults included, to `size` numbers, best from 0 to 1.
        draw: Draws settings that a user might ask for, by a numpy generator.
        tells: Whether the numbers tell some settings, defaults included; a sampler knows no others. By default all.
    """

    size: int
    encode: Callable[[Mapping[str, Any]], Sequence[float] | np.ndarray]
    draw: Callable[[np.random.Generator], Mapping[str, Any]]
    tells: Callable[[Mapping[str, Any]], bool] = lambda _: True


@dataclass(frozen=True)
class _Part:
    """One parameter: its code, and how a value is drawn."""

    name: str
    size: int
    encode: Callable[[Any], Sequence[float] | np.ndarray]
    draw: Callable[[np.random.Generator], Any]


def code_of(function: Callable[..., Any], shape: tuple[int, ...] = ()) -> SettingsCode | None:
    """Return the code that a measurement declares, or one read from the types of its parameters.

    Args:
        function: The measurement's function.
        shape: The shape of one output, if it is known: a code may depend on it.

    Choices (`Literal`, `bool`, a whole number with narrow bounds) become one number each, of which one is 1; a number
    with bounds becomes its place between them. None if the type of a parameter says neither: such settings cannot be
    drawn.
    """
    declared = getattr(getattr(function, "__lc_measurement__", None), "code", None)
    if declared is not None:
        return declared if isinstance(declared, SettingsCode) else declared(shape)
    names = list(inspect.signature(function).parameters)[1:]
    try:
        hints = typing.get_type_hints(function, include_extras=True) if names else {}
    except Exception:  # a type that is no name here, or of what is no function
        return None
    parts = [_part(name, hints.get(name)) for name in names]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return SettingsCode(
        sum(part.size for part in known),
        lambda params: np.concatenate([np.zeros(0), *(part.encode(params[part.name]) for part in known)]),
        lambda rng: {part.name: part.draw(rng) for part in known},
    )


def _part(name: str, hint: Any) -> _Part | None:
    metadata = getattr(hint, "__metadata__", ())
    kind = get_args(hint)[0] if metadata else hint
    if kind is bool:
        return _choice(name, (False, True))
    if get_origin(kind) is Literal:
        return _choice(name, get_args(kind))
    low, high = _bounds(metadata, 1 if kind is int else 0)
    if kind not in (int, float) or low is None or high is None or not low < high:
        return None
    if kind is int and high - low < MOST_CHOICES:
        return _choice(name, tuple(range(int(low), int(high) + 1)))
    if kind is int:
        return _Part(
            name, 1, lambda one: [(one - low) / (high - low)], lambda rng: int(rng.integers(int(low), int(high) + 1))
        )
    return _Part(name, 1, lambda one: [(one - low) / (high - low)], lambda rng: float(rng.uniform(low, high)))


def _choice(name: str, choices: tuple[Any, ...]) -> _Part:
    return _Part(
        name,
        len(choices),
        lambda one: np.array([one == choice for choice in choices], dtype=float),
        lambda rng: choices[int(rng.integers(len(choices)))],
    )


def _bounds(metadata: Sequence[Any], inside: int) -> tuple[float | None, float | None]:
    """Return the least and the greatest value that the metadata of a type allow; None where there is none.

    Args:
        metadata: What stands beside the type in `Annotated`.
        inside: How far from an exclusive bound the nearest value is: 1 for whole numbers.
    """
    every = [one for outer in metadata for one in (outer, *getattr(outer, "metadata", ()))]

    def first(inclusive: str, exclusive: str, step: int) -> float | None:
        for one in every:
            if (bound := getattr(one, inclusive, None)) is not None:
                return float(bound)
            if (bound := getattr(one, exclusive, None)) is not None:
                return float(bound) + step
        return None

    return first("ge", "gt", inside), first("le", "lt", -inside)
