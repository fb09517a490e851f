"""All of `examples/`: installed beside `lc`, listed, and their specs ready for editors."""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from lc_core.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(one.parent for one in (ROOT / "examples").glob("*/pyproject.toml"))
SPECS = sorted((ROOT / "examples").rglob("*.yaml"))
COMPONENTS = {
    "lc-mirror": [("constraint", "mirror.symmetry")],
    "lc-no-repeats": [("constraint", "norepeats.no_repeats")],
    "lc-slice": [("engine", "slice.elliptical")],
    "lc-tiny-gan": [("model", "tinygan.digits"), ("recipe", "tinygan.digits")],
}


def lc(*arguments: str) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def schema() -> dict:
    return json.loads(lc("schema", "--draft", "7"))


@pytest.mark.parametrize("name", [one.name for one in EXAMPLES])
def test_an_example_is_installed_and_lists_what_it_adds(name: str) -> None:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        pytest.fail(f"install the example first: pip install --no-deps -e {ROOT / 'examples' / name}")
    found = {one["name"]: one for one in json.loads(lc("plugins", "--json"))["distributions"]}
    assert [(one["kind"], one["name"]) for one in found[name]["components"]] == COMPONENTS[name]


@pytest.mark.parametrize("name", [one.name for one in EXAMPLES])
def test_an_example_is_in_the_documents(name: str) -> None:
    assert f"examples/{name})" in (ROOT / "docs" / "plugins.md").read_text()


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_the_first_line_of_a_spec_names_a_schema_that_its_readme_tells_how_to_write(path: Path, schema: dict) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    text = path.read_text()
    head = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)
    assert head, "the line that editors read"
    assert f"lc schema --draft 7 > {head[1]}" in (path.parent / "README.md").read_text()
    assert list(jsonschema.Draft7Validator(schema).iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_a_spec_says_what_it_is_for_and_what_to_expect(path: Path) -> None:
    for head in ("Purpose", "Expected", "Run time"):
        assert re.search(rf"^# {head}: +\S", path.read_text(), re.MULTILINE), head


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_lc_validate_accepts_a_spec(path: Path) -> None:
    assert "ok" in lc("validate", str(path))
