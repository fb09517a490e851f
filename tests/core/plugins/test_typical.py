"""Typical values of rules: every shipped rule has them, of the models as they are, and a stranger's may have them."""

from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest
from click.testing import CliRunner

from lc_core import load_model
from lc_core.cli import main
from lc_core.plugins.discover import DISTRIBUTION, build_registry
from lc_core.plugins.registry import Registered
from lc_core.plugins.typical import Typical, read_typical, typical_lines
from lc_core.spec.jsonschema import schema_json

RULES = [one for one in build_registry().all("constraint") if one.distribution == DISTRIBUTION]
OF_FILES = {"labels.attribute", "melody.same_pitches", "melody.same_rhythm"}  # what they measure is a user's own


def lc(*arguments):
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize("rule", [one for one in RULES if one.name not in OF_FILES], ids=lambda one: one.name)
def test_every_shipped_rule_has_typical_values(rule):
    rows = read_typical(rule)
    assert rows, "run python -m benchmarks.typical"
    for row in rows:
        rule.fill(row.params)  # raises for settings that it does not take
        assert (row.meets_default is None) == (rule.load().__lc_measurement__.want is None)
        assert row.text() in lc("plugins", rule.name).output


@pytest.mark.parametrize("name", sorted({row.model for one in RULES for row in read_typical(one)}))
def test_typical_values_are_of_the_shipped_model(name):
    digests = {row.digest for one in RULES for row in read_typical(one) if row.model == name}
    assert digests == {load_model(name).digest}, "the model changed: run python -m benchmarks.typical"


def test_typical_values_come_out_again_on_few_samples():
    from benchmarks.typical import measured

    again = measured("digits", counts={"digits.8x8": 2_048})["rules"]["digits.digit"]
    (rule,) = (one for one in RULES if one.name == "digits.digit")
    for row, found in zip(read_typical(rule), again, strict=True):
        share = row.meets_default / row.samples
        error = (share * (1 - share) / found["samples"]) ** 0.5
        assert abs(found["meets_default"] / found["samples"] - share) < 5 * error


def test_a_rule_that_no_sample_meets_is_said_so_where_it_is_listed():
    listed = next(line for line in lc("plugins").output.splitlines() if "melody.repeated_bar" in line)
    assert "none of 65,536 samples of melody.folk-2bar meets the default" in listed
    assert "none of 65,536 samples meets the default" in lc("plugins", "melody.repeated_bar").output


@pytest.mark.parametrize("draft", ["2020-12", "7"])
def test_the_schema_shows_typical_values(draft):
    text = json.dumps(schema_json(build_registry(), draft=draft))
    assert "Typical on melody.folk-2bar: median 0, half of all from 0 to 0, 98 % from 0 to 3" in text
    jsonschema.validators.validator_for(json.loads(text)).check_schema(json.loads(text))


def test_plugins_with_a_name_that_is_not_there_suggests_one():
    done = subprocess.run([sys.executable, "-m", "lc_core", "plugins", "melody.syncop"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "melody.syncopation" in done.stderr


def test_plugins_with_a_name_prints_json():
    (found,) = json.loads(lc("plugins", "melody.span", "--json").output)
    assert found["typical"][0]["quantiles"]["50"] > 0


def test_showing_a_rule_imports_no_torch():
    code = (
        "import sys; from click.testing import CliRunner; from lc_core.cli import main\n"
        "assert CliRunner().invoke(main, ['plugins', 'melody.likeness']).exit_code == 0\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def strange(path):
    return Registered("constraint", "own.rule", "lc-own", "1", lambda outputs: outputs, {"typical": str(path)})


def test_a_strangers_plugin_may_have_typical_values(tmp_path):
    row = {"model": "own.model", "digest": "", "samples": 10, "seed": 0, "undefined": 1, "meets_default": None}
    quantiles = {"1": 0, "25": 1, "50": 2, "75": 3, "99": 4}
    file = tmp_path / "typical.json"
    file.write_text(json.dumps({"rules": {"own.rule": [{**row, "quantiles": quantiles}]}}))
    (line,) = typical_lines(strange(file))
    assert line == "typical on own.model: median 2, half of all from 1 to 3, 98 % from 0 to 4; undefined for 10 %"


@pytest.mark.parametrize(
    "content", [None, "", "[]", '{"rules": []}', '{"rules": {"own.rule": [{"model": 3}]}}', "\xff"]
)
def test_a_file_that_cannot_be_read_is_told_and_breaks_nothing(tmp_path, content):
    file = tmp_path / "typical.json"
    if content is not None:
        file.write_bytes(content.encode("latin-1"))
    (line,) = typical_lines(strange(file))
    assert "own.rule of lc-own: typical values cannot be read from" in line
    assert str(file) in line


@pytest.mark.parametrize(
    ("met", "text"),
    [(0, "none of 65,536 samples"), (1, "less than 0.01 %"), (65_535, "more than 99.9 %"), (65_536, "100 %")],
)
def test_shares_are_never_rounded_to_none_or_all(met, text):
    row = Typical(model="m", digest="", samples=65_536, seed=0, quantiles={}, undefined=0, meets_default=met)
    assert text in row.text()
