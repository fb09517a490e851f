"""Draw avatars: a choice of parts to a picture, by `dicebear-core` (SVG) and `pylunasvg` (pixels)."""

from __future__ import annotations

import io
import json
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from lc_core import LCError

__all__ = ["SIZE", "draw"]

SIZE = 64
"""Height and width of a picture in pixels."""
BACKGROUND = "#e8eef4"
FRAMES = "#262e33"
"""Colour of glasses."""


@cache
def _style() -> Any:
    try:
        from dicebear import Style

        text = files("dicebear_styles").joinpath("avataaars.json").read_text(encoding="utf-8")
    except ImportError as error:
        hint = 'pip install "latent-constraints[avatars]"'
        raise LCError("drawing avatars needs dicebear-core and dicebear-styles", hint=hint) from error
    return Style(json.loads(text))


def draw(parts: dict[str, str], *, size: int = SIZE) -> np.ndarray:
    """Draw an avatar.

    Args:
        parts: A choice for each part of `attributes.PARTS`.
        size: Height and width in pixels.

    Returns:
        Pixels `(size, size, 3)` uint8, red, green, blue.

    Raises:
        LCError: If a package that draws is missing.
    """
    try:
        import pylunasvg
        from dicebear import Avatar
        from PIL import Image
    except ImportError as error:
        hint = 'pip install "latent-constraints[avatars]"'
        raise LCError(f"drawing avatars needs {error.name}", hint=hint) from error
    document = pylunasvg.Document.loadFromData(str(Avatar(_style(), _options(parts))))
    pieces: list[bytes] = []
    document.renderToBitmap(size, size).writeToPng(pieces.append)
    with Image.open(io.BytesIO(b"".join(pieces))) as picture:
        return np.asarray(picture.convert("RGB"))


def _options(parts: dict[str, str]) -> dict[str, Any]:
    """Return the style's options for a choice of parts; nothing is left to the style's own chance."""
    found: dict[str, Any] = {
        "seed": "",
        "backgroundColor": [BACKGROUND],
        "hairColor": [parts["hair"]],
        "facialHairColor": [parts["hair"]],
        "hatColor": [parts["clothesColour"]],
        "accessoriesColor": [FRAMES],
        "clothesColor": [parts["clothesColour"]],
        "skinColor": [parts["skin"]],
    }
    for part in ("top", "accessories", "facialHair", "mouth", "eyes", "eyebrows", "clothes"):
        found[f"{part}Probability"] = 0 if parts[part] == "none" else 100
        if parts[part] != "none":
            found[f"{part}Variant"] = [parts[part]]
    return found
