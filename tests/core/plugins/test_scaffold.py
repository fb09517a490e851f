"""`lc new-plugin`: what it writes works at once, and what it refuses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from lc_core.plugins.scaffold import KINDS, new_plugin

ROOT = Path(__file__).parents[3]
CACHES = ROOT / ".mypy_cache"


def run(*command: object, cwd: Path, path: list[Path]) -> str:
    """Run a command with some folders ahead on Python's path; return what it prints."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, [*path, *sys.path])), "OMP_NUM_THREADS": "1"}
    command = (sys.executable, "-m", *map(str, command))
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of each kind."""
    folder = tmp_path_factory.mktemp("plugins")
    for kind in KINDS:
        new_plugin(f"lc-some-{kind}", kind, folder / kind)
    return folder


@pytest.fixture(scope="module")
def site(written: Path) -> Path:
    """Where all four are installed, as by pip into an environment."""
    pytest.importorskip("setuptools", minversion="77")
    options = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]
    packages = [written / kind for kind in KINDS]
    run("pip", "install", *options, "--target", written / "site", *packages, cwd=written, path=[])
    return written / "site"


@pytest.mark.parametrize("kind", KINDS)
def test_a_package_has_module_spec_test_readme_and_ci(written, kind):
    found = {str(one.relative_to(written / kind)) for one in (written / kind).rglob("*") if one.is_file()}
    module = f"lc_some_{kind}"
    files = {f"{module}.py", f"{module}.yaml", f"tests/test_{module}.py", "README.md", ".github/workflows/ci.yml"}
    assert files | {"pyproject.toml"} <= found
    assert "$" not in "".join((written / kind / one).read_text() for one in files).replace("$schema=", "")


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_line_of_a_spec_names_the_schema_that_the_readme_tells_how_to_write(written, kind):
    text = (written / kind / f"lc_some_{kind}.yaml").read_text()
    assert text.startswith("# yaml-language-server: $schema=spec.schema.json\n")
    assert "lc schema --draft 7 > spec.schema.json" in (written / kind / "README.md").read_text()


def test_a_rule_is_at_most_fifteen_lines(written):
    lines = (written / "constraint" / "lc_some_constraint.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 15


def test_they_pass_ruff(written):
    for kind in KINDS:
        run("ruff", "check", "--no-cache", ".", cwd=written / kind, path=[])
        run("ruff", "format", "--no-cache", "--check", ".", cwd=written / kind, path=[])


def test_they_pass_mypy(written):
    modules = [written / kind / f"lc_some_{kind}.py" for kind in KINDS]
    config = written / "constraint" / "pyproject.toml"
    assert 'files = ["lc_some_constraint.py"]' in config.read_text()
    # With the cache of `make lint`: checking torch and lc_core anew takes half a minute.
    run("mypy", "--config-file", config, "--cache-dir", CACHES, *modules, cwd=written, path=[])


def test_mypy_follows_an_editable_installation_of_a_clone_since_that_is_a_path(tmp_path):
    pytest.importorskip("setuptools", minversion="77")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("lc_core", "lc_plugins", "constraint_specs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    code = "from setuptools.build_meta import build_editable; build_editable('.')"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as archive:
        (path,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith(".pth")]
    assert Path(path.strip()) == tmp_path.resolve()


def test_they_pass_their_own_tests(written, site):
    folders = [written / kind / "tests" for kind in KINDS]
    passed = run("pytest", "-q", "-p", "no:cacheprovider", *folders, cwd=written, path=[site])  # one import of torch
    assert " passed" in passed


def test_lc_plugins_schema_and_validate_see_them(written, site):
    found = json.loads(run("lc_core", "plugins", "--json", cwd=written, path=[site]))
    names = {(one["name"], each["kind"], each["name"]) for one in found["distributions"] for each in one["components"]}
    assert {(f"lc-some-{kind}", kind, f"some-{kind}.some_{kind}") for kind in KINDS} <= names
    assert found["broken"] == []
    schema = run("lc_core", "schema", cwd=written, path=[site])
    specs = [written / kind / f"lc_some_{kind}.yaml" for kind in KINDS]
    assert all(f"some-{kind}.some_{kind}" in schema for kind in KINDS)
    assert run("lc_core", "validate", *specs, cwd=written, path=[site]).count(": ok") == 4


def test_it_tells_what_it_wrote_and_what_to_do_next(lc, tmp_path):
    told = lc("new-plugin", "high-notes")
    assert told.exit_code == 0
    assert "high_notes.py" in told.stdout
    assert 'cd high-notes && pip install -e ".[dev]"' in told.stdout
    assert Path("high-notes", "high_notes.yaml").exists()
    assert "high-notes.high_notes" in Path("high-notes", "high_notes.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "'' cannot name a plugin"),
        ("High", "small letters"),
        ("high notes", "small letters"),
        ("1st", "a letter first"),
        ("../up", "small letters"),
        ("a--b", "single hyphens"),
        ("hügel", "small letters"),
        ("a" * 41, "at most 40"),
        ("class", "'class' cannot name a function"),
        ("lc-class", "'class' cannot name a function"),
        ("lc-3d", "'3d' cannot name a function"),
        ("random", "Python has a module 'random'"),
        ("numpy", "a distribution called 'numpy' is installed already"),
        ("latent-constraints", "is installed already"),
        ("a_b", "small letters, digits and single hyphens"),
        ("lc", "the name of the command"),
        ("con", "on Windows no file may have that name"),
        ("lpt1", "on Windows no file may have that name"),
        ("lc-core", "a module 'lc_core' is installed"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_with_the_reason(lc, name, told):
    result = lc("new-plugin", name)
    assert result.exit_code == 2
    assert told in result.stderr
    assert not list(Path().iterdir())


def test_a_folder_that_exists_is_refused_even_if_it_is_empty(lc):
    Path("high-notes").mkdir()
    result = lc("new-plugin", "high-notes")
    assert result.exit_code == 2
    assert "high-notes exists already; nothing is written" in result.stderr
    assert lc("new-plugin", "high-notes", "--out", "elsewhere/here").exit_code == 0
    assert Path("elsewhere/here/pyproject.toml").exists()
    Path("file").touch()
    Path("link").symlink_to("nothing")
    refused = lc("new-plugin", "high-notes", "--out", "link/below")
    assert (refused.exit_code, "link is a link to a place that does not exist" in refused.stderr) == (2, True)
    refused = lc("new-plugin", "high-notes", "--out", "file/below")
    assert refused.exit_code == 2
    assert "file/below" in refused.stderr


def test_a_kind_that_there_is_no_template_for_is_refused(lc):
    assert lc("new-plugin", "high-notes", "--kind", "reader").exit_code == 2
