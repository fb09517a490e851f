"""`images.file` and `images.gray_file`: a PNG or JPEG file as a picture in colour or in grey."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from lc_core import LCError
from lc_core.common import LONGEST, refuse_special, refuse_stand_in
from lc_plugins.images.arrays import from_pixels
from lc_plugins.images.sheet import pillow

__all__ = ["read_gray", "read_image", "rgb_pixels"]

LARGEST = 4096 * 4096  # pixels
FORMATS = ("PNG", "JPEG")
COLOUR = 8  # how far apart the channels of a grey picture may be, of 255, from the rounding of JPEG
SIGNATURES = {
    b"GIF8": "GIF",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"8BPS": "Photoshop",
    b"%PDF": "PDF",
    b"<svg": "SVG",
}
BRANDS = {b"WEBP": "WebP", b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIC", b"avif": "AVIF"}
"""Of other formats that pictures come in: their first bytes, and the bytes from the eighth."""
GREY = ("1", "L", "LA", "I", "I;16", "I;16B")


def read_image(
    path: Path, *, size: Annotated[int, Field(ge=1, le=4096)] = 64, tell: Callable[[str], None] = lambda _: None
) -> np.ndarray:
    """Read a picture, as viewers show it: turned as its EXIF data say; a grey one has three equal channels.

    A picture of whole multiples of `size`, such as a PNG that `images.png` wrote at scale 4, is brought down to it by
    taking means. Palettes become RGB; an alpha channel that is opaque everywhere is left out. Grey of 16 bits keeps
    them; of colours with 16 bits the upper 8 are taken.

    Args:
        path: A PNG or JPEG file.
        size: Height and width that the model takes, in pixels.
        tell: Called with each line about what was left out or turned.

    Returns:
        The picture, `(1, 3, size, size)` float32 in [0, 1].

    Raises:
        LCError: If the file is no PNG or JPEG or is truncated; if the picture has another shape than a square of a
            multiple of `size`, has another mode such as CMYK, is transparent anywhere, or is an animation.
    """
    return from_pixels(_down(rgb_pixels(Path(path), tell=tell), size))[None]


def read_gray(
    path: Path, *, size: Annotated[int, Field(ge=1, le=4096)] = 8, tell: Callable[[str], None] = lambda _: None
) -> np.ndarray:
    """Read a picture in grey, brought down to `size` as `read_image` does.

    Args:
        path: A PNG or JPEG file; one saved as RGB must have equal channels.
        size: Height and width that the model takes, in pixels.
        tell: Called with each line about what was left out or turned.

    Returns:
        The picture, `(1, 1, size, size)` float32 in [0, 1].

    Raises:
        LCError: As `read_image`, and for pictures in colour.
    """
    pixels = rgb_pixels(Path(path), tell=tell)
    if (apart := int(np.ptp(pixels, axis=-1).max())) > COLOUR:
        raise LCError(
            f"the picture is in colour (channels differ by up to {apart} of 255); expected grey",
            hint="convert it to grey first",
        )
    return from_pixels(_down(pixels, size)[..., 1:2])[None]


def rgb_pixels(path: Path, *, tell: Callable[[str], None] = lambda _: None) -> np.ndarray:
    """Return the pixels `(H, W, 3)` of a picture: bytes, or uint16 if it is grey with 16 bits.

    Args:
        path: A PNG or JPEG file.
        tell: Called with each line about what was left out or turned.

    Raises:
        LCError: As `read_image`, sizes apart.
    """
    image_module = pillow()
    refuse_special(path)
    too_large = f"expected {LARGEST:,} pixels at most, such as 4096 x 4096"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", image_module.DecompressionBombWarning)  # LARGEST is lower
            image = image_module.open(path, formats=FORMATS)
        with image:
            if image.width * image.height > LARGEST:
                raise LCError(
                    f"the picture has {image.width} x {image.height} pixels; {too_large}", hint="scale it down first"
                )
            _check_single(image, tell)
            image.load()
            return _converted(_turned(image, tell))
    except LCError:
        raise
    except image_module.DecompressionBombError as error:
        raise LCError(
            f"the file says that its picture has far too many pixels; {too_large}",
            hint="scale it down first; if the file is small, it is damaged or was made to fill the memory of a reader",
        ) from error
    except image_module.UnidentifiedImageError as error:
        with path.open("rb") as file:
            head = file.read(LONGEST + 1)
        refuse_stand_in(head, "the file")
        other = _other_format(head)
        kind = f"a {other} picture, " if other else ""
        raise LCError(f"the file is {kind}no PNG or JPEG picture", hint="save the picture as PNG") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise LCError(
            f"the picture cannot be read: {error}", hint="the file may be truncated; save it again"
        ) from error


def _other_format(head: bytes) -> str | None:
    """Return the name of another format of pictures that a file has by its first bytes."""
    return next((name for start, name in SIGNATURES.items() if head.startswith(start)), BRANDS.get(head[8:12]))


def _check_single(image: Any, tell: Callable[[str], None]) -> None:
    """Refuse an animation; of the pictures that some cameras put into one JPEG file the first is meant."""
    count = getattr(image, "n_frames", 1)
    if count == 1:
        return
    if image.format == "PNG":
        raise LCError(
            f"the file is an animation of {count} pictures; expected one", hint="save the picture that is meant as PNG"
        )
    tell(f"the file holds {count} pictures; the first is read")


def _turned(image: Any, tell: Callable[[str], None]) -> Any:
    """Return a picture turned as its EXIF data say, as every viewer shows it."""
    from PIL import ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what else the data hold
            turned = ImageOps.exif_transpose(image)
    except Exception:  # data that nothing else needs can raise anything
        tell("its EXIF data cannot be read, so it is not turned")
        return image
    if image.getexif().get(0x0112, 1) in range(2, 9):
        tell("the picture is turned as its EXIF data say")
    return turned


def _converted(image: Any) -> np.ndarray:
    mode, clear = image.mode, image.info.get("transparency")
    if mode in ("I", "I;16", "I;16B"):
        return _sixteen_bits(np.asarray(image), clear)
    if mode in GREY:
        image = image.convert("RGBA" if mode == "LA" or clear is not None else "RGB")
    elif mode in ("P", "PA"):
        image = image.convert("RGBA" if mode == "PA" or clear is not None else "RGB")
    elif mode == "RGB" and clear is not None:
        image = image.convert("RGBA")
    if image.mode == "RGBA":
        pixels = np.asarray(image)
        if (pixels[..., 3] != 255).any():
            raise _transparent()
        return pixels[..., :3]
    if image.mode != "RGB":
        raise LCError(f"the picture is of mode {mode}; expected RGB or grey", hint="save it as PNG, RGB")
    return np.asarray(image)


def _sixteen_bits(values: np.ndarray, clear: Any) -> np.ndarray:
    """Return grey values `(H, W)` of 16 bits as three equal channels; Pillow's own conversions clip them at 255."""
    if values.min(initial=0) < 0 or values.max(initial=0) > 65535:
        raise LCError("the picture has values outside 16 bits", hint="save it as PNG, grey with 16 bits")
    if isinstance(clear, int) and (values == clear).any():
        raise _transparent()
    return np.repeat(values.astype(np.uint16)[..., None], 3, axis=-1)


def _transparent() -> LCError:
    return LCError(
        "the picture is transparent in places; expected RGB or grey", hint="put it on a background and save it without"
    )


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
    small: np.ndarray = np.rint(cells).astype(pixels.dtype)
    return small
