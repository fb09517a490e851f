"""Digits as files with a table of labels, and the plugin installed."""

from __future__ import annotations

import csv
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from lc_core.cli import main
from lc_core.plugins.discover import GROUP
from lc_plugins.labels.probe import ProbeSettings

ROWS = 500
NAMES = ("seven", "loop")


@pytest.fixture(scope="session")
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Pictures `(N, 8, 8)` uint8 and labels `(N, 2)` int: whether each is a seven, and whether it has a loop."""
    pytest.importorskip("sklearn")
    from lc_plugins.digits.data import read_digits

    found = read_digits("train")
    shown = found.shown[:ROWS]
    labels = np.stack([shown == 7, np.isin(shown, (0, 6, 8, 9))], axis=1).astype(int)
    return np.rint(found.pictures[:ROWS, 0] * 255).astype(np.uint8), labels


@pytest.fixture(scope="session")
def pictures(digits: tuple[np.ndarray, np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of PNG files; must not be changed."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("pictures")
    for number, pixels in enumerate(digits[0]):
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
    return folder


@pytest.fixture(autouse=True)
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the plugin found by its entry point, as after an installation."""
    if not any(one.value == "lc_plugins.labels.plugin" for one in metadata.entry_points(group=GROUP)):
        info = tmp_path / "site" / "lc_labels-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lc-labels\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\nlabels = lc_plugins.labels.plugin\n")
        monkeypatch.syspath_prepend(str(tmp_path / "site"))


@pytest.fixture
def table(digits: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> Callable[..., Path]:
    """Write a table of labels, with rows and a header as they should be or as a test wants them."""

    def write(header: str = "file,seven,loop", change: Callable[[list[list[str]]], object] = lambda rows: rows) -> Path:
        rows = [[f"{number:03d}.png", *map(str, labels)] for number, labels in enumerate(digits[1])]
        change(rows)
        path = tmp_path / "labels.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            file.write(header + "\n" if header else "")
            csv.writer(file).writerows(rows)
        return path

    return write


@pytest.fixture
def lc() -> Callable[..., Result]:
    """Run `lc` in this process, with a probe that is fitted quickly."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(one) for one in arguments], obj=ProbeSettings(steps=150, hidden=64))

    return run


@pytest.fixture
def labelled(lc: Callable[..., Result], table: Callable[..., Path], pictures: Path, tmp_path: Path) -> Path:
    """The label set of the files."""
    out = tmp_path / "mine.safetensors"
    result = lc("label", "digits.8x8", "--data", pictures, "--labels", table(), "--out", out)
    assert result.exit_code == 0, result.output
    return out
