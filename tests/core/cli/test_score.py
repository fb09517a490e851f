"""`lc score`: what it tells of files, its status, and that it needs neither model nor torch."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

from lc_core.cli import main

PLUGIN = """
    import numpy as np
    from lc_core.constraints.declare import measurement
    from lc_core.plugins.hookspecs import hookimpl

    def load(): raise RuntimeError("scoring must not load the model")

    @measurement(accepts="rows/1", unit="points", range=(-np.inf, 100), at_least=0, undefined="a negative start")
    def mean(rows):
        "Return the mean."
        return np.where(rows[:, 0] < 0, np.nan, rows.mean(axis=1))

    def words(rows):
        return [4 if row[0] == 13.5 else "four or so" if row.any() else "" for row in rows]

    @measurement(accepts="rows/1", unit="points", range=(-np.inf, 100), at_least=0, words=words)
    def named(rows):
        "Return the mean."
        return rows.mean(axis=1)

    @measurement(accepts="rows/1", unit="points", range=(-np.inf, np.inf), at_least=0)
    def last(rows):
        "Return the last number."
        if (rows == 13).any():
            raise ZeroDivisionError("thirteen")
        return rows[:, -1]

    def read(path, *, factor: float = 1.0):
        "Read numbers."
        return factor * np.loadtxt(path, ndmin=2)

    def nothing(path):
        "Read nothing."
        return np.zeros((0, 2))

    @hookimpl
    def lc_register_models(register):
        register("rows.model", load, output="rows/1")
        register("rows.other", load, output="other/1")

    @hookimpl
    def lc_register_constraints(register):
        register("rows.mean", mean)
        register("rows.last", last)
        register("rows.named", named)

    @hookimpl
    def lc_register_readers(register):
        register("rows.text", read, output="rows/1", suffixes=[".txt", ".rows"])
        register("rows.nothing", nothing, output="rows/1", suffixes=[".none"])
"""

SPEC = """
    lc: 1
    model: rows.model
    constraints:
      - {use: rows.mean, at_least: 2}
      - any:
          - {use: rows.last, at_most: 0, label: low}
          - {use: rows.last, between: [5, 6], label: high}
      - {use: rows.last, target: 5, tolerance: 0.5, require: false, label: near}
"""


@pytest.fixture
def score(install_plugin, write_spec, tmp_path, monkeypatch):
    """Write files in an empty folder and score them there."""
    install_plugin("lc-rows", PLUGIN)
    spec = write_spec(SPEC)
    folder = tmp_path / "files"
    folder.mkdir()
    monkeypatch.chdir(folder)

    def run(*options, spec=spec, **files):
        names = []
        for name, text in files.items():
            names.append(name.replace("_", "."))
            if text is not None:
                (folder / names[-1]).write_text(text)
        return CliRunner().invoke(main, ["score", str(spec), *names, *options])

    return run


def lines(result):
    return [" ".join(line.split()) for line in result.stdout.splitlines() if line.strip()]


def test_each_entry_is_told_with_what_was_measured_and_wanted(score):
    result = score(good_txt="3 5.25")
    assert result.exit_code == 0
    assert lines(result) == [
        "good.txt",
        "constraint measured wanted met",
        "mean 4.125 points at least 2 yes",
        "any any of yes",
        "low 5.25 points at most 0 no",
        "high 5.25 points 5 to 6 yes",
        "near (preference) 5.25 points 5 ± 0.5 yes",
        "all conditions: met",
    ]


def test_words_of_a_rule_stand_beside_its_value(score, write_spec):
    spec = write_spec(SPEC.replace("rows.mean, at_least: 2", "rows.named, at_least: 2"))
    assert "named 4.125 points (four or so) at least 2 yes" in lines(score(good_txt="3 5.25", spec=spec))
    (item,) = json.loads(score("--json", good_txt="3 5.25", spec=spec).stdout)
    assert [one.get("words") for one in item["constraints"]] == ["four or so", None, None]
    assert "named 0 points at least 2 no" in lines(score(none_txt="0 0", spec=spec)), "nothing to say"
    bad = score(bad_txt="13.5 1", spec=spec)
    assert bad.exit_code == 2
    assert "the words of rows.named (from lc-rows) are [4]; expected a text for each output" in bad.stderr


def test_a_value_outside_the_range_of_its_rule_is_told(score):
    result = score(far_txt="300 5")
    assert result.stderr.startswith("note: far.txt: measurement rows.mean (from lc-rows) was 152.5 for output 0;")


def test_a_preference_decides_nothing(score):
    result = score(good_txt="9 -1")
    assert "near (preference) -1 points 5 ± 0.5 no" in lines(result)
    assert "all conditions: met" in lines(result)
    assert result.exit_code == 0


def test_the_status_is_3_if_one_of_several_files_fails(score):
    result = score(good_txt="3 5", bad_txt="1 1")
    assert result.exit_code == 3
    assert lines(result)[-2:] == ["all conditions: not met", "1 of 2 outputs meets all conditions"]


def test_an_undefined_value_meets_nothing(score):
    result = score(odd_txt="-1 5")
    assert "mean undefined at least 2 undefined" in lines(result)
    assert result.exit_code == 3


def test_a_file_may_hold_several_outputs(score):
    result = score(two_ROWS="3 5\n1 1\n")
    assert [line for line in lines(result) if line.startswith("two")] == [
        "two.ROWS, output 1 of 2",
        "two.ROWS, output 2 of 2",
    ]
    assert lines(result)[-1] == "1 of 2 outputs meets all conditions"


def test_all_files_that_cannot_be_read_are_told_and_the_others_scored(score):
    result = score(
        lost_txt=None, good_txt="3 5", song_mp3="", README="", words_txt="one two", none_none="", thirteen_txt="3 13"
    )
    assert result.exit_code == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert errors[0] == "error: lost.txt: no such file"
    assert errors[1] == "error: song.mp3: files that end in .mp3 cannot be read; expected .none or .rows or .txt"
    assert errors[2].startswith("error: README: files without an ending cannot be read")
    assert errors[3].startswith("error: words.txt: reader rows.text of lc-rows raised ValueError")
    assert errors[4].startswith("error: none.none: reader rows.nothing of lc-rows returned shape (0, 2)")
    assert errors[5] == "error: thirteen.txt: measurement rows.last (from lc-rows) raised ZeroDivisionError: thirteen"
    assert len(errors) == 6
    assert "all conditions: met" in lines(result)
    assert lines(result)[-1] == "1 of 1 output meets all conditions; 6 of 7 files could not be measured"


def test_a_folder_is_no_file(score, tmp_path):
    (tmp_path / "files" / "songs").mkdir()
    result = score(songs=None)
    assert result.exit_code == 2
    assert "error: songs: is a folder; expected a file\n  hint: name the files in it: songs/*" in result.stderr


def test_json_has_one_item_for_each_output_and_each_unreadable_file(score):
    result = score("--json", two_txt="3 5\n-1 1\n", lost_txt=None)
    assert result.exit_code == 2
    first, second, lost = json.loads(result.stdout)
    assert (first["file"], first["output"], first["all"]) == ("two.txt", 0, True)
    mean, either, near = first["constraints"]
    assert mean == {
        "label": "mean",
        "use": "rows.mean",
        "wanted": {"at_least": 2.0},
        "unit": "points",
        "measured": 4.0,
        "require": True,
        "met": True,
    }
    assert (either["use"], either["met"], [one["label"] for one in either["entries"]]) == ("any", True, ["low", "high"])
    assert near["require"] is False
    assert (second["output"], second["all"]) == (1, False)
    assert (second["constraints"][0]["measured"], second["constraints"][0]["met"]) == (None, None)
    assert lost == {"file": "lost.txt", "error": "lost.txt: no such file", "hint": None}


def test_an_output_type_that_nothing_reads_is_told(score, write_spec):
    spec = write_spec("lc: 1\nmodel: rows.other\nconstraints: []\n", name="other.yaml")
    result = score(spec=spec, good_txt="1 2")
    assert result.exit_code == 2
    assert "no installed plugin reads files as other/1" in result.stderr


def test_two_readers_of_one_suffix_are_told(score, install_plugin):
    install_plugin("lc-rival", PLUGIN.replace("rows.", "rival."))
    result = score(good_txt="3 5")
    assert result.exit_code == 2
    assert "good.txt: lc-rival:rival.text and lc-rows:rows.text both read .txt files" in result.stderr
    assert "LC_DISABLE_PLUGINS=" in result.stderr


def test_a_spec_without_conditions_is_met_by_every_file(score, write_spec):
    spec = write_spec("lc: 1\nmodel: rows.model\nconstraints: []\n", name="free.yaml")
    result = score(spec=spec, good_txt="1 2")
    assert (result.exit_code, lines(result)) == (0, ["good.txt", "all conditions: met"])


def test_mistakes_in_the_spec_are_told_before_any_file_is_read(score, write_spec):
    spec = write_spec("lc: 1\nmodle: rows.model\n", name="wrong.yaml")
    result = score(spec=spec, good_txt="1 2")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "wrong.yaml:2:1: error: unknown key 'modle'" in result.stderr


def test_midi_files_are_scored_without_torch(write_spec, tmp_path):
    from lc_plugins.melody.midi import notes_to_tokens, write_midi

    spec = write_spec("lc: 1\nmodel: melody.folk-2bar\nconstraints: [{use: melody.span, between: [4, 12]}]\n")
    midi = tmp_path / "melody.mid"
    write_midi(np.asarray(notes_to_tokens([(0, 4, 60), (4, 8, 67)])), midi)
    code = (
        "import sys\nfrom lc_core.cli import main\n"
        f"try: main(['score', {str(spec)!r}, {str(midi)!r}])\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *_, last = done.stdout.splitlines()
    assert last == "0 False"
    assert "span        7 semitones  4 to 12  yes" in done.stdout
