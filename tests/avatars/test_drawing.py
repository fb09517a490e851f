"""Avatars: labels follow from the parts, and the same avatar is drawn each time."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from lc_core.cli.progress import RunProgress
from lc_core.errors import LCError
from lc_plugins.avatars.attributes import EXCLUSIVE, HIDES, NAMES, choose, labels, visible
from lc_plugins.avatars.dataset import read_avatars
from lc_plugins.avatars.draw import SIZE, draw


def test_an_avatar_depends_on_seed_and_index_alone() -> None:
    assert choose(0, 7) == choose(0, 7)
    assert choose(0, 7) != choose(1, 7)
    assert np.array_equal(draw(choose(0, 7)), draw(choose(0, 7)))
    assert draw(choose(0, 7)).shape == (SIZE, SIZE, 3)


def test_at_most_one_of_a_group_of_exclusive_attributes_holds() -> None:
    held = np.array([labels(choose(0, index)) for index in range(500)])
    for group in EXCLUSIVE:
        assert held[:, [NAMES.index(name) for name in group]].sum(axis=1).max() == 1
    assert (held.any(axis=0)).all()


def test_what_an_attribute_hides_changes_no_pixel_and_is_not_visible() -> None:
    parts = choose(0, 0) | {"accessories": "sunglasses", "facialHair": "none", "top": "hat"}
    eyes = [draw(parts | {"eyes": eyes}) for eyes in ("default", "closed")]
    assert np.abs(eyes[0].astype(int) - eyes[1]).max() < 40  # the glasses are not quite opaque
    seen = visible(labels(parts))
    for name in (*HIDES["sunglasses"], *HIDES["hat"]):
        assert not seen[NAMES.index(name)]


def test_the_data_set_is_drawn_once_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path))
    first = read_avatars("test", count=5)
    again = read_avatars("test", count=5)
    assert first.pictures.shape == (5, SIZE, SIZE, 3)
    assert np.array_equal(first.pictures, again.pictures)
    assert np.array_equal(first.held, [labels(choose(1, index)) for index in range(5)])
    assert len(list((tmp_path / "data").iterdir())) == 1


def test_drawing_shows_a_bar_on_a_terminal_and_lines_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {}
    monkeypatch.setenv("TERM", "xterm")
    for terminal in (False, True):
        monkeypatch.setenv("LC_CACHE_DIR", str(tmp_path / str(terminal)))
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        with RunProgress() as progress:
            read_avatars("test", count=5, progress=progress.line)
        told[terminal] = capsys.readouterr().err
    assert told[False] == "drew 5 of 5 avatars\n"
    assert "drew 5 of 5 avatars" in told[True]
    assert "\N{BOX DRAWINGS HEAVY HORIZONTAL}" * 20 in told[True]


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(LCError, match="train, test"):
        read_avatars("validation")
