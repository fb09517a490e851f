"""The example of a stranger's model, `examples/lc-tiny-gan`, installed beside `lc` as any other distribution."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest
from click.testing import CliRunner

import lc_core
from lc_core.cli import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "lc-tiny-gan"
SMALL = lc_core.FitSettings(
    prior_samples=1024, push_samples=256, steps=60, hidden=64, rounds=1, round_samples=128, round_steps=20
)


@pytest.fixture(autouse=True, scope="module")
def installed():
    try:
        metadata.version("lc-tiny-gan")
    except metadata.PackageNotFoundError:
        pytest.fail(f"install the example first: pip install --no-deps -e {EXAMPLE}")


def test_lc_plugins_lists_the_model_with_its_distribution():
    result = CliRunner().invoke(main, ["plugins", "--json"])
    found = {one["name"]: one for one in json.loads(result.stdout)["distributions"]}
    names = [(one["kind"], one["name"]) for one in found["lc-tiny-gan"]["components"]]
    assert names == [("model", "tinygan.digits"), ("recipe", "tinygan.digits")]


@pytest.mark.parametrize("engine", ["rejection", "gradient"])
def test_its_spec_is_met_under_the_engine(engine):
    spec = lc_core.load_spec(EXAMPLE / "digit.yaml", engine=engine)
    model = spec.model.build()
    assert not model.encodes
    result = lc_core.sample(
        model=model, constraints=spec.entries, engine=spec.engine.build(), count=4, fit=SMALL, cache=False
    )
    assert len(result) == 4
    assert (result.measurements["digit"] >= 0.9).all()
