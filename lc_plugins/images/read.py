"""`images.file` and `images.gray_file`: a PNG or JPEG file as a picture in colour or in grey."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from lc_core.errors import LCError
from lc_plugins.images.arrays import from_pixels
from lc_plugins.images.sheet import pillow

__all__ = ["read_gray", "read_image", "rgb_pixels"]

LARGEST = 4096 * 4096  # pixels
FORMATS = ("PNG", "JPEG")
COLOUR = 8  # how far apart the channels of a grey picture may be, of 255, from the rounding of JPEG


def read_image(path: Path, *, size: Annotated[int, Field(ge=1, le=4096)] = 64) -> np.ndarray:
    """Read a picture.

    A picture of whole multiples of `size`, such as a PNG that `images.png` wrote at scale 4, is brought down to it by
    taking means. Palettes become RGB; an alpha channel that is opaque everywhere is left out.

    Args:
        path: A PNG or JPEG file.
        size: Height and width that the model takes, in pixels.

    Returns:
        The picture, `(1, 3, size, size)` float32 in [0, 1].

    Raises:
        LCError: If the file is no PNG or JPEG or is truncated; if the picture has another shape than a square of a
            multiple of `size`, is grey, has another mode, or is transparent anywhere.
    """
    return from_pixels(_down(rgb_pixels(Path(path)), size))[None]


def read_gray(path: Path, *, size: Annotated[int, Field(ge=1, le=4096)] = 8) -> np.ndarray:
    """Read a picture in grey, brought down to `size` as `read_image` does.

    Args:
        path: A PNG or JPEG file; one saved as RGB must have equal channels.
        size: Height and width that the model takes, in pixels.

    Returns:
        The picture, `(1, 1, size, size)` float32 in [0, 1].

    Raises:
        LCError: As `read_image`, but for pictures in colour instead of grey ones.
    """
    pixels = rgb_pixels(Path(path), gray=True)
    if (apart := int(np.ptp(pixels, axis=-1).max())) > COLOUR:
        raise LCError(
            f"the picture is in colour (channels differ by up to {apart} of 255); expected grey",
            hint="convert it to grey first",
        )
    return from_pixels(_down(pixels, size)[..., 1:2])[None]


def rgb_pixels(path: Path, *, gray: bool = False) -> np.ndarray:
    """Return the bytes `(H, W, 3)` of a picture.

    Args:
        path: A PNG or JPEG file.
        gray: Take pictures that are saved as grey too, with three equal channels.

    Raises:
        LCError: As `read_image`, sizes apart.
    """
    image_module = pillow()
    try:
        with image_module.open(path, formats=FORMATS) as image:
            if image.width * image.height > LARGEST:
                raise LCError(f"the picture has {image.width} x {image.height} pixels; expected {LARGEST} at most")
            image.load()
            return _converted(image, gray)
    except LCError:
        raise
    except image_module.UnidentifiedImageError as error:
        raise LCError("the file is no PNG or JPEG picture", hint="save it as PNG, RGB") from error
    except (OSError, SyntaxError, ValueError, EOFError, image_module.DecompressionBombError) as error:
        raise LCError(
            f"the picture cannot be read: {error}", hint="the file may be truncated; save it again"
        ) from error


def _converted(image: Any, gray: bool) -> np.ndarray:
    mode = image.mode
    if gray and mode in ("1", "L", "LA"):
        image = image.convert("RGBA" if mode == "LA" or "transparency" in image.info else "RGB")
    elif mode == "P":
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    elif mode == "RGB" and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        pixels = np.asarray(image)
        if (pixels[..., 3] != 255).any():
            raise LCError(
                "the picture is transparent in places; expected RGB", hint="put it on a background and save it as RGB"
            )
        return pixels[..., :3]
    if image.mode != "RGB":
        kind = {"L": "grey", "1": "black and white", "LA": "grey with an alpha channel"}.get(mode, f"of mode {mode}")
        raise LCError(f"the picture is {kind}; expected RGB", hint="convert it to RGB if it is meant to be in colour")
    return np.asarray(image)


def _down(pixels: np.ndarray, size: int) -> np.ndarray:
    """Bring a picture down to `size` by means over squares."""
    height, width = pixels.shape[:2]
    if height != width or height % size:
        raise LCError(
            f"the picture has {width} x {height} pixels; expected {size} x {size}, or a square of a multiple of that",
            hint="crop or scale it first: what to cut off is not for this to decide",
        )
    factor = height // size
    if factor == 1:
        return pixels
    cells: np.ndarray = pixels.reshape(size, factor, size, factor, 3).mean(axis=(1, 3))
    small: np.ndarray = np.rint(cells).astype(np.uint8)
    return small
