"""The folder layout of CelebA, on a folder of drawings, and what is said of folders that are not as expected."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lc_core.errors import LCError
from lc_plugins.images.celeba import ATTRIBUTES, read_celeba

Edit = Callable[[str, Callable[[list[str]], list[str]]], None]
LISTED, PARTITION = "list_attr_celeba.txt", "list_eval_partition.txt"


def test_the_training_part_has_pictures_and_the_papers_attributes(celeba: Path) -> None:
    read = read_celeba(celeba)
    assert read.pictures.shape == (8, 64, 64, 3)
    assert read.pictures.dtype == np.uint8
    assert read.attributes == ATTRIBUTES
    assert len(ATTRIBUTES) == 10
    assert read.held.shape == (8, 10)
    assert read.held[0].all() and not read.held[1].any()
    assert read.files[0] == "000001.jpg"


def test_labels_belong_to_their_names(celeba: Path) -> None:
    lines = (celeba / LISTED).read_text().splitlines()
    at = lines[1].split().index("Smiling") + 1
    expected = [line.split()[at] == "1" for line in lines[2:10]]
    read = read_celeba(celeba, attributes=["Young", "Smiling"])
    assert read.held[:, 1].tolist() == expected


def test_the_square_in_the_middle_is_cut_out(celeba: Path) -> None:
    read = read_celeba(celeba)
    for number, picture in enumerate(read.pictures):
        inside = picture[2:-2, 2:-2].astype(int)  # JPEG smears its edge
        assert np.abs(inside - [20 * number, 200, 255 - 20 * number]).max() < 12


def test_the_square_and_the_size_are_parameters(celeba: Path) -> None:
    read = read_celeba(celeba, crop=178, size=32, attributes=())
    assert read.pictures.shape == (8, 32, 32, 3)
    assert read.held.shape == (8, 0)
    assert np.abs(read.pictures[3][0, 0].astype(int) - 60).max() < 8  # beside the face


@pytest.mark.parametrize(
    ("part", "files"), [("valid", ("000009.jpg", "000010.jpg")), ("test", ("000011.jpg", "000012.jpg"))]
)
def test_the_other_parts(part: str, files: tuple[str, ...], celeba: Path) -> None:
    assert read_celeba(celeba, part=part, attributes=()).files == files


def test_the_folder_of_images_can_be_elsewhere(celeba: Path, tmp_path: Path) -> None:
    shutil.move(celeba / "img_align_celeba", tmp_path / "photographs")
    assert len(read_celeba(celeba, images=tmp_path / "photographs").files) == 8
    with pytest.raises(LCError, match=r"8 of 8 images are not in .*\n.*no such folder"):
        read_celeba(celeba)


def test_pictures_are_read_once_and_again_if_an_image_changes(
    celeba: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / "cache"))
    before = read_celeba(celeba).pictures
    (kept,) = (tmp_path / "cache" / "data").glob("celeba-*/pictures.npy")
    written = kept.stat().st_mtime_ns
    assert np.array_equal(read_celeba(celeba).pictures, before) and kept.stat().st_mtime_ns == written
    Image.new("RGB", (178, 218), "red").save(celeba / "img_align_celeba" / "000001.jpg")
    assert read_celeba(celeba).pictures[0, 32, 32, 0] > 250


def test_an_unknown_attribute_is_told_with_those_nearest(celeba: Path) -> None:
    with pytest.raises(LCError, match=r"unknown attribute 'smilling' \(did you mean Smiling\?\)"):
        read_celeba(celeba, attributes=["Male", "smilling"])
    with pytest.raises(LCError, match=r"unknown attribute 'xyz'\n.*names stand in line 2"):
        read_celeba(celeba, attributes=["xyz"])


@pytest.mark.parametrize(("label", "which"), [("1", "all"), ("-1", "none")])
def test_an_attribute_with_one_class_only_is_told(label: str, which: str, celeba: Path, edit: Edit) -> None:
    def one_class(lines: list[str]) -> list[str]:
        at = lines[1].split().index("Bald") + 1
        rows = [line.split() for line in lines[2:]]
        return [*lines[:2], *(" ".join([*row[:at], label, *row[at + 1 :]]) for row in rows)]

    edit(LISTED, one_class)
    with pytest.raises(LCError, match=f"Bald has one class only: {which} of 8 images of the part train"):
        read_celeba(celeba)
    assert read_celeba(celeba, attributes=["Male"]).held.shape == (8, 1)


def test_lists_that_differ_in_length_are_told(celeba: Path, edit: Edit) -> None:
    edit(PARTITION, lambda lines: lines[:-1])
    with pytest.raises(LCError, match=r"partition.txt lists 11 images, but .*attr_celeba.txt lists 12"):
        read_celeba(celeba)


def test_a_list_that_is_not_as_long_as_it_says_is_told(celeba: Path, edit: Edit) -> None:
    edit(LISTED, lambda lines: lines[:-1])
    with pytest.raises(LCError, match="says that it lists 12 images, but has 11 lines"):
        read_celeba(celeba)


def test_lists_of_other_images_are_told(celeba: Path, edit: Edit) -> None:
    edit(PARTITION, lambda lines: [lines[1], lines[0], *lines[2:]])
    with pytest.raises(LCError, match=r"partition.txt:1: found 000002.jpg; expected 000001.jpg"):
        read_celeba(celeba)


@pytest.mark.parametrize(
    ("number", "line", "said"),
    [
        (2, "000001.jpg 1 -1", r"attr_celeba.txt:3: 2 labels; expected 12, one for each name"),
        (3, "000002.jpg" + " 1" * 11 + " 2", r"attr_celeba.txt:4: the label '2'; expected 1 or -1"),
        (0, "image_id,Bald", "attr_celeba.txt:1: expected the number of images"),
    ],
)
def test_a_line_of_labels_that_is_not_as_expected_is_told(
    number: int, line: str, said: str, celeba: Path, edit: Edit
) -> None:
    edit(LISTED, lambda lines: [*lines[:number], line, *lines[number + 1 :]])
    with pytest.raises(LCError, match=said):
        read_celeba(celeba)


@pytest.mark.parametrize("line", ["000003.jpg 7", "000003.jpg", "000003.jpg 0 0"])
def test_a_line_of_the_partition_that_is_not_as_expected_is_told(line: str, celeba: Path, edit: Edit) -> None:
    edit(PARTITION, lambda lines: [*lines[:2], line, *lines[3:]])
    with pytest.raises(LCError, match="partition.txt:3: found '000003.jpg.*'; expected an image and 0, 1 or 2"):
        read_celeba(celeba)


@pytest.mark.parametrize("name", [LISTED, PARTITION])
def test_a_missing_list_is_told(name: str, celeba: Path) -> None:
    (celeba / name).unlink()
    with pytest.raises(LCError, match=f"{name} cannot be read: No such file"):
        read_celeba(celeba)


def test_a_part_without_images_is_told(celeba: Path, edit: Edit) -> None:
    edit(PARTITION, lambda lines: [line[:-1] + "0" for line in lines])
    with pytest.raises(LCError, match="has no image of the part test"):
        read_celeba(celeba, part="test", attributes=())
    with pytest.raises(LCError, match="has the parts train, valid, test; found 'eval'"):
        read_celeba(celeba, part="eval")


def test_missing_images_are_counted(celeba: Path) -> None:
    for number in (2, 5):
        (celeba / "img_align_celeba" / f"00000{number}.jpg").unlink()
    with pytest.raises(LCError, match=r"2 of 8 images are not in .*img_align_celeba: 000002.jpg and others"):
        read_celeba(celeba)


def test_a_truncated_image_is_named_and_reading_goes_on_when_it_is_mended(celeba: Path) -> None:
    path = celeba / "img_align_celeba" / "000004.jpg"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LCError, match=r"000004.jpg: the picture cannot be read"):
        read_celeba(celeba)
    path.write_bytes(whole)
    assert len(read_celeba(celeba).pictures) == 8


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (Image.new("RGB", (100, 218)), r"000004.jpg: the image has 100 x 218 pixels; expected 128 x 128 at least"),
        (Image.new("CMYK", (178, 218)), r"000004.jpg: the picture is of mode CMYK; expected RGB"),
    ],
)
def test_an_image_of_another_size_or_mode_is_named(image: Image.Image, said: str, celeba: Path) -> None:
    image.save(celeba / "img_align_celeba" / "000004.jpg")
    with pytest.raises(LCError, match=said):
        read_celeba(celeba)


@pytest.mark.parametrize("how", ["utf-8-sig", "utf-16", "crlf"])
def test_lists_are_read_with_any_mark_and_ends_of_lines(how: str, celeba: Path) -> None:
    expected = read_celeba(celeba)
    for name in (LISTED, PARTITION):
        text = (celeba / name).read_text()
        (celeba / name).write_bytes(text.replace("\n", "\r\n").encode() if how == "crlf" else text.encode(how))
    read = read_celeba(celeba)
    assert read.files == expected.files and (read.held == expected.held).all()


def test_names_are_those_of_the_images_however_their_accents_are_composed(celeba: Path) -> None:
    composed, apart = "caf\u00e9.jpg", "cafe\u0301.jpg"
    (celeba / "img_align_celeba" / "000001.jpg").rename(celeba / "img_align_celeba" / apart)
    for name, written in ((LISTED, composed), (PARTITION, apart)):
        path = celeba / name
        path.write_text(path.read_text().replace("000001.jpg", written))
    assert len(read_celeba(celeba).pictures) == 8


def test_a_list_that_is_no_text_is_named(celeba: Path) -> None:
    (celeba / LISTED).write_bytes(b"12\nYoung\ncaf\xe9.jpg 1\n")
    with pytest.raises(LCError, match=r"list_attr_celeba.txt cannot be read: no text"):
        read_celeba(celeba)
