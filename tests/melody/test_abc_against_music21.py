"""Our ABC reader and music21's agree on tunes without what music21 is known to misread, as written and as played.

The comparison on hundreds of tunes, with the cause of each difference, is `benchmarks/abc_against_music21.py`.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import pytest

from benchmarks.abc_against_music21 import OF_REPEATS, explain
from lc_plugins.melody.abc import parse_tunes
from lc_plugins.melody.corpus import corpus_folder

pytest.importorskip("music21")

TUNES = [
    ("oneills1850/1276-1375.abc", "1285"),
    ("oneills1850/0051-0100.abc", "60"),
    ("oneills1850/0759-0810.abc", "769"),
    ("oneills1850/0101-0200.abc", "148"),
    ("oneills1850/0401-0486.abc", "442"),
    ("oneills1850/1801-1850.abc", "1810"),
    ("airdsAirs/book6.abc", "1150"),
    ("airdsAirs/book6.abc", "1028"),
    ("airdsAirs/book4.abc", "0749"),
    ("miscFolk/americanfifeopus.abc", "1"),
    ("ryansMammoth/FleeAsABird.abc", "1"),
    ("ryansMammoth/DickSandsHornpipe.abc", "1"),
    ("ryansMammoth/PulaskiGuardsReel.abc", "1"),
    ("miscFolk/northumbrianminstrelsyopus.abc", "33"),
]

Reading = list[tuple[Fraction, int, Fraction]]


def text_of(file: str, number: str) -> str:
    text = (corpus_folder() / file).read_text(encoding="utf-8", errors="replace")
    pieces = re.split(r"^(?=X:)", text, flags=re.MULTILINE)[1:]
    return next(piece for piece in pieces if parse_tunes(piece)[0].number == number)


def joined(notes: list[tuple[Fraction, int | None, Fraction, bool]]) -> Reading:
    """Return (start, pitch, length) in whole notes with tied notes joined and rests left out."""
    found: Reading = []
    held: int | None = None
    for start, pitch, length, tied in notes:
        if pitch is not None and pitch == held:
            found[-1] = (found[-1][0], pitch, found[-1][2] + length)
        elif pitch is not None:
            found.append((start, pitch, length))
        held = pitch if tied else None
    return found


def ours(text: str) -> Reading:
    (tune,) = parse_tunes(text)
    notes: list[tuple[Fraction, int | None, Fraction, bool]] = []
    position = Fraction(0)
    for bar in tune.bars:
        for note in bar.notes:
            notes.append((position, note.pitch, note.length, note.tied))
            position += note.length
    return joined(notes)


def theirs(text: str) -> Reading:
    from music21 import converter

    # With a version line music21 holds accidentals to the end of the bar, as the standard says.
    part: Any = converter.parse("%abc-2.1\n" + text, format="abc").parts[0]
    notes = []
    for element in part.flatten().notesAndRests:
        if not element.duration.isGrace:
            pitch = None if element.isRest else max(pitch.midi for pitch in element.pitches)
            tied = element.tie is not None and element.tie.type in ("start", "continue")
            start, length = Fraction(element.offset) / 4, Fraction(element.duration.quarterLength) / 4
            notes.append((start, pitch, length, tied))
    return joined(notes)


@pytest.mark.parametrize(("file", "number"), TUNES)
def test_notes_starts_and_lengths_agree(file: str, number: str) -> None:
    text = text_of(file, number)
    assert len(ours(text)) > 20
    assert ours(text) == theirs(text)


def test_repeats_and_endings_are_played_as_music21_plays_them() -> None:
    assert explain(text_of("ryansMammoth/PulaskiGuardsReel.abc", "1"), play=True) == ()
    assert explain(text_of("oneills1850/1577-1624.abc", "1614"), play=True) == OF_REPEATS[-1:]
