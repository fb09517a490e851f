"""Reader for IDX files, the format of MNIST: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, plain or .gz.

An IDX file is two zero bytes, a byte for the type (8 for unsigned bytes), a byte for the number of dimensions, each
dimension as four bytes with the highest first, and the values, row by row.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from lc_core import LCError
from lc_core.common import LONGEST, counted, refuse_pointer, refuse_special

__all__ = ["read_idx", "read_mnist"]

GZIP = b"\x1f\x8b"
UBYTE = 8
CHUNK = 2**24  # bytes
LARGEST = 2**30  # values of a packed file
KINDS = {1: "labels", 3: "images"}  # by dimensions


def read_mnist(images: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read pictures and their labels.

    Args:
        images: An IDX file of unsigned bytes `(N, H, W)`, plain or compressed with gzip.
        labels: An IDX file of unsigned bytes `(N,)`.

    Returns:
        Pictures `(N, 1, H, W)` float32 in [0, 1], which is `image.gray/1`, and labels `(N,)` int64.

    Raises:
        LCError: As `read_idx`, or if there are not as many labels as images.
    """
    pictures, numbers = read_idx(images, dimensions=3), read_idx(labels, dimensions=1)
    if len(pictures) != len(numbers):
        found = f"{images} has {counted(len(pictures), 'image')}, but {labels} has {counted(len(numbers), 'label')}"
        raise LCError(
            f"{found}; expected as many",
            hint="the two files belong to different sets; MNIST has train-* and t10k-*",
        )
    return pictures[:, None].astype(np.float32) / 255, numbers.astype(np.int64)


def read_idx(path: Path, *, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes.

    Args:
        path: The file, plain or compressed with gzip: its first bytes tell, not its name.
        dimensions: How many dimensions it must have: 3 for images, 1 for labels.

    Returns:
        The values, uint8.

    Raises:
        LCError: If the file cannot be read, is no such IDX file, is empty, or has fewer or more values than it says.
    """
    path = Path(path)
    refuse_special(path)
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP
            raw.seek(0)
            return _values(cast(BinaryIO, gzip.open(raw)) if packed else raw, path, dimensions)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise LCError(f"{path} cannot be unpacked: {error}", hint="it may be truncated; fetch it again") from error
    except OSError as error:
        raise LCError(f"{path} cannot be read: {error.strerror or error}") from error


def _values(file: BinaryIO, path: Path, dimensions: int) -> np.ndarray:
    expected = f"{KINDS.get(dimensions, 'values')} (unsigned bytes, {counted(dimensions, 'dimension')})"
    head = file.read(4)
    if len(head) < 4 or head[:2] != b"\0\0":
        refuse_pointer(head + file.read(LONGEST), path)
        raise LCError(f"{path} is no IDX file: it begins with {head.hex() or 'nothing'}; expected 0000")
    if (head[2], head[3]) != (UBYTE, dimensions):
        other = KINDS.get(head[3]) if head[2] == UBYTE else None
        raise LCError(
            f"{path} has the magic number {int.from_bytes(head)}; expected {UBYTE << 8 | dimensions}, for {expected}",
            hint=f"this file holds {other}" if other else None,
        )
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise LCError(f"{path} is truncated: it ends within its header", hint="fetch it again")
    shape = struct.unpack(f">{dimensions}I", sizes)
    count = math.prod(shape)
    if not count:
        raise LCError(f"{path} holds nothing: its shape is {shape}")
    if count > LARGEST and isinstance(file, gzip.GzipFile):  # a plain file is read no further than it goes
        told = (
            f"{path} says that it holds {' x '.join(map(str, shape))} = {count:,} values; expected {LARGEST:,} at most"
        )
        raise LCError(told, hint="it is damaged or was made to fill the memory; fetch it again, or split it")
    data = _read(file, count)
    if len(data) < count:
        says = f"{' x '.join(map(str, shape))} = {count:,}"
        raise LCError(
            f"{path} is truncated: it holds {counted(len(data), 'value')}, but says {says}",
            hint="fetch it again",
        )
    if file.read(1):
        raise LCError(f"{path} goes on after the {' x '.join(map(str, shape))} values that it says it holds")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _read(file: BinaryIO, count: int) -> bytes:
    """Read up to `count` bytes; a header that promises too many reserves no memory."""
    parts = []
    while count and (part := file.read(min(count, CHUNK))):
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
