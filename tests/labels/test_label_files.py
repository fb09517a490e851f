"""`lc label` with labelled files: what it writes, and what it says of tables and files that will not do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lc_plugins.labels.label_set import read_label_set


@pytest.fixture
def label(lc, pictures, tmp_path):
    """Label the digits with a table; return the result. Nothing may be written where it fails."""

    def run(path, *more, data=pictures, model="digits.8x8", out="set.safetensors"):
        result = lc("label", model, "--data", data, "--labels", path, "--out", out, *more)
        assert (result.exit_code == 0) == (tmp_path / out).exists(), result.output
        return result

    return run


def error_of(result):
    assert result.exit_code == 2, result.output
    return result.stderr


def test_a_set_holds_the_encodings_and_the_labels(labelled, digits):
    found = read_label_set(labelled)
    assert found.names == ("seven", "loop")
    np.testing.assert_array_equal(np.stack([found.values[name] for name in found.names], axis=1), digits[1])
    assert found.z.shape == found.mean.shape == found.std.shape == (500, 10)
    assert found.z.dtype == np.float32 and (found.std > 0).all()
    assert found.model.use == "digits.8x8" and len(found.model.digest) == 64
    assert found.source == {"kind": "files", "labels": "labels.csv", "files": 500}


def test_it_prints_how_good_the_probe_is_and_the_line_of_a_spec(label, table):
    result = label(table())
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines() if line}
    assert "AUC" in rows["name"]
    for name in ("seven", "loop"):
        assert float(rows[name][-2]) > 0.95, "AUC on held-out rows"
        assert float(rows[name][-1]) < 0.15, "calibration error"
    assert "  - {use: labels.attribute, params: {file: set.safetensors, name: seven}}" in result.stdout


def test_labels_that_do_not_belong_to_the_pictures_are_told(label, table):
    def shuffle(rows):
        order = np.random.default_rng(0).permutation(len(rows))
        rows[:] = [[rows[at][0], rows[other][1], rows[at][2]] for at, other in enumerate(order)]

    told = [line for line in label(table(change=shuffle)).stderr.splitlines() if line.startswith("warning: ")]
    assert len(told) == 1, "loop is labelled as it should be"
    assert "warning: seven: an AUC of 0." in told[0]
    assert "hardly better than guessing, which is 0.5; check that each label belongs to its output" in told[0]


def test_the_same_files_give_the_same_bytes(label, table, tmp_path):
    label(table(), out="first.safetensors")
    label(table(), out="second.safetensors")
    assert (tmp_path / "first.safetensors").read_bytes() == (tmp_path / "second.safetensors").read_bytes()


def test_files_in_folders_and_other_files_beside_them(label, table, pictures, tmp_path):
    data = tmp_path / "data"
    (data / "inner").mkdir(parents=True)
    (data / "notes.txt").write_text("no picture")
    for file in pictures.glob("*.png"):
        (data / "inner" / file.name).write_bytes(file.read_bytes())

    def inside(rows):
        rows[:] = [[f"inner/{name}", *labels] for name, *labels in rows]

    assert label(table(change=inside), data=data).exit_code == 0


def test_a_file_that_does_not_exist_is_told_with_its_line_and_the_nearest_name(label, table):
    def rename(rows):
        rows[1][0], rows[2][0] = "001.pgn", "lost.png"

    found = error_of(label(table(change=rename)))
    assert "labels.csv:3: there is no file 001.pgn in" in found and "(did you mean 001.png?)" in found
    assert "labels.csv:4: there is no file lost.png" in found


def test_files_without_a_label_are_told(label, table):
    found = error_of(label(table(change=lambda rows: rows.pop(3))))
    assert "003.png has no row in" in found
    assert "hint: add rows, or put the files that have labels into a folder of their own" in found


def test_many_mistakes_are_counted(label, table):
    found = error_of(label(table(change=lambda rows: rows.__delitem__(slice(0, 40)))))
    assert found.count("has no row in") == 10 and "and 30 more like these" in found


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("", "labels.csv:1: expected a header file,name1,name2,...; found '000.png,0,1'"),
        ("name,seven,loop", "labels.csv:1: expected a header file,name1,name2,...; found 'name,seven,loop'"),
        ("file", "labels.csv:1: expected a header file,name1,name2,...; found 'file'"),
        ("file|seven|loop", "labels.csv:1: expected a header file,name1,name2,...; found 'file|seven|loop'"),
        ("file;seven;loop", "labels.csv:2: the row has 1 value; expected 3, as in the header: file,seven,loop"),
        ("file,seven,", "labels.csv:1: column 3 has no name"),
        ("file,seven,seven", "labels.csv:1: there are two columns 'seven'"),
        ("file,seven", "labels.csv:2: the row has 3 values; expected 2, as in the header: file,seven"),
    ],
)
def test_headers_that_will_not_do(label, table, header, told):
    assert told in error_of(label(table(header)))


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (["001.png", "1"], "labels.csv:3: the row has 2 values; expected 3, as in the header: file,seven,loop"),
        (["001.png", "yes", "1"], "labels.csv:3: seven should be a number; found 'yes'"),
        (["001.png", "", "1"], "labels.csv:3: seven should be a number; found nothing"),
        (["001.png", "1", "nan"], "labels.csv:3: loop should be a finite number; found nan"),
        (["000.png", "1", "1"], "labels.csv:3: 000.png has a row already, in line 2"),
        (["001.png", "-1", "1"], "labels.csv: seven has values from -1 to 1; expected 0 and 1"),
    ],
)
def test_rows_that_will_not_do(label, table, row, told):
    assert told in error_of(label(table(change=lambda rows: rows.__setitem__(1, row))))


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "bad.csv is empty"),
        (b"file,seven\n", "there is a header, but no row"),
        (b"file,seven\n\xff\xfe", "are no UTF-8 text"),
    ],
)
def test_tables_that_hold_nothing_or_no_text(label, tmp_path, content, told):
    (tmp_path / "bad.csv").write_bytes(content)
    assert told in error_of(label("bad.csv"))


def test_a_table_that_is_not_there(label):
    assert "labels none.csv cannot be read: No such file" in error_of(label("none.csv"))


def test_a_column_with_one_class_and_one_with_too_few_rows(label, table):
    def change(rows):
        for number, row in enumerate(rows):
            row[1:] = ["1", str(int(number < 12))]

    found = error_of(label(table(change=change)))
    assert "seven has one class only: 500 rows, all a yes" in found
    assert "loop has 12 rows with a yes and 488 with a no; 30 of each are needed" in found


def test_graded_labels_need_a_threshold(label, table, digits):
    def grade(rows):
        for row in rows:
            row[2] = str(10 * int(row[2]) + 30)

    found = error_of(label(table(change=grade)))
    assert "loop has values from 30 to 40; expected 0 and 1" in found and "--threshold NAME=VALUE" in found
    assert label(table(change=grade), "--threshold", "loop=35").exit_code == 0
    np.testing.assert_array_equal(read_label_set(Path("set.safetensors")).held()[:, 1], digits[1][:, 1])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("lop=1", "--threshold lop: there is no column of that name (did you mean loop?)"),
        ("loop=high", "--threshold loop=high: expected NAME=VALUE, such as age=40"),
        ("loop=nan", "--threshold loop=nan: expected NAME=VALUE"),
    ],
)
def test_thresholds_that_will_not_do(label, table, given, told):
    assert told in error_of(label(table(), "--threshold", given))


def test_pictures_that_cannot_be_read_are_all_told(label, table, pictures, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for file in pictures.glob("*.png"):
        (data / file.name).write_bytes(file.read_bytes())
    (data / "001.png").write_bytes((pictures / "001.png").read_bytes()[:40])
    Image.new("L", (9, 9)).save(data / "002.png")
    found = error_of(label(table(), data=data))
    assert "001.png: the file is no PNG or JPEG picture" in found
    assert "002.png: the picture has 9 x 9 pixels; expected 8 x 8" in found


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--data", "."], "--data and --labels belong together"),
        (["--dataset", "images.celeba"], "or --data and --dataset NAME, if a plugin knows the folder's layout"),
        (["--data", ".", "--labels", "a.csv", "--dataset", "images.celeba"], "give --labels, a table, or --dataset"),
        (["digits.digit", "--data", ".", "--labels", "a.csv"], "or --data with --labels or --dataset, not both"),
        ([], "give a measurement, such as digits.digit, or --data FOLDER --labels FILE.csv"),
    ],
)
def test_one_source_of_labels(lc, options, told):
    result = lc("label", "digits.8x8", *options, "--out", "set.safetensors")
    assert result.exit_code == 2 and told in " ".join(result.stderr.split())


def test_a_folder_that_is_not_there(label, table):
    assert "--data nowhere: there is no such folder" in error_of(label(table(), data="nowhere"))


def test_an_unknown_model_is_told_with_the_nearest_name(label, table):
    assert "unknown model 'digits.8x9' (did you mean digits.8x8?)" in error_of(label(table(), model="digits.8x9"))


def test_what_is_no_label_set_is_not_replaced(lc, table, pictures, tmp_path):
    (tmp_path / "taken").write_text("dear diary")
    result = lc("label", "digits.8x8", "--data", pictures, "--labels", table(), "--out", "taken")
    assert "--out taken holds something else than a label set" in error_of(result)
    assert (tmp_path / "taken").read_text() == "dear diary"
    assert lc("label", "digits.8x8", "digits.digit", "--out", "no/where").stderr.startswith("error: --out no/where")


def test_settings_of_the_model_that_are_missing_are_told_first(label, table):
    told = error_of(label(table(), model="models.export"))
    assert "settings of model models.export: file: missing key 'file'; output: missing key 'output'" in told
    assert "--set model.file=decoder.pt2" in told
