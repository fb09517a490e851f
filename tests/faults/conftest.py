"""A small run in a folder of its own, and what an undisturbed one leaves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.kills import left
from lc_core.cli import main

SPEC = """lc: 1
model: digits.8x8
constraints: [{use: images.brightness, at_most: 0.28}]
engine: {use: rejection, params: {block: 8}}
sample: {count: 6, seed: 3}
render: [png]
"""


@pytest.fixture
def lc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run `lc` in an empty folder with `spec.yaml`, and a cache folder there."""
    (tmp_path / "spec.yaml").write_text(SPEC)
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("sys.argv", ["lc"])  # is in environment.json
    return lambda *words: CliRunner().invoke(main, [str(one) for one in words])


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `lc sample spec.yaml --out out` leaves."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "spec.yaml").write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["lc"])
        patch.chdir(folder)
        patch.setenv("LC_CACHE_DIR", str(folder / "cache"))
        assert CliRunner().invoke(main, ["sample", "spec.yaml", "--out", "out"]).exit_code == 0
    return dict(left(folder))
