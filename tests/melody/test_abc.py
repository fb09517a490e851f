"""What the ABC reader makes of each sign, by the ABC standard 2.1."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lc_plugins.melody.abc import Bar, Tune, parse_tunes

EIGHTH = Fraction(1, 8)


def tune(body: str, *, key: str = "C", meter: str = "4/4", unit: str | None = "1/8") -> Tune:
    """Read one tune with this body."""
    fields = ["X:1", "T:A tune", f"M:{meter}", f"L:{unit}" if unit else "N:no unit length", f"K:{key}"]
    tunes = parse_tunes("\n".join([*fields, body]))
    assert len(tunes) == 1
    return tunes[0]


def bars(body: str, **fields: str | None) -> list[Bar]:
    read = tune(body, **fields)  # type: ignore[arg-type]
    assert read.error is None
    return read.bars


def pitches(body: str, **fields: str | None) -> list[int | None]:
    return [note.pitch for bar in bars(body, **fields) for note in bar.notes]


def lengths(body: str, **fields: str | None) -> list[Fraction]:
    """Return the lengths in eighths."""
    return [note.length / EIGHTH for bar in bars(body, **fields) for note in bar.notes]


# ---- tunes and fields


def test_each_reference_number_starts_a_tune_with_its_title_and_metre() -> None:
    text = "% a file\n\nX:7\nT:First\nT:Also called\nM:C|\nK:G\nG4|\n\nX: 8\nT:Second\nM:2/4\nK:D\nD2|\n"
    first, second = parse_tunes(text)
    assert (first.number, first.title, first.meter) == ("7", "First", "C|")
    assert (second.number, second.title, second.meter) == ("8", "Second", "2/4")
    assert [len(first.bars), len(second.bars)] == [1, 1]


def test_text_without_a_tune_gives_none() -> None:
    assert parse_tunes("") == []
    assert parse_tunes("% only a comment\nabc def\n") == []


def test_an_empty_line_ends_a_tune_and_free_text_after_it_is_not_music() -> None:
    assert pitches("C D|\n\nA bad edge\n") == [60, 62]


def test_windows_line_ends_and_comments_are_no_music() -> None:
    assert pitches("C D % A B\r\n%%stretch A\r\nE|") == [60, 62, 64]


def test_fields_in_the_body_are_no_music() -> None:
    assert pitches("C\nw:a bad edge\nP:B\nN:deaf\n+:cab\nD[r:a bee][P:A]E|") == [60, 62, 64]


def test_a_comment_after_a_field_is_no_part_of_it() -> None:
    assert pitches("F", key="G % one flat in the book _B") == [66]
    assert tune("C", meter="2/4 % not 4/4").meter == "2/4"


def test_a_line_that_ends_in_a_backslash_goes_on() -> None:
    (bar,) = bars("C D \\\nE F \\ % with a comment\nG|")
    assert [note.pitch for note in bar.notes] == [60, 62, 64, 65, 67]


def test_the_end_of_a_line_does_not_end_a_bar() -> None:
    assert len(bars("C D\nE F|G A")) == 2


# ---- pitch


def test_letters_and_octave_marks_give_the_octave() -> None:
    assert pitches("C,, C, C c c' c'' C' c,") == [36, 48, 60, 72, 84, 96, 72, 60]


@pytest.mark.parametrize(
    ("key", "altered"),
    [
        ("C", {}),
        ("", {}),
        ("none", {}),
        ("G", {"F": 1}),
        ("G major", {"F": 1}),
        ("GMaj", {"F": 1}),
        ("D", {"F": 1, "C": 1}),
        ("F", {"B": -1}),
        ("Bb", {"B": -1, "E": -1}),
        ("Eb", {"B": -1, "E": -1, "A": -1}),
        ("F#", {"F": 1, "C": 1, "G": 1, "D": 1, "A": 1, "E": 1}),
        ("Am", {}),
        ("A minor", {}),
        ("EMin", {"F": 1}),
        ("EM", {"F": 1}),  # capitals make no difference in a mode
        ("F#m", {"F": 1, "C": 1, "G": 1}),
        ("Gm", {"B": -1, "E": -1}),
        ("A Dorian", {"F": 1}),
        ("Ador", {"F": 1}),
        ("DMix", {"F": 1}),
        ("D mixolydian", {"F": 1}),
        ("F Lydian", {}),
        ("Bphr", {"F": 1}),
        ("Bloc", {}),
        ("Aaeo", {}),
        ("Cion", {}),
        ("Hp", {"F": 1, "C": 1}),
        ("HP", {"F": 1, "C": 1}),
        ("C treble", {}),
        ("G clef=bass octave=-1", {"F": 1}),
        ("D middle=d", {"F": 1, "C": 1}),
    ],
)
def test_keys_and_modes(key: str, altered: dict[str, int]) -> None:
    natural = {"C": 60, "D": 62, "E": 64, "F": 65, "G": 67, "A": 69, "B": 71}
    assert pitches("C D E F G A B", key=key) == [natural[letter] + altered.get(letter, 0) for letter in natural]


def test_a_key_may_change_or_add_single_accidentals() -> None:
    assert pitches("F C c", key="D =c") == [66, 60, 72]
    assert pitches("F C", key="Dmix=c") == [66, 60]
    assert pitches("F G B E", key="D Phr ^f") == [66, 67, 70, 63]


def test_an_explicit_key_has_only_the_accidentals_that_it_names() -> None:
    assert pitches("F C B", key="D exp ^f _b") == [66, 60, 70]


@pytest.mark.parametrize("key", ["Bn", "H", "x", "g", "Dxyz"])
def test_a_key_that_cannot_be_read_refuses_the_tune(key: str) -> None:
    read = tune("C D|", key=key)
    assert read.error == "unreadable key"
    assert read.bars == []


def test_accidentals_raise_and_lower_by_one_or_two() -> None:
    assert pitches("^C|^^C|_D|__D|=F", key="G") == [61, 62, 61, 60, 65]


def test_an_accidental_holds_to_the_end_of_the_bar_in_every_octave() -> None:
    assert pitches("^F G f F,|F f") == [66, 67, 78, 54, 65, 77]
    assert pitches("=F f|f", key="G") == [65, 77, 78]


def test_a_later_accidental_in_the_bar_replaces_it() -> None:
    assert pitches("^F =F F _F F") == [66, 65, 65, 64, 64]


@pytest.mark.parametrize("line", ["|", "||", "|]", ":|", "|:", "::", ":|:", ":||:", "[|", "|1", ":|2", "[2"])
def test_every_bar_line_ends_an_accidental(line: str) -> None:
    assert pitches(f"^F {line} F") == [66, 65]


# ---- length


@pytest.mark.parametrize(
    ("meter", "unit"),
    [
        ("2/4", Fraction(1, 16)),
        ("3/8", Fraction(1, 16)),
        ("3/4", Fraction(1, 8)),
        ("6/8", Fraction(1, 8)),
        ("4/4", Fraction(1, 8)),
        ("C", Fraction(1, 8)),
        ("C|", Fraction(1, 8)),
        ("none", Fraction(1, 8)),
        ("", Fraction(1, 8)),
        ("0/0", Fraction(1, 8)),
        ("3/0", Fraction(1, 8)),
    ],
)
def test_without_a_unit_length_the_metre_decides(meter: str, unit: Fraction) -> None:
    (bar,) = bars("C", meter=meter, unit=None)
    assert bar.length == unit


def test_a_change_of_metre_leaves_the_unit_length_alone() -> None:
    assert lengths("C|[M:2/4]C|", unit=None) == [1, 1]


def test_lengths_multiply_and_divide_the_unit() -> None:
    assert lengths("C C2 C/ C/2 C// C3/2 C3/ C/4 C15/8") == [
        1, 2, Fraction(1, 2), Fraction(1, 2), Fraction(1, 4), Fraction(3, 2), Fraction(3, 2), Fraction(1, 4),
        Fraction(15, 8),
    ]  # fmt: skip


def test_the_unit_length_may_change_inside_the_tune() -> None:
    assert lengths("C [L:1/16] C\nL:1/4\nC") == [1, Fraction(1, 2), 2]


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("C>D", Fraction(3, 2), Fraction(1, 2)),
        ("C<D", Fraction(1, 2), Fraction(3, 2)),
        ("C>>D", Fraction(7, 4), Fraction(1, 4)),
        ("C<<D", Fraction(1, 4), Fraction(7, 4)),
        ("C2 > D2", 3, 1),
        ("(C>)D", Fraction(3, 2), Fraction(1, 2)),
        ("C>.D", Fraction(3, 2), Fraction(1, 2)),
        ("C<uD", Fraction(1, 2), Fraction(3, 2)),
        ("C>{EF}D", Fraction(3, 2), Fraction(1, 2)),
        ("C>-D", Fraction(3, 2), Fraction(1, 2)),
        ("C>|D", Fraction(3, 2), Fraction(1, 2)),
        ('C>"4"D', Fraction(3, 2), Fraction(1, 2)),
        ("C>z", Fraction(3, 2), Fraction(1, 2)),
        ("[CE]>D", Fraction(3, 2), Fraction(1, 2)),
    ],
)
def test_broken_rhythm_moves_length_between_neighbours_whatever_signs_stand_between(
    text: str, first: Fraction, second: Fraction
) -> None:
    assert lengths(text) == [first, second]


def test_broken_rhythm_ends_after_one_note() -> None:
    assert lengths("C>D E F<G A") == [Fraction(3, 2), Fraction(1, 2), 1, Fraction(1, 2), Fraction(3, 2), 1]


def test_a_broken_rhythm_mark_before_any_note_does_nothing() -> None:
    assert lengths(">C D") == [1, 1]


@pytest.mark.parametrize(
    ("text", "meter", "factor"),
    [
        ("(2CD", "6/8", Fraction(3, 2)),
        ("(3CDE", "4/4", Fraction(2, 3)),
        ("(4CDEF", "6/8", Fraction(3, 4)),
        ("(5CDEFG", "4/4", Fraction(2, 5)),
        ("(5CDEFG", "6/8", Fraction(3, 5)),
        ("(6CDEFGA", "4/4", Fraction(1, 3)),
        ("(7CDEFGAB", "2/4", Fraction(2, 7)),
        ("(7CDEFGAB", "12/8", Fraction(3, 7)),
        ("(8CDEFGABc", "4/4", Fraction(3, 8)),
        ("(9CDEFGABcd", "9/8", Fraction(1, 3)),
        ("(3:2CDE", "4/4", Fraction(2, 3)),
        ("(3:4:3CDE", "4/4", Fraction(4, 3)),
        ("(3::3CDE", "4/4", Fraction(2, 3)),
        ("(5:4CDEFG", "4/4", Fraction(4, 5)),
    ],
)
def test_tuplets(text: str, meter: str, factor: Fraction) -> None:
    read = lengths(f"{text} C", meter=meter)
    assert read == [factor] * (len(read) - 1) + [1]


def test_the_third_number_of_a_tuplet_is_how_many_notes_it_takes() -> None:
    assert lengths("(3:2:2 C2D E F") == [Fraction(4, 3), Fraction(2, 3), 1, 1]


def test_a_tuplet_counts_rests_and_chords_but_no_grace_notes_and_goes_with_broken_rhythm() -> None:
    third = Fraction(2, 3)
    assert lengths("(3C{d}z[EG] A") == [third, third, third, 1]
    assert lengths("(3C>DE A") == [third * 3 / 2, third / 2, third, 1]


def test_a_slur_before_a_tuplet_is_no_part_of_it() -> None:
    assert lengths("((3CDE) (F G)") == [Fraction(2, 3)] * 3 + [1, 1]


# ---- ties, rests, chords, and what is passed over


def test_a_tie_holds_a_note_also_over_a_bar_line() -> None:
    first, second = bars("C2- C2 | C-|C")[:2]
    assert [note.tied for note in first.notes] == [True, False]
    assert [note.tied for note in second.notes] == [True]


def test_a_tie_inside_a_chord_holds_its_top_note() -> None:
    (bar,) = bars("[C-E-]2 [CE]2 [C-G] [CG]")
    assert [note.tied for note in bar.notes] == [True, False, False, False]


def test_rests_have_a_length_and_no_pitch() -> None:
    assert pitches("C z2 x D") == [60, None, None, 62]
    assert lengths("C z2 x D") == [1, 2, 1, 1]


def test_whole_bar_rests_break_the_tune() -> None:
    first, second = bars("C8 | Z2 | D8 |")
    assert not first.breaks
    assert second.breaks


def test_a_chord_is_its_top_note_with_the_length_of_its_first() -> None:
    assert pitches("[CEG] [c'C] [^F_A]") == [67, 84, 68]
    assert lengths("[C2E2] [CE]3 [C2E]/ [C/E/]") == [2, 3, 1, Fraction(1, 2)]


def test_an_accidental_in_a_chord_holds_to_the_end_of_the_bar() -> None:
    assert pitches("[C^F] F|F") == [66, 66, 65]


def test_a_bracket_with_a_text_before_a_part_is_no_chord() -> None:
    assert pitches('["Coda" C D | E2 |]') == [60, 62, 64]


@pytest.mark.parametrize(
    "text",
    ["{g}C D", "C {^fg}D", "{/g}CD", '"Am"C "^a bad edge"D', '">"C D', "!trill!C !fermata!D", "+trill+C D", "~C .D",
     "uC vD", "HC TD", "(C D)", "C`D", "C y D", "MC D", "C\\D"],
)  # fmt: skip
def test_graces_decorations_texts_slurs_and_spacing_are_passed_over(text: str) -> None:
    assert pitches(text) == [60, 62]
    assert lengths(text) == [1, 1]


def test_a_grace_note_leaves_the_accidentals_of_the_bar_alone() -> None:
    assert pitches("{^f}F F") == [65, 65]


def test_old_line_breaks_do_not_pair_over_a_bar_line() -> None:
    assert pitches("C ! D | E ! F |") == [60, 62, 64, 65]


def test_inline_fields_change_key_and_metre_from_there_on() -> None:
    read = bars("F | [K:G] F | [M:2/4] F |")
    assert [bar.notes[0].pitch for bar in read] == [65, 66, 66]
    assert [bar.meter for bar in read] == ["4/4", "4/4", "2/4"]


def test_fields_on_their_own_line_do_the_same() -> None:
    read = bars("F |\nK:G\nM:2/4\nF |")
    assert [(bar.notes[0].pitch, bar.meter) for bar in read] == [(65, "4/4"), (66, "2/4")]


# ---- repeats and endings


@pytest.mark.parametrize("line", ["|", "||", "|]", ":|", "|:", "::", ":|:", "|::", ":||:", "[|", ":|]"])
def test_bar_lines_and_repeats_separate_bars_that_follow_each_other(line: str) -> None:
    first, second = bars(f"C8 {line} D8")
    assert not first.breaks
    assert not second.breaks


@pytest.mark.parametrize("first", ["|1", "| [1", "|[1", "[1", "|\n[1", "| 1", "[1,3", "[1-3", "||1"])
@pytest.mark.parametrize("second", [":|2", ":| [2", ":|[2", ":||2", ":|]2", ":|\n[2", ":|2,3", "::2"])
def test_a_first_ending_follows_and_a_second_ending_breaks(first: str, second: str) -> None:
    read = bars(f"C8 {first} D8 {second} E8 | F8 |]")
    assert [bar.notes[0].pitch for bar in read] == [60, 62, 64, 65]
    assert [bar.breaks for bar in read] == [False, False, True, False]


def test_an_ending_may_start_inside_a_bar() -> None:
    read = bars("C8 | C4 [1 D4 :| [2 E4 ||")
    assert [bar.length for bar in read] == [1, Fraction(1, 2), Fraction(1, 2), Fraction(1, 2)]
    assert [bar.breaks for bar in read] == [False, False, False, True]


# ---- what is refused


@pytest.mark.parametrize("body", ["V:1\nC|\nV:2\nD|", "[V:1]C|\n[V:2]D|", "C D & E F|"])
def test_several_voices_are_refused(body: str) -> None:
    read = tune(body)
    assert read.error == "several voices"
    assert read.bars == []


def test_a_voice_in_the_header_is_refused() -> None:
    (read,) = parse_tunes("X:1\nT:Duet\nV:1\nV:2\nK:D\nD|")
    assert (read.title, read.error) == ("Duet", "several voices")


def test_a_tune_that_is_cut_off_in_its_header_is_refused() -> None:
    (read,) = parse_tunes("X:1\nT:Cut\nM:4/")
    assert (read.error, read.bars) == ("no key", [])


@pytest.mark.parametrize("note", ["C0", "C1/0", "C/0", "C99999", "C////////////", f"C{'9' * 5000}"])
def test_a_length_that_makes_no_sense_is_refused(note: str) -> None:
    assert tune(f"C {note} D|").error == "unreadable length"


def test_a_tuplet_that_makes_no_sense_is_refused() -> None:
    assert tune("(3:2:99999999999 C D E|").error == "unreadable tuplet"


def test_one_bad_tune_does_not_stop_the_next() -> None:
    bad, good = parse_tunes("X:1\nK:Bn\nC|\n\nX:2\nK:C\nC|\n")
    assert bad.error and not bad.bars
    assert good.error is None and len(good.bars) == 1


@pytest.mark.parametrize("cut", range(0, 160, 3))
def test_a_tune_cut_off_anywhere_is_read_or_refused(cut: int) -> None:
    whole = (
        'X:1\nT:Whole\nM:C|\nL:1/8\nK:Dmix=c\n"Am"{ga}A>B (3:2:3^c=d_e|[1 [ce]3/2 !trill!f-|f2 z:|[2 [K:G]g,, Z2|]\n'
    )
    for read in parse_tunes(whole[:cut]):
        assert (read.error is None) or not read.bars


ABC_SIGNS = [
    *"ABCDEFGabcdefgzxyZXKLMV|[]:(){}<>^_=,'/0123456789-&!\"+.~%\\ \n",
    "\nK:",
    "\nM:",
    "X:1\n",
    "[K:",
    "[L:",
    "(3:",
]


@settings(max_examples=500)
@given(
    st.one_of(
        st.text(),
        st.lists(st.sampled_from(ABC_SIGNS), max_size=80).map("".join),
        st.lists(st.sampled_from(ABC_SIGNS), max_size=80).map(lambda signs: "X:1\nM:4/4\nK:C\n" + "".join(signs)),
    )
)
def test_no_text_raises_and_what_is_read_has_lengths_above_zero(text: str) -> None:
    for read in parse_tunes(text):
        assert read.error is None or not read.bars
        for bar in read.bars:
            assert bar.notes
            assert all(note.length > 0 for note in bar.notes)
