"""In which order the bars of an ABC tune are played, by the ABC standard 2.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lc_plugins.melody.abc import parse_tunes
from lc_plugins.melody.repeats import PlayedBar, played

NAMES = {60: "C", 62: "D", 64: "E", 65: "F", 67: "G", 69: "A", 71: "B"}


def play(body: str) -> list[PlayedBar]:
    (tune,) = parse_tunes(f"X:1\nM:4/4\nL:1/8\nK:C\n{body}\n")
    assert tune.error is None
    return played(tune.bars)


def order(body: str) -> str:
    """Return the first note of each bar as it is played."""
    return "".join(NAMES[one.bar.notes[0].pitch or 0] for one in play(body))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("C8|D8|]", "CD"),
        ("|:C8|D8:|E8|]", "CDCDE"),
        ("C8|D8:|E8|F8:|", "CDCDEFEF"),  # from the end of the last repeat, or from the start
        ("C8|D8::E8:|", "CDCDEE"),
        ("C8|D8:|:E8:|", "CDCDEE"),
        ("C8|D8:||:E8:|", "CDCDEE"),
        ("C8|D8:|]\n|:E8:|", "CDCDEE"),
        ("C8|D8||E8|F8:|", "CDEFEF"),  # from the double bar
        ("C8|D8|]\nE8|F8:|", "CDEFEF"),
        ("|:C8|D8||E8|F8:|", "CDEFCDEF"),  # from the sign that opens it
        ("|::C8|D8::|E8|", "CDCDCDE"),
    ],
)
def test_repeats_go_back_to_where_they_open(body: str, expected: str) -> None:
    assert order(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("C8|1D8:|2E8|]", "CDCE"),
        ("|:C8|[1D8:|[2E8|]", "CDCE"),
        ("|:C8|1D8:|2E8:|", "CDCE"),  # the last ending repeats nothing
        ("|:C8|1D8::2E8||F8:|", "CDCEFF"),
        ("|:C8|1,3D8:|2,4E8||F8|]", "CDCECDCEF"),
        ("|:C8|1-3D8:|4E8||F8|]", "CDCDCDCEF"),
        ("|:C8|1D8:|2E8:|3F8|]", "CDCECF"),
        ("|:C8|1D8:|E8|]", "CDCE"),  # no second ending is written
        ("|:C8:|2E8|]", "CCE"),  # no first one
        ("C8|1D8:|2E8|F8|G8:|", "CDCEFGFG"),  # a second ending is as long as the first one
        ("C8|1D8|E8:|2F8|G8|A8|B8:|", "CDECFGABAB"),
        ("C8|1D8|E8:|2F8||A8|B8:|", "CDECFABAB"),  # or shorter, where a sign ends it
        ("C8|1D8|E8:|2F8|:A8|B8:|", "CDECFABAB"),
        ("C8|1D8:|2E8|F8||G8|A8:|", "CDCEFGAGA"),
    ],
)
def test_each_time_has_its_ending(body: str, expected: str) -> None:
    assert order(body) == expected


def test_signs_and_jumps_begin_sections() -> None:
    assert [one.starts for one in play("G2|C8|D6:|A2|E8|F6||G8|A8|]")] == [
        True, False, False, True, False, False, True, False, False, True, False,
    ]  # fmt: skip


def test_a_tune_without_bars_plays_nothing() -> None:
    assert played([]) == []


@given(st.text(alphabet="CDEFG|:[]12, ", max_size=60))
def test_any_signs_end_and_play_every_bar_or_an_ending_that_no_time_takes(body: str) -> None:
    tunes = parse_tunes(f"X:1\nK:C\n{body}\n")
    for tune in tunes:
        found = played(tune.bars)
        assert len(found) <= 10 * len(tune.bars)
        assert {id(one.bar) for one in found} == {id(bar) for bar in tune.bars}


def test_an_invisible_bar_line_is_no_double_one() -> None:
    assert order("|:C8|D8[|]:|E8|]") == "CDCDE"
    assert order("C8|D8[|]E8|F8:|") == "CDEFCDEF"
