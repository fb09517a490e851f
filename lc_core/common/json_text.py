"""JSON from files that anyone may have written."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["parsed_json"]


def parsed_json(text: str | bytes) -> Any:
    """Return what JSON says.

    Raises:
        ValueError: If it is none, no UTF-8 text, or nested deeper than Python follows.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error
