"""The example of a stranger's plugin, `examples/lc-no-repeats`, installed beside `lc` as any other distribution."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import lc_core
from lc_core.cli import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "lc-no-repeats"
NAME = "norepeats.no_repeats"
SMALL = lc_core.FitSettings(
    prior_samples=1024, push_samples=256, steps=60, hidden=64, rounds=1, round_samples=128, round_steps=20
)


@pytest.fixture(autouse=True, scope="module")
def installed():
    try:
        metadata.version("lc-no-repeats")
    except metadata.PackageNotFoundError:
        pytest.fail(f"install the example first: pip install --no-deps -e {EXAMPLE}")


def lc(*arguments):
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


def pitches(melody):
    return [int(token) for token in melody if token < 128]


def test_the_module_has_at_most_fifteen_lines():
    assert len((EXAMPLE / "lc_no_repeats.py").read_text().splitlines()) <= 15


def test_lc_plugins_lists_the_rule_with_its_distribution():
    found = {one["name"]: one for one in json.loads(lc("plugins", "--json"))["distributions"]}
    (rule,) = found["lc-no-repeats"]["components"]
    assert (rule["kind"], rule["name"], rule["default"]) == ("constraint", NAME, {"at_least": 1.0})


def test_lc_schema_allows_the_rule():
    schema = json.loads(lc("schema"))
    assert NAME in schema["properties"]["constraints"]["items"]["properties"]["use"]["enum"]
    assert NAME in schema["$defs"]["entry"]["properties"]["use"]["enum"]


def test_lc_validate_accepts_its_spec():
    assert "ok" in lc("validate", str(EXAMPLE / "no_repeats.yaml"))


@pytest.mark.parametrize("engine", ["rejection", "gradient"])
def test_its_spec_is_met_under_the_engine(engine):
    spec = lc_core.load_spec(EXAMPLE / "no_repeats.yaml", engine=engine)
    result = lc_core.sample(
        model=spec.model.build(), constraints=spec.entries, engine=spec.engine.build(), count=4, fit=SMALL, cache=False
    )
    assert len(result) == 4
    assert result.report["constraints"][0]["use"] == NAME
    for melody in result.outputs:
        notes = pitches(melody)
        assert len(notes) > 1
        assert np.diff(notes).all()
