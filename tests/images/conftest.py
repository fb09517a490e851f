"""A folder of CelebA's layout, with drawings in the place of photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lc_plugins.images.celeba import ATTRIBUTES

NAMES = ("5_o_Clock_Shadow", *ATTRIBUTES, "Wearing_Necktie")
COUNT = 12


def draw_celeba(folder: Path, *, count: int = COUNT, images: str = "img_align_celeba") -> Path:
    """Draw `count` images, 178 x 218: a face whose colour tells its number; parts are 8, 2 and 2 of twelve."""
    (folder / images).mkdir(parents=True)
    rng = np.random.default_rng(0)
    names = [f"{number:06d}.jpg" for number in range(1, count + 1)]
    for number, name in enumerate(names):
        tone = 20 * number % 256
        pixels = np.full((218, 178, 3), tone, np.uint8)
        pixels[109 - 64 : 109 + 64, 89 - 64 : 89 + 64] = (tone, 200, 255 - tone)
        Image.fromarray(pixels).save(folder / images / name, quality=95)
    held = rng.random((count, len(NAMES))) < 0.5
    held[0], held[1] = True, False  # both classes in the part that is trained on
    rows = [
        f"{name} {' '.join(f'{label:2d}' for label in np.where(row, 1, -1))}"
        for name, row in zip(names, held, strict=True)
    ]
    (folder / "list_attr_celeba.txt").write_text("\n".join([str(count), " ".join(NAMES) + " ", *rows, ""]))
    parts = np.repeat([0, 1, 2], [count - 4, 2, 2])
    (folder / "list_eval_partition.txt").write_text("".join(f"{n} {p}\n" for n, p in zip(names, parts, strict=True)))
    return folder


@pytest.fixture
def celeba(tmp_path: Path) -> Path:
    """A folder of one's own."""
    return draw_celeba(tmp_path / "celeba")


@pytest.fixture
def edit(celeba: Path) -> Callable[[str, Callable[[list[str]], list[str]]], None]:
    """Change the lines of a list in it."""

    def change(name: str, how: Callable[[list[str]], list[str]]) -> None:
        path = celeba / name
        path.write_text("\n".join(how(path.read_text().splitlines())) + "\n")

    return change
