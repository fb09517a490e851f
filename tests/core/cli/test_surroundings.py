"""What a machine may be like: damaged distributions, streams that fail, no home folder, names that are not UTF-8."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys

import pytest

from lc_core.cli.text import table

SPEC = """lc: 1
name: one
model: digits.8x8
constraints:
  - {use: images.brightness, at_least: 0.1, label: "jasność 😀"}
engine: rejection
sample: {count: 2}
render: [images.png]
"""
LC = (sys.executable, "-m", "lc_core")
NOT_UTF8 = os.fsdecode(b"caf\xe9")


@pytest.fixture
def lc(tmp_path):
    """Run `lc` in a process of its own, in `tmp_path`, with `one.yaml` there."""
    (tmp_path / "one.yaml").write_text(SPEC, encoding="utf-8")

    def run(*arguments, text=True, shell="", **variables):
        environment = {**os.environ, "LC_CACHE_DIR": str(tmp_path / "cache"), "PYTHONUTF8": "0", **variables}
        environment = {key: value for key, value in environment.items() if value is not None}
        command = [*LC, *arguments]
        if shell:
            command = ["bash", "-c", f'set -o pipefail; "$@" {shell}', "lc", *command]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=text, check=False)

    return run


def damage(folder, kind):
    """Put a distribution that cannot be read into a folder, and return its path."""
    path = folder / "odd-1.0.dist-info"
    path.mkdir(parents=True)
    entries, about = path / "entry_points.txt", path / "METADATA"
    if kind != "empty":
        entries.write_text("[latent_constraints]\nodd = odd\n[latent_constraints.commands]\nodd = odd:main\n")
    if kind not in ("empty", "no METADATA"):
        about.write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    if kind == "line without =":
        entries.write_text("[console_scripts]\nnothing\n")
    elif kind == "entry points not UTF-8":
        entries.write_bytes(b"[console_scripts]\n\xe9 = a:b\n")
    elif kind == "entry points a folder":
        entries.unlink()
        entries.mkdir()
    elif kind == "no Name":
        about.write_text("Metadata-Version: 2.1\nVersion: 1.0\n")
    elif kind == "no Version":
        about.write_text("Metadata-Version: 2.1\nName: odd\n")
    elif kind == "METADATA not UTF-8":
        about.write_bytes(b"Name: odd\nVersion: 1.0\nAuthor: \xe9\n")
    elif kind == "METADATA a folder":
        about.unlink()
        about.mkdir()
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "no METADATA",
        "line without =",
        "entry points not UTF-8",
        "entry points a folder",
        "no Name",
        "no Version",
        "METADATA not UTF-8",
        "METADATA a folder",
    ],
)
def test_a_damaged_distribution_is_listed_with_its_path_and_the_rest_works(lc, tmp_path, kind):
    path = damage(tmp_path / "site", kind)
    listed = lc("plugins", PYTHONPATH=str(tmp_path / "site"))
    assert listed.returncode == 0, listed.stderr
    assert [line for line in listed.stdout.splitlines() if line.startswith("broken: odd") and str(path) in line]
    assert "melody.in_scale" in listed.stdout
    helped = lc("--help", PYTHONPATH=str(tmp_path / "site"))
    assert (helped.returncode, helped.stderr) == (0, "")
    validated = lc("validate", "one.yaml", PYTHONPATH=str(tmp_path / "site"))
    assert (validated.returncode, validated.stderr) == (0, "")
    sampled = lc("sample", "one.yaml", "--quiet", PYTHONPATH=str(tmp_path / "site"))
    assert (sampled.returncode, sampled.stderr) == (0, "")
    assert "No such command" in lc("odder", PYTHONPATH=str(tmp_path / "site")).stderr


def test_a_damaged_copy_of_lc_itself_does_not_hide_the_sound_one(lc, tmp_path):
    (tmp_path / "site" / "latent_constraints-0.0.dist-info").mkdir(parents=True)
    done = lc("sample", "one.yaml", "--quiet", PYTHONPATH=str(tmp_path / "site"))
    assert (done.returncode, done.stderr) == (0, "")


def test_strict_mode_refuses_a_distribution_whose_entry_points_cannot_be_read(lc, tmp_path):
    path = damage(tmp_path / "site", "line without =")
    done = lc("validate", "one.yaml", PYTHONPATH=str(tmp_path / "site"), LC_STRICT_PLUGINS="1")
    assert done.returncode == 2
    assert str(path) in done.stderr
    assert lc("validate", "one.yaml", PYTHONPATH=str(tmp_path / "site"), LC_DISABLE_PLUGINS="odd").returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("plugins",), ("show", "one.yaml"), ("schema",)])
@pytest.mark.parametrize("shell", [">/dev/full", ">&-"])
def test_standard_output_that_cannot_be_written_is_told_in_one_line(lc, arguments, shell):
    done = lc(*arguments, shell=shell)
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard output cannot be written")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_went_is_no_error(lc):
    done = lc("plugins", shell="| head -1")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("shell", ["2>&-", "2>/dev/full"])
def test_an_error_stream_that_cannot_be_written_changes_nothing(lc, shell, tmp_path):
    done = lc("sample", "one.yaml", shell=shell)
    assert done.returncode == 0
    assert (tmp_path / "runs/one-0/report.html").exists()
    assert lc("validate", "nothing.yaml", shell=shell).returncode == 2


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "ascii", "utf-8"])
def test_characters_that_an_encoding_lacks_are_escaped(lc, tmp_path, encoding):
    done = lc("sample", "one.yaml", "--json", "--quiet", text=False, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout.decode(encoding))["constraints"][0]["label"] == "jasność 😀"
    assert "jasność 😀" in (tmp_path / "runs/one-0/report.html").read_text(encoding="utf-8")
    shown = lc("show", "one.yaml", text=False, PYTHONIOENCODING=encoding)
    assert (shown.returncode, shown.stderr) == (0, b"")
    shown.stdout.decode(encoding)


@pytest.mark.parametrize("arguments", [("--set", f"name={NOT_UTF8}"), ("--set", f"constraints.0.label={NOT_UTF8}")])
def test_a_value_that_is_not_utf8_is_refused(lc, arguments):
    done = lc("show", "one.yaml", *arguments)
    assert done.returncode == 2
    assert "not UTF-8" in done.stderr
    assert "Traceback" not in done.stderr


def test_files_and_folders_may_have_names_that_are_not_utf8(lc, tmp_path):
    assert lc("sample", "one.yaml", "--out", NOT_UTF8).returncode == 0
    picture = next((tmp_path / NOT_UTF8 / "outputs").glob("*.png"))
    odd = tmp_path / f"{NOT_UTF8}.png"
    odd.write_bytes(picture.read_bytes())
    scored = lc("score", "one.yaml", odd.name, "--json")
    assert scored.returncode == 0, scored.stderr
    assert json.loads(scored.stdout)[0]["file"] == odd.name
    edit = SPEC.replace("engine: rejection", "engine: {use: edit, params: {steps: 2}}").replace("at_least", "at_most")
    (tmp_path / "edit.yaml").write_text(edit.replace("0.1", "0.9, guide: decoder"), encoding="utf-8")
    others = ["plain.png", "caf\u00e9 \u65e5\u672c.png", "line\nbreak.png"]
    for name in others:
        (tmp_path / name).write_bytes(picture.read_bytes())
    done = lc("transform", "edit.yaml", "--input", odd.name, *others, "--out", "changed", PYTHONIOENCODING="ascii")
    assert done.returncode in (0, 3), done.stderr
    assert json.loads((tmp_path / "changed/report.json").read_text("utf-8"))["examples"][0]["input"] == odd.name
    assert (tmp_path / "changed/report.html").read_text("utf-8")
    rows = done.stdout.splitlines()[1:5]
    assert [row.split(".png")[0] for row in rows] == [
        *("caf\\udce9", "plain", "caf\\u00e9 \\u65e5\\u672c", "line\\u000abreak")
    ]
    assert len({row.index(" -> ") for row in rows}) == 1


@pytest.mark.parametrize(
    ("encoding", "cell", "width"),
    [
        ("utf-8", "plain", 5),
        ("utf-8", "caf\udce9", 9),
        ("utf-8", "cafe\u0301", 4),
        ("utf-8", "\u65e5\u672c", 4),
        ("latin-1", "\u65e5\u00e9", 7),
        ("ascii", "\u00e9", 6),
    ],
)
def test_a_column_is_as_wide_as_its_cells_are_shown(monkeypatch, encoding, cell, width):
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    head, row = table([("a", "b"), (cell, "c")]).splitlines()
    assert head == f"a{' ' * (width - 1)}  b"
    assert row.endswith("  c") and not row.endswith("   c")


@pytest.mark.parametrize("given", ["~nobody-of-this-name/x", "one.yaml", "one.yaml/below", "a" * 300])
def test_a_cache_folder_that_cannot_be_is_named_where_it_is_needed_and_nowhere_else(lc, given):
    assert lc("sample", "one.yaml", "--quiet", LC_CACHE_DIR=given).returncode == 0
    done = lc("fit", "one.yaml", "--engine", "gradient", LC_CACHE_DIR=given)
    assert done.returncode == 2
    assert given in done.stderr
    assert "--out" not in done.stderr
    assert "Traceback" not in done.stderr
    for command in (("cache",), ("doctor", "--help")):
        assert "Traceback" not in lc(*command, LC_CACHE_DIR=given).stderr


@pytest.mark.parametrize("where", ["one.yaml/below", "a" * 300, "/proc/lc-run"])
def test_a_folder_that_cannot_be_written_is_told(lc, where):
    done = lc("sample", "one.yaml", "--out", where)
    assert done.returncode == 2
    assert where in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["a" * 300, "one.yaml/x.png"])
def test_a_file_that_cannot_be_opened_keeps_no_other_from_being_measured(lc, tmp_path, name):
    lc("sample", "one.yaml", "--out", "run", "--quiet")
    good = "run/outputs/000000.png"
    done = lc("score", "one.yaml", name, good)
    assert done.returncode == 2
    assert good in done.stdout
    assert "Traceback" not in done.stderr


STRANGER = 54321
"""A user who has no entry in the list of users."""
AS_ROOT = (
    *("setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"),
    *("--inh-caps=+dac_override", "--ambient-caps=+dac_override"),  # may read this installation, wherever it is
)
AS_ANYONE = "unshare", "--user", f"--map-user={STRANGER}"
NO_ENTRY = """
import os, pwd, sys

def missing(who):
    raise KeyError(who)

pwd.getpwuid = pwd.getpwnam = missing
os.getuid = os.geteuid = lambda: 54321
from lc_core.cli import main
main(sys.argv[1:])
"""


def becoming_a_stranger():
    """Return how to start `lc` as a user without an entry; where the system allows none, Python is told there is none.

    Root gives its rights away; anyone else has the name changed in a space of users of its own.
    """
    for way in (AS_ROOT, AS_ANYONE):
        command = [*way, sys.executable, "-c", f"import os, lc_core; assert os.getuid() == {STRANGER}"]
        if shutil.which(way[0]) and not subprocess.run(command, capture_output=True, check=False).returncode:
            return [*way, *LC]
    return [sys.executable, "-c", NO_ENTRY]


def test_a_user_without_home_or_passwd_entry_samples(tmp_path):
    (tmp_path / "one.yaml").write_text(SPEC, encoding="utf-8")
    environment = {
        key: value for key, value in os.environ.items() if key not in ("HOME", "LC_CACHE_DIR", "XDG_CACHE_HOME")
    }
    command = [*becoming_a_stranger(), "sample", "one.yaml", "--out", "run"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 of 2" in done.stdout
    assert (tmp_path / "run/report.html").stat().st_size > 0
    assert len(list((tmp_path / "run/outputs").glob("*.png"))) == 2
