"""Every shipped spec runs, and what it delivers holds when its files are read back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from lc_core.cli import main
from lc_core.constraints.evaluator import Evaluator
from lc_core.plugins.discover import build_registry
from lc_core.plugins.readers import readers_of
from lc_core.runs.build import build_problem
from lc_core.spec import load_spec
from lc_core.spec.files import find_spec, shipped_names


def test_specs_are_shipped() -> None:
    assert {"melody/c_major", "melody/busy_c_major", "melody/rare", "melody/free", "digits/seven"} <= set(
        shipped_names()
    )


@pytest.mark.parametrize("name", shipped_names())
def test_a_spec_says_what_it_is_for_and_what_to_expect(name: str) -> None:
    text = find_spec(name).read_text()
    for head in ("Purpose", "Expected", "Run time"):
        assert re.search(rf"^# {head}: +\S", text, re.MULTILINE), head


@pytest.mark.parametrize("name", shipped_names())
def test_the_first_line_of_a_spec_names_a_schema_under_which_it_is_right(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    text = find_spec(name).read_text()
    head = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert head, "the line that editors read"
    schema = json.loads((find_spec(name).parent / head[1]).read_text())
    assert list(jsonschema.Draft7Validator(schema).iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize("name", shipped_names())
def test_what_a_spec_delivers_holds_when_it_is_read_back(name: str, tmp_path: Path) -> None:
    engine = ["--engine", "rejection"] if name.startswith("digits/") else []  # they would be fitted
    arguments = ["sample", name, *engine, "--count", "2", "--budget", "200000", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, [*arguments, "--quiet"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    spec = load_spec(name)
    assert len(list((tmp_path / "outputs").iterdir())) == 2 * len(spec.renderers)
    model = build_problem(spec, device="cpu").model
    outputs = read_back(tmp_path / "outputs", model.output_type)
    assert len(outputs) == 2
    evaluator = Evaluator(model, spec.entries)
    assert evaluator.satisfied(evaluator.measure(outputs), len(outputs)).all()


def read_back(folder: Path, output_type: str) -> np.ndarray:
    """Return what the files that a reader of this type takes hold, in order."""
    readers = readers_of(build_registry(), output_type)
    files = sorted(file for file in folder.iterdir() if file.suffix in readers)
    return np.concatenate([reader.load()(file, **reader.fill()) for file in files for reader in readers[file.suffix]])


def test_realism_alone_needs_no_fit(tmp_path: Path) -> None:
    arguments = ["sample", "melody/free", "--engine", "rejection", "--count", "2", "--out", str(tmp_path), "--quiet"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "outputs").glob("*.wav"))) == 2
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["decodes"] > 50 * report["tried"]  # each step of the chain decodes
