"""Colour and brightness of pictures: measurements with a gradient, so that they may guide through a decoder.

Each is written in operations that numpy arrays and torch tensors share, and measures whichever it is given.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from lc_core import LCError, measurement

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


def _inside(pictures: Any, box: tuple[float, float, float, float]) -> Any:
    """Return the part of pictures `(B, C, H, W)` in a box; at least one row and one column of pixels."""
    (top, left, bottom, right), (height, width) = box, pictures.shape[-2:]
    first, start = min(round(top * height), height - 1), min(round(left * width), width - 1)
    return pictures[:, :, first : max(first + 1, round(bottom * height)), start : max(start + 1, round(right * width))]


@measurement(accepts=("image.rgb/1", "image.gray/1"), unit="share", range=(0, 1), differentiable=True)
def brightness(pictures: Any, *, box: Box = WHOLE) -> Any:
    """Return the mean over pixels and channels, `(B,)`, 0 (black) to 1 (white).

    Args:
        pictures: Pictures `(B, C, H, W)` in [0, 1], an array or a tensor.
        box: The part of the picture that counts: `[top, left, bottom, right]`, as shares of its height and width
            from the upper left corner, 0 to 1. `[0, 0, 0.5, 1]` is the upper half.
    """
    return _inside(pictures, box).mean(axis=(1, 2, 3))


@measurement(accepts="image.rgb/1", unit="RMS of channels", range=(0, 1), at_most=0.1, differentiable=True)
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
    wanted = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    mean = _inside(pictures, box).mean(axis=(2, 3))
    off = sum((mean[:, channel] - value) ** 2 for channel, value in enumerate(wanted))
    return (off / 3 + TINY) ** 0.5
