"""Colour and brightness of pictures: measurements with a gradient, so that they may guide through a decoder.

Each is written in operations that numpy arrays and torch tensors share, and measures whichever it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field

from lc_core import LCError, SettingsCode, measurement

__all__ = ["brightness", "color_distance"]

TINY = 1e-12
"""Added under a root, whose slope at 0 is infinite."""


def _checked_box(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    top, left, bottom, right = box
    if not (top < bottom and left < right):
        raise LCError(f"box = {list(box)}: expected [top, left, bottom, right] with top < bottom and left < right")
    return box


Share = Annotated[float, Field(ge=0, le=1)]
Box = Annotated[
    tuple[Share, Share, Share, Share],
    AfterValidator(_checked_box),
    Field(description="The part that counts: top, left, bottom, right as shares of height and width."),
]
WHOLE = (0.0, 0.0, 1.0, 1.0)


def _pixels(box: Box, height: int, width: int) -> tuple[int, int, int, int]:
    """Return the first and last row, and the first and last column, of a box: at least one of each."""
    top, left, bottom, right = box
    first, start = min(round(top * height), height - 1), min(round(left * width), width - 1)
    return first, max(first + 1, round(bottom * height)), start, max(start + 1, round(right * width))


def _inside(pictures: Any, box: Box) -> Any:
    """Return the part of pictures `(B, C, H, W)` in a box; at least one row and one column of pixels."""
    first, last, start, end = _pixels(box, *pictures.shape[-2:])
    return pictures[:, :, first:last, start:end]


def _means(pictures: np.ndarray, boxes: Sequence[Box]) -> np.ndarray:
    """Return the mean of each channel in each of S boxes, `(B, C, S)`, from sums that all of them share."""
    height, width = pictures.shape[-2:]
    sums = np.zeros((*pictures.shape[:2], height + 1, width + 1))
    sums[..., 1:, 1:] = pictures.astype(np.float64).cumsum(axis=2).cumsum(axis=3)
    first, last, start, end = np.array([_pixels(box, height, width) for box in boxes]).T
    total = sums[..., last, end] - sums[..., first, end] - sums[..., last, start] + sums[..., first, start]
    found: np.ndarray = total / ((last - first) * (end - start))
    return found


def _draw_box(rng: np.random.Generator) -> Box:
    """Return the whole picture half of the time, else a part of it."""
    if rng.random() < 0.5:
        return WHOLE
    top, left = np.round(rng.uniform(0, 0.7, 2), 2)
    bottom, right = (round(float(rng.uniform(low + 0.2, 1)), 2) for low in (top, left))
    return (float(top), float(left), bottom, right)


def _rgb(color: str) -> list[float]:
    return [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]


BOX_CODE = SettingsCode(4, lambda settings: np.array(settings["box"], dtype=float), lambda rng: {"box": _draw_box(rng)})
"""The four sides of the box."""
COLOR_CODE = SettingsCode(
    7,
    lambda settings: [*_rgb(settings["color"]), *settings["box"]],
    lambda rng: {"color": "#" + "".join(f"{one:02x}" for one in rng.integers(256, size=3)), "box": _draw_box(rng)},
)
"""Red, green and blue, and the four sides of the box."""


def _brightnesses(pictures: np.ndarray, settings: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return `brightness` under each of S settings, `(B, S)`."""
    found: np.ndarray = _means(pictures, [one["box"] for one in settings]).mean(axis=1)
    return found


def _color_distances(pictures: np.ndarray, settings: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return `color_distance` under each of S settings, `(B, S)`."""
    wanted = np.array([_rgb(one["color"]) for one in settings]).T
    off = _means(pictures, [one["box"] for one in settings]) - wanted
    found: np.ndarray = ((off**2).mean(axis=1) + TINY) ** 0.5
    return found


@measurement(
    accepts=("image.rgb/1", "image.gray/1"),
    unit="share",
    range=(0, 1),
    differentiable=True,
    together=_brightnesses,
    code=BOX_CODE,
)
def brightness(pictures: Any, *, box: Box = WHOLE) -> Any:
    """Return the mean over pixels and channels, `(B,)`, 0 (black) to 1 (white).

    Args:
        pictures: Pictures `(B, C, H, W)` in [0, 1], an array or a tensor.
        box: The part of the picture that counts: `[top, left, bottom, right]`, as shares of its height and width
            from the upper left corner, 0 to 1. `[0, 0, 0.5, 1]` is the upper half.
    """
    return _inside(pictures, box).mean(axis=(1, 2, 3))


@measurement(
    accepts="image.rgb/1",
    unit="RMS of channels",
    range=(0, 1),
    at_most=0.1,
    differentiable=True,
    together=_color_distances,
    code=COLOR_CODE,
)
def color_distance(
    pictures: Any, *, color: Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")], box: Box = WHOLE
) -> Any:
    """Return how far the mean colour of a part is from a wanted one, `(B,)`, 0 (the same) to 1 (black and white).

    The root mean square of the differences of red, green and blue.

    Args:
        pictures: Pictures `(B, 3, H, W)` in [0, 1], an array or a tensor.
        color: `#rrggbb`, as in style sheets.
        box: The part of the picture that counts: `[top, left, bottom, right]`, as shares of its height and width
            from the upper left corner, 0 to 1. `[0, 0, 0.5, 1]` is the upper half.
    """
    wanted = _rgb(color)
    mean = _inside(pictures, box).mean(axis=(2, 3))
    off = sum((mean[:, channel] - value) ** 2 for channel, value in enumerate(wanted))
    return (off / 3 + TINY) ** 0.5
