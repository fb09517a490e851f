"""Arrays of pictures: checks, and the way to bytes and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core import LCError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SLACK", "as_images", "from_pixels", "to_pixels"]

SLACK = 1e-3
"""How far a value may lie outside [0, 1] by rounding."""


def to_pixels(image: Any) -> np.ndarray:
    """Return a picture `(C, H, W)` or pictures `(B, C, H, W)`, float in [0, 1], as bytes with three channels last.

    C is 3, or 1 for grey, which becomes three equal channels. Values outside [0, 1] are clipped; a value v becomes
    round(255 v).
    """
    array = np.asarray(image, dtype=np.float64)
    if array.ndim not in (3, 4) or array.shape[-3] not in (1, 3):
        raise LCError(f"a picture is float (3, H, W) in [0, 1], or (1, H, W) if grey; found shape {array.shape}")
    pixels = np.moveaxis(np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8), -3, -1)
    return pixels if pixels.shape[-1] == 3 else pixels.repeat(3, axis=-1)


def from_pixels(pixels: np.ndarray) -> np.ndarray:
    """Return bytes or uint16 `(..., H, W, C)` as float32 `(..., C, H, W)` in [0, 1]."""
    largest = np.float32(65535 if pixels.dtype == np.uint16 else 255)
    return np.ascontiguousarray(np.moveaxis(pixels, -1, -3), dtype=np.float32) / largest


def as_images(
    outputs: Any, *, size: tuple[int, int] | None = None, channels: int = 3, who: str = "this", device: str = "cpu"
) -> Tensor:
    """Return pictures as a float32 tensor `(B, C, H, W)`.

    Args:
        outputs: An array or tensor.
        size: Height and width that they must have, if it matters.
        channels: C, 3 or 1.
        who: What takes them, told in errors.
        device: Where the tensor is to be.

    Raises:
        LCError: If they have another shape, are not floats, or lie outside [0, 1].
    """
    import torch

    images = outputs if torch.is_tensor(outputs) else torch.as_tensor(np.asarray(outputs))
    height, width = size or (0, 0)
    expected = f"float images (B, {channels}, {height or 'H'}, {width or 'W'}) in [0, 1]"
    if images.ndim != 4 or images.shape[1] != channels or (size and tuple(images.shape[2:]) != size):
        raise LCError(f"{who} takes {expected}; found shape {tuple(images.shape)}")
    if not images.is_floating_point():
        raise LCError(f"{who} takes {expected}; found {images.dtype}", hint="divide bytes by 255")
    with torch.no_grad():
        if images.numel() and not bool(((images >= -SLACK) & (images <= 1 + SLACK)).all()):
            low, high = float(images.min()), float(images.max())
            raise LCError(f"{who} takes {expected}; found values from {low:g} to {high:g}", hint="divide bytes by 255")
    return images.to(device, torch.float32)
