"""`images.celeba`: a folder of CelebA as a labelled data set, for `lc label`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from lc_plugins.images.arrays import from_pixels
from lc_plugins.images.celeba import ATTRIBUTES, CROP, SIZE, read_celeba

__all__ = ["Pictures", "read_labelled"]


class Pictures:
    """Pictures that are made when they are asked for: those of the training part would take 8 GB of memory.

    Args:
        pixels: `(N, H, W, 3)` uint8.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, rows: slice) -> np.ndarray:
        """Return pictures `(B, 3, H, W)` float32 in [0, 1]."""
        return from_pixels(self.pixels[rows])


def read_labelled(
    folder: Path,
    *,
    part: Literal["train", "valid", "test"] = "train",
    attributes: tuple[str, ...] = ATTRIBUTES,
    images: str = "",
    crop: Annotated[int, Field(ge=1)] = CROP,
    size: Annotated[int, Field(ge=1, le=4096)] = SIZE,
    progress: Callable[[str], None] = print,
) -> tuple[Pictures, dict[str, np.ndarray]]:
    """Photographs of faces with 40 attributes, in the folder layout of CelebA.

    Args:
        folder: Holds `list_attr_celeba.txt`, `list_eval_partition.txt` and the folder of images.
        part: Part of the data set.
        attributes: Names of attributes, as in line 2 of `list_attr_celeba.txt`; by default the ten of the paper.
        images: The folder of images; `img_align_celeba` in `folder` if empty.
        crop: Side of the square that is cut out of an image's centre, in pixels.
        size: Height and width of the pictures; the model's, if it tells it.
        progress: Called with a line of text now and then.

    Returns:
        N pictures, and for each name whether the attribute holds, `(N,)` bool.

    Raises:
        LCError: As `read_celeba`.
    """
    found = read_celeba(
        folder,
        part=part,
        attributes=attributes,
        images=Path(images) if images else None,
        crop=crop,
        size=size,
        progress=progress,
    )
    return Pictures(found.pictures), dict(zip(found.attributes, found.held.T, strict=True))
