"""The wheel, which is what users install: it holds the files that the code reads at run time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("lc_core", "lc_plugins", "constraint_specs")


def files(folder: str) -> set[str]:
    """Return the files below a folder of the repository, but for what Python compiled."""
    found = {path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc"}
    return {path.relative_to(ROOT).as_posix() for path in found}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names of the files in a wheel that is built of a copy, without network."""
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    copy, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    command = [sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", built, copy]
    done = subprocess.run(command, capture_output=True, text=True, cwd=built)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    (path,) = built.glob("*.whl")
    with ZipFile(path) as archive:
        return set(archive.namelist())


def test_it_holds_the_templates_of_lc_new_plugin(wheel: set[str]) -> None:
    templates = files("lc_core/templates/plugin")
    assert "lc_core/templates/plugin/model/module.py.txt" in templates
    assert templates - wheel == set()


def test_it_holds_the_shipped_weights_with_their_model_cards(wheel: set[str]) -> None:
    shipped = {name for name in files("lc_plugins") if "/pretrained/" in name}
    assert {"lc_plugins/digits/pretrained/8x8/MODEL_CARD.md", "lc_plugins/digits/pretrained/8x8/config.json"} < shipped
    assert shipped - wheel == set()


def test_it_holds_the_shipped_specs_with_their_schema(wheel: set[str]) -> None:
    specs = files("constraint_specs")
    assert {"constraint_specs/melody/c_major.yaml", "constraint_specs/spec.schema.json"} < specs
    assert specs - wheel == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_it_holds_every_other_file_of_the_packages(package: str, wheel: set[str]) -> None:
    assert files(package) - wheel == set()


def test_it_holds_no_tests_examples_or_benchmarks(wheel: set[str]) -> None:
    assert {name.partition("/")[0] for name in wheel if ".dist-info/" not in name} == set(PACKAGES)
