"""Says in plain words what pydantic finds wrong with settings and specs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from lc_core.common.spelling import nearest
from lc_core.common.words import counted

__all__ = ["any_of", "message_of", "relevant"]

WORDING = {
    "model_type": "should be a mapping",
    "dict_type": "should be a mapping",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "set_type": "should be a list",
    "frozen_set_type": "should be a list",
    "string_type": "should be text",
    "float_type": "should be a number",
    "int_type": "should be a whole number",
    "bool_type": "should be true or false",
    "path_type": "should be a path",
    "finite_number": "should be a finite number",
}


def relevant(error: ValidationError) -> list[dict[str, Any]]:
    """Return the items of an error, without "should be one of these words" where a mapping is wrong inside."""
    found: list[Any] = [dict(one) for one in error.errors()]

    def spurious(one: Any) -> bool:
        *above, member = one["loc"]
        if not str(member).startswith("literal[") or isinstance(one["input"], str):
            return False
        return any(len(other["loc"]) > len(one["loc"]) and [*other["loc"][: len(above)]] == above for other in found)

    return [one for one in found if not spurious(one)]


def any_of(messages: Sequence[str]) -> str:
    """Return what is wrong with one value that may have one of several types, as one message."""
    *others, last = dict.fromkeys(messages)
    return " or ".join([*(one.partition("; found ")[0] for one in others), last])


def _length(error: Mapping[str, Any]) -> str | None:
    """Say that something has too few or too many parts."""
    kind, limits = error["type"], error.get("ctx", {})
    if kind == "string_too_short" and limits["min_length"] == 1:
        return "should not be empty"
    if kind in ("too_short", "too_long"):
        least = kind == "too_short"
        count = counted(limits["min_length" if least else "max_length"], "entry", "entries")
        return f"should have at {'least' if least else 'most'} {count}"
    return None


def message_of(error: Mapping[str, Any], known: list[str]) -> str:
    """Say one of pydantic's errors in a line.

    Args:
        error: One item of `ValidationError.errors()`.
        known: Keys that would have been right, for a suggestion.
    """
    key = error["loc"][-1] if error["loc"] else ""
    if error["type"] == "extra_forbidden":
        close = nearest(str(key), known, count=1)
        known_keys = f"known: {', '.join(known)}" if known else "none is expected here"
        return f"unknown key {key!r} ({f'did you mean {close[0]}?' if close else known_keys})"
    if error["type"] == "missing":
        return "too few values" if isinstance(key, int) else f"missing key {key!r}"
    found = json.dumps(error["input"], ensure_ascii=False, default=repr)
    shown = found if len(found) <= 60 else found[:57] + "..."
    text = WORDING.get(error["type"]) or _length(error) or re.sub(r"^(\w+ (?=should )|Value error, )", "", error["msg"])
    message = " ".join(text.split())
    if "found " not in message:  # a plugin's own check may have said it
        message += f"; found {'nothing' if shown == 'null' else shown}"
    if error["type"] in ("float_type", "int_type") and re.fullmatch(r"[-+]?\d+,\d+", str(error["input"])):
        message += f" (a number takes a decimal point: {error['input'].replace(',', '.')})"
    if error["type"] == "literal_error" and isinstance(error["input"], str):
        close = nearest(error["input"], re.findall(r"'([^']*)'", error["ctx"]["expected"]), count=1)
        message += f" (did you mean {close[0]}?)" if close else ""
    return message
