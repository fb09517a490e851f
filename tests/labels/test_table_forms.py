"""Tables of labels as programs of different countries save them."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from lc_core.errors import LCError
from lc_plugins.labels.table import Table, read_table

ACCENT = "caf\u00e9.png"
NARROW = unicodedata.normalize("NFD", ACCENT)


@pytest.fixture
def read(tmp_path: Path):
    """Read a table of the bytes given, of files in a folder."""

    def run(content: str | bytes, *files: str) -> Table:
        (tmp_path / "data" / "in").mkdir(parents=True, exist_ok=True)
        for name in files or ("a.png", "b.png"):
            (tmp_path / "data" / name).write_bytes(b"")
        path = tmp_path / "labels.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_table(path, tmp_path / "data", [".png"])

    return run


PLAIN = "file,age\na.png,1\nb.png,0.5\n"


@pytest.mark.parametrize("content", [
    PLAIN.encode(), PLAIN.encode("utf-8-sig"), PLAIN.encode("utf-16"),
    b"\xfe\xff" + PLAIN.encode("utf-16-be"),
    PLAIN.replace("\n", "\r\n"), PLAIN.replace("\n", "\r"), PLAIN.replace(",", ";"), PLAIN.replace(",", "\t"),
    PLAIN.replace(",", ";").replace("0.5", "0,5"), PLAIN.replace(",", "\t").replace("0.5", ",5"),
    PLAIN.replace("0.5", '"0,5"'), "sep=;\r\n" + PLAIN.replace(",", ";"), "\ufeff" + "sep=,\n" + PLAIN,
    PLAIN + "\n\n  \n,\n\u00a0\n", "\n\n" + PLAIN, PLAIN.replace("\n", "\n\n"),
    '"file","age"\n"a.png","1"\n"b.png","0.5"\n', '"file";"age"\n"a.png";"1"\n"b.png";"0,5"\n',
    PLAIN.replace(",", " , "), PLAIN.replace(",", "\u00a0,\u00a0"), PLAIN.replace(",", ",\u200b"),
    PLAIN.replace("file", "\u200bfile\ufeff"), PLAIN.replace("0.5", "\u202f0.5\u2060"),
])  # fmt: skip
def test_a_table_is_read_however_it_was_saved(read, content: str | bytes) -> None:
    found = read(content)
    assert found.names == ("age",)
    assert [path.name for path in found.files] == ["a.png", "b.png"]
    assert found.values.tolist() == [[1.0], [0.5]]


def test_decimal_commas_of_three_places_are_read_where_another_number_shows_what_they_are(read) -> None:
    assert read("file;age\na.png;1,125\nb.png;12,5\n").values.tolist() == [[1.125], [12.5]]
    assert read("file;age\na.png;0,125\nb.png;2\n").values.tolist() == [[0.125], [2]]
    with pytest.raises(LCError, match="labels.csv:2: age should be a number; found '1,000', whose comma may part"):
        read("file;age\na.png;1,000\nb.png;2\n")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("file,age\na.png,0,5\nb.png,1\n", "labels.csv:2: the row has 3 values.*decimal comma splits a number in two"),
        ("file,age\na.png,1\u00a0000\nb.png,1\n", "labels.csv:2: age should be a number; found '1<no-break space>000'"),
        ("file,age\na.png,\u00a0\nb.png,1\n", "labels.csv:2: age should be a number; found nothing"),
        ("file,age\na.png,1_0\nb.png,1\n", "labels.csv:2: age should be a number; found '1_0'"),
        ("file,age\r\n\r\na.png,1\r\nb.png,x\r\n", "labels.csv:4: age should be a number; found 'x'"),
        ("file,age\na.png,1\na.png,1\nb.png,1\n", "labels.csv:3: a.png has a row already, in line 2"),
        ("fi\u200ble,age\na.png,1\n", "labels.csv:1: expected a header .*found 'fi<zero-width space>le,age'"),
        (b"file,age\na.png,1\ncaf\xe9.png,1\n", "no UTF-8 text: .* in line 3"),
        (PLAIN.encode("utf-16-le"), "no UTF-8 text: a null byte in line 1"),
        ('file,age\n"a.png,1\n', "are no CSV table: unexpected end of data"),
    ],
)
def test_what_is_not_clear_is_named_with_its_line(read, content: str | bytes, words: str) -> None:
    with pytest.raises(LCError, match=f"(?s){words}"):
        read(content)


@pytest.mark.parametrize(("stored", "written"), [
    (ACCENT, NARROW), (NARROW, ACCENT), ("a b.png", "a\u00a0b.png"), ("a\u00a0b.png", "a b.png"),
    ("a.png", "a\u200b.png"), ("in/a.png", "in\\a.png"), ("a.png", "./a.png"), ("a.png", "in/../a.png"),
    ("a.png", "../data/a.png"), ("in/a.png", "../data/in/a.png"),
    (" a.png", "a.png"),
])  # fmt: skip
def test_a_name_that_looks_like_one_file_means_it(read, stored: str, written: str, tmp_path: Path) -> None:
    found = read(f"file,age\n{written},1\n", stored)
    assert found.files == (tmp_path / "data" / stored,)


def test_a_name_that_could_mean_two_files_is_named(read) -> None:
    rows = f"file,age\n{ACCENT},1\n{NARROW},0\n"
    assert [path.name for path in read(rows, ACCENT, NARROW).files] == [ACCENT, NARROW], "each its own"
    with pytest.raises(LCError, match=r"labels.csv:2: caf.* may mean one of the files '.*' and '.*'"):
        read(f"file,age\ncaf\u00e9\u200b.png,1\n{ACCENT},1\n{NARROW},0\n", ACCENT, NARROW)


def test_two_spellings_of_one_file_are_two_rows_of_it(read) -> None:
    with pytest.raises(LCError, match="labels.csv:3: .* has a row already, in line 2"):
        read(f"file,age\n{ACCENT},1\n{NARROW},0\n", ACCENT)


def test_absolute_paths_are_the_files_of_the_folder(read, tmp_path: Path) -> None:
    data = tmp_path / "data"
    found = read(f"file,age\n{data}/a.png,1\n{data}/in/../b.png,0.5\n")
    assert found.files == (data / "a.png", data / "b.png")
    with pytest.raises(LCError, match="labels.csv:3: a.png has a row already, in line 2"):
        read(f"file,age\n{data}/a.png,1\na.png,1\nb.png,1\n")
    with pytest.raises(LCError, match="labels.csv:2: there is no file /nowhere/a.png"):
        read("file,age\n/nowhere/a.png,1\nb.png,1\n")


def test_a_folder_that_is_a_link_holds_the_same_files(read, tmp_path: Path) -> None:
    read(PLAIN)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    (tmp_path / "labels.csv").write_text(f"file,age\n{tmp_path}/data/a.png,1\n{tmp_path}/link/b.png,1\n")
    assert len(read_table(tmp_path / "labels.csv", tmp_path / "link", [".png"]).files) == 2
