"""Every shipped spec runs, and what it delivers holds when the MIDI files are read back."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lc_core.cli import main
from lc_core.run import build_problem
from lc_core.spec import load_spec
from lc_core.spec.files import find_spec, shipped_names
from lc_core.verify import Verifier
from lc_plugins.melody.midi import read_midi


def test_specs_are_shipped() -> None:
    assert {"melody/c_major", "melody/busy_c_major", "melody/rare", "melody/free"} <= set(shipped_names())


@pytest.mark.parametrize("name", shipped_names())
def test_a_spec_says_what_it_is_for_and_what_to_expect(name: str) -> None:
    text = find_spec(name).read_text()
    for head in ("Purpose", "Expected", "Run time"):
        assert re.search(rf"^# {head}: +\S", text, re.MULTILINE), head


@pytest.mark.parametrize("name", [name for name in shipped_names() if name.startswith("melody/")])
def test_a_spec_delivers_melodies_that_hold_when_they_are_read_back(name: str, tmp_path: Path) -> None:
    arguments = ["sample", name, "--engine", "rejection", "--count", "2", "--budget", "200000", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, [*arguments, "--quiet"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    spec = load_spec(name)
    files = sorted((tmp_path / "outputs").glob("*.mid"))
    assert len(files) == 2
    assert len(list((tmp_path / "outputs").iterdir())) == 2 * len(spec.renderers)
    verifier = Verifier(build_problem(spec, device="cpu").model, spec.entries)
    melodies = np.concatenate([read_midi(file) for file in files])
    assert verifier.satisfied(verifier.measure(melodies), len(melodies)).all()


def test_realism_alone_needs_no_fit(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["sample", "melody/free", "--count", "2", "--out", str(tmp_path), "--quiet"])
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "outputs").glob("*.wav"))) == 2
