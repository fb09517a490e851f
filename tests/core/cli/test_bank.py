"""`lc bank` fills a bank ahead; `lc cache` lists and clears it; `lc show` tells from it what prior samples meet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SPEC = """
    lc: 1
    name: high
    model: line.model
    constraints:
      - {use: line.first, at_least: 6}
      - {use: line.spread, at_most: 8}
    engine: {use: rejection}
    sample: {count: 5}
"""


@pytest.fixture(autouse=True)
def own_cache(line, tmp_path, monkeypatch):
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def filled(lc, *arguments):
    result = lc("bank", *arguments, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_bank_is_filled_extended_and_found_by_a_spec(lc, write_spec):
    first = filled(lc, "line.model", "--samples", 1500)
    assert (first["samples"], first["decoded"], first["rules"]) == (2048, 2048, [])
    more = filled(lc, write_spec(SPEC), "--samples", 3000)
    assert (more["samples"], more["rules"]) == (3072, ["line.first", "line.spread"])
    assert more["decoded"] < 1024 + 100
    assert more["bytes"] > first["bytes"]
    again = filled(lc, write_spec(SPEC), "--samples", 3000)
    assert again["decoded"] < 100


def test_a_run_has_the_same_bytes_with_a_bank_and_without(lc, write_spec, content_of, monkeypatch):
    filled(lc, "line.model", "--samples", 1)
    spec = write_spec(SPEC.replace("count: 5", "count: 120"))  # a few blocks
    assert lc("sample", spec, "--out", "half").exit_code == 0
    assert lc("sample", spec, "--out", "with").exit_code == 0
    monkeypatch.setenv("LC_CACHE_DIR", "elsewhere")
    monkeypatch.setenv("LC_BANK_BYTES", "0")
    assert lc("sample", spec, "--out", "without").exit_code == 0
    assert content_of(Path("half")) == content_of(Path("with")) == content_of(Path("without"))
    assert json.loads(Path("half/report.json").read_text())["decodes"] > 2 * 1024


def test_it_says_what_is_there(lc):
    result = lc("bank", "line.model", "--samples", 1)
    assert result.stdout.startswith("1,024 prior samples of line (seed 0, in blocks of 1,024) are there, ")
    assert "1,024 of 1,024 samples" in result.stderr


def test_what_is_stopped_is_kept_and_goes_on(lc, line, monkeypatch):
    decode, calls = line.Line.decode, []

    def stop(self, z):
        calls.append(len(z))
        if sum(calls) > 2500:
            raise KeyboardInterrupt
        return decode(self, z)

    monkeypatch.setattr(line.Line, "decode", stop)
    assert lc("bank", "line.model", "--samples", 4000).exit_code == 130
    monkeypatch.setattr(line.Line, "decode", decode)
    assert 1024 < filled(lc, "line.model", "--samples", 4000)["decoded"] < 4096


def test_where_no_more_can_be_kept_it_ends_and_says_why(lc, monkeypatch):
    monkeypatch.setenv("LC_BANK_BYTES", "7000")
    result = lc("bank", "line.model", "--samples", 4000)
    assert result.exit_code == 2
    error, hint = result.stderr.splitlines()[-2:]
    assert error.startswith("error: no more samples can be kept: all banks together may take 7,000 bytes")
    assert hint == "  hint: LC_BANK_BYTES says how much may be kept, lc cache what takes room"
    assert result.stderr.count("7,000 bytes") == 1
    monkeypatch.setenv("LC_BANK_BYTES", "0")
    assert "error: no more samples can be kept: LC_BANK_BYTES is 0;" in lc("bank", "line.model").stderr
    monkeypatch.setenv("LC_BANK_BYTES", "many")
    result = lc("bank", "line.model")
    assert (result.exit_code, "LC_BANK_BYTES should be a number of bytes" in result.stderr) == (2, True)


def test_a_bank_is_listed_and_cleared_with_the_rest(lc, own_cache):
    size = filled(lc, "line.model", "--samples", 1)["bytes"]
    listed = lc("cache").stdout
    assert "prior samples of line, seed 0, in blocks of 1,024" in listed
    assert "0 fitted parts and 1 bank, " in listed
    (entry,) = json.loads(lc("cache", "--json").stdout)["entries"]
    assert entry["kind"] == "bank"
    assert entry["bytes"] >= size
    assert lc("cache", "--clear", "--yes").stdout.startswith("deleted 0 fitted parts and 1 bank, ")
    assert [path.name for path in own_cache.iterdir()] == ["CACHEDIR.TAG"]


def test_files_of_a_person_in_its_folder_stay(lc, own_cache):
    filled(lc, "line.model", "--samples", 1)
    (folder,) = own_cache.glob("bank-*")
    for name in ("notes.bank", "notes.txt"):
        (folder / name).write_text("mine")
    lc("cache", "--clear", "--yes")
    assert sorted(path.name for path in folder.iterdir()) == ["notes.bank", "notes.txt"]


def test_show_tells_what_prior_samples_meet(lc, write_spec):
    shown = lc("show", write_spec(SPEC)).stdout
    assert "of 4,096 prior samples meet:\n  first: " in shown
    assert "\n  all conditions: 1 in " in shown
    filled(lc, "line.model", "--samples", 10_000)
    assert "of 10,240 prior samples meet:\n" in lc("show", write_spec(SPEC)).stdout


def test_show_names_a_rule_that_fails_and_goes_on(lc, write_spec):
    spec = write_spec(SPEC.replace("{use: line.spread, at_most: 8}", "{use: line.faulty, params: {fault: raise}}"))
    shown = lc("show", spec)
    assert shown.exit_code == 0
    assert "prior samples: what they meet is not known: measurement line.faulty" in shown.stdout


def test_outputs_of_a_kind_that_is_not_kept_are_told_with_the_limit_and_what_to_do(lc):
    result = lc("bank", "digits.8x8", "--samples", 10**9)
    assert result.exit_code == 2
    error, hint = result.stderr.splitlines()[-2:]
    assert error.startswith("error: outputs of digits.8x8 are not kept: one is 64 numbers of type float32, and only")
    assert error.endswith("whole numbers are kept, at most 1,024 for each output")
    assert hint == "  hint: give a spec of this model in place of its name: what its rules measure is kept"
