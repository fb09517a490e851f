"""40,000 avatars to train on and 5,000 to test on, drawn on first need and kept in the user's cache folder.

Picture i of a part depends on (the part's seed, i) alone. The folder's name is a hash of all that decides pictures and
labels: the code that chooses and draws, and the versions of the packages that it draws with.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from lc_core import LCError
from lc_core.common import Cache, ProgressLine, key_of, lock_of, write_atomically
from lc_core.constraints import code_digest
from lc_plugins.avatars.attributes import choose, labels
from lc_plugins.avatars.draw import SIZE, draw

__all__ = ["COUNTS", "Avatars", "read_avatars"]

COUNTS = {"train": 40_000, "test": 5_000}
"""Pictures in each part."""
SEEDS = {"train": 0, "test": 1}
TELL_EVERY = 1_000
"""Pictures from one line of progress to the next."""
CODE = ("lc_plugins.avatars.attributes", "lc_plugins.avatars.draw")
PACKAGES = ("dicebear-core", "dicebear-styles", "pylunasvg")


@dataclass(frozen=True)
class Avatars:
    """Pictures `(N, 64, 64, 3)` uint8, mapped from disk, and the attributes that hold, `(N, A)` bool."""

    pictures: np.ndarray
    held: np.ndarray


def read_avatars(part: str, *, count: int | None = None, progress: Callable[[str], None] = lambda _: None) -> Avatars:
    """Return a part of the data set, drawn first if it is not there.

    Args:
        part: `train` or `test`.
        count: Pictures, from the first; default all of the part.
        progress: Called with a line of text now and then.

    Raises:
        LCError: If there is no such part, or a package that draws is missing.
    """
    if part not in COUNTS:
        raise LCError(f"avatars have the parts {', '.join(COUNTS)}; found {part!r}")
    count = COUNTS[part] if count is None else count
    try:
        versions = {name: version(name) for name in PACKAGES}
    except PackageNotFoundError as error:
        hint = 'pip install "latent-constraints[avatars]"'
        raise LCError(f"drawing avatars needs the package {error.name}", hint=hint) from error
    decides = {"code": code_digest(*CODE), "versions": versions, "seed": SEEDS[part], "count": count}
    folder = Cache().root / "data" / f"avatars-{part}-{key_of(decides)}"
    folder.mkdir(parents=True, exist_ok=True)
    with lock_of(folder / "lock", what=folder, wait=True):
        if not (folder / "labels.npy").exists():
            _draw_all(folder, SEEDS[part], count, progress)
    return Avatars(np.load(folder / "pictures.npy", mmap_mode="r"), np.load(folder / "labels.npy"))


def _draw_all(folder: Path, seed: int, count: int, progress: Callable[[str], None]) -> None:
    """Write pictures, then labels, whose presence says that all is there."""
    path = folder / "pictures.npy"
    pictures = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(count, SIZE, SIZE, 3))
    held = np.zeros((count, len(labels(choose(seed, 0)))), dtype=bool)
    for index in range(count):
        parts = choose(seed, index)
        pictures[index], held[index] = draw(parts), labels(parts)
        done = index + 1
        if done % TELL_EVERY == 0 or done == count:
            progress(ProgressLine(f"drew {done:,} of {count:,} avatars", done, count))
    pictures.flush()
    buffer = io.BytesIO()
    np.save(buffer, held)
    write_atomically(folder / "labels.npy", buffer.getvalue())
