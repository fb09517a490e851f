"""What tells constraints of one measurement from each other, in a few words for their names."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from lc_core.constraints.constraint import Constraint

__all__ = ["differences"]

LONGEST = 40
"""Characters of a difference; a longer one would be no name."""


def differences(constraints: Sequence[Constraint]) -> list[str]:
    """Return for each constraint what tells it from the others with its function; empty if nothing does, in short.

    The settings that differ, or else what is wanted. A text is told by itself, another value with the setting's name,
    unless it is the default.

    Example:
        >>> from lc_core.constraints.measurement import Measurement
        >>> def ends_on(tokens, *, pitch_class="C", octave=4): ...
        >>> def ends(at_least, **params): return Constraint(Measurement(ends_on, params), at_least=at_least)
        >>> differences([ends(1), ends(1, pitch_class="D", octave=5)])
        ['C', 'D octave 5']
        >>> differences([ends(1), ends(2)])
        ['at_least 1', 'at_least 2']
    """
    found = _told(constraints, lambda one: id(one.measurement.function), _settings)
    keys = {id(one): (id(one.measurement.function), text) for one, text in zip(constraints, found, strict=True)}
    wants = _told(constraints, lambda one: keys[id(one)], lambda alike: [str(one.want) for one in alike])
    texts = [" ".join(filter(None, pair)) for pair in zip(found, wants, strict=True)]
    return [text if len(text) <= LONGEST else "" for text in texts]


def _told(
    constraints: Sequence[Constraint],
    key: Callable[[Constraint], Any],
    tell: Callable[[Sequence[Constraint]], list[str]],
) -> list[str]:
    """Return what is told of each of those with one key, where there are several and it differs."""
    alike: dict[Any, list[int]] = {}
    for number, one in enumerate(constraints):
        alike.setdefault(key(one), []).append(number)
    texts = [""] * len(constraints)
    for numbers in alike.values():
        told = tell([constraints[number] for number in numbers])
        if len(set(told)) > 1:
            for number, text in zip(numbers, told, strict=True):
                texts[number] = text
    return texts


def _settings(alike: Sequence[Constraint]) -> list[str]:
    """Return the settings that differ, for each of several constraints with one function."""
    parameters = inspect.signature(alike[0].measurement.function).parameters
    defaults = {key: one.default for key, one in parameters.items() if one.default is not one.empty}
    settings = [one.measurement.settings() for one in alike]
    free = {key for one in alike if one.free for key in one.free.params}
    known = [key for key in dict.fromkeys((*parameters, *(key for one in settings for key in one))) if key not in free]
    keys = [key for key in known if len({repr(one.get(key)) for one in settings}) > 1]
    return [" ".join(filter(None, (_setting(key, own.get(key), defaults) for key in keys))) for own in settings]


def _setting(key: str, value: Any, defaults: Mapping[str, Any]) -> str:
    """Return a setting in a name: of a path its last part, so that no folder of a machine is in it."""
    words = value if isinstance(value, list | tuple) else [value]
    if words and all(isinstance(word, str) for word in words):
        return " ".join(PurePath(word).name for word in words)
    if key in defaults and value == defaults[key]:
        return ""
    if value is None and key not in defaults:  # the whole of each output
        return ""
    return f"{key} {str(value).lower() if isinstance(value, bool) else value}"
