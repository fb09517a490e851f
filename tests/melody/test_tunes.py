"""Which windows whole tunes give, on ABC text of our own."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lc_core import LCError
from lc_plugins.melody.abc import Tune, parse_tunes
from lc_plugins.melody.corpus import bars_to_windows, is_held_out, tune_segments
from lc_plugins.melody.tokens import HOLD, NOTE_OFF
from lc_plugins.melody.tunes import TuneCorpus, cut_tunes

H, OFF = HOLD, NOTE_OFF


def tune(body: str, *, meter: str = "4/4", title: str = "A tune") -> Tune:
    (read,) = parse_tunes(f"X:1\nT:{title}\nM:{meter}\nL:1/8\nK:C\n{body}\n")
    return read


def cut(body: str, *, steps: int = 32, metre: str = "4/4", meter: str | None = None) -> TuneCorpus:
    return cut_tunes([tune(body, meter=meter or metre)], steps=steps, metre=metre)


def tokens(body: str, *, steps: int = 32, metre: str = "4/4") -> list[int]:
    """Return the one window of a tune."""
    (window,) = cut(body, steps=steps, metre=metre).windows
    return window.tolist()


def firsts(corpus: TuneCorpus, bar: int = 16) -> list[list[int]]:
    """Return the token at the start of each bar of each window."""
    return corpus.windows[:, ::bar].tolist()


def held_out_title() -> str:
    return next(title for title in (f"Tune {n}" for n in range(1000)) if is_held_out(title))


# ---- repeats and upbeats


def test_repeats_and_endings_are_played() -> None:
    assert firsts(cut("C8|1D8:|2E8|]", steps=64)) == [[60, 62, 60, 64]]


def test_a_window_begins_on_each_bar_of_the_played_tune() -> None:
    corpus = cut("C8|D8:|E8|]")
    assert firsts(corpus) == [[60, 62], [62, 60], [62, 64]]
    assert corpus.bar.tolist() == [0, 1, 3]
    assert (corpus.all, corpus.side_by_side, corpus.tunes) == (4, 2, 1)


def test_an_upbeat_completes_the_bar_before_it_each_time() -> None:
    corpus = cut("G2|C8|D6:|A2|E8|F6|]", steps=96)
    assert firsts(corpus) == [[60, 62, 60, 62, 64, 65]]
    assert corpus.windows[0, [28, 60, 92]].tolist() == [67, 69, OFF]
    assert corpus.changed["bars completed by the upbeat after them"] == 2
    assert corpus.changed["short bars at the end of a section, filled with a rest"] == 1
    assert corpus.changed["upbeats left out, at the start or where the bar before has no room"] == 1  # the first one


def test_an_upbeat_without_room_is_left_out() -> None:
    corpus = cut("G2|C8|D8:|", steps=64)
    assert firsts(corpus) == [[60, 62, 60, 62]]
    assert corpus.changed["upbeats left out, at the start or where the bar before has no room"] == 2


def test_a_short_end_without_an_upbeat_is_filled_with_a_rest() -> None:
    assert tokens("C8|D4||E8|F8|]", steps=64)[16:34] == [62, *[H] * 7, OFF, *[H] * 7, 64, H]


def test_what_an_end_and_an_upbeat_lack_together_is_a_rest_between_them() -> None:
    assert tokens("C8|D4||A2|E8|F8|]", steps=64)[16:34] == [62, *[H] * 7, OFF, *[H] * 3, 69, *[H] * 3, 64, H]


def test_a_bar_that_a_sign_of_a_repeat_parts_is_one_bar() -> None:
    assert firsts(cut("C4|:D4|E4:|F4|]", steps=48), 8) == [[60, 62, 64, 62, 64, 65]]


def test_slips_of_the_pen_part_what_is_around_them() -> None:
    corpus = cut("C8|D8|E7|F8|G8|A9|B8|c8|]")
    assert firsts(corpus) == [[60, 62], [65, 67], [71, 72]]
    assert corpus.skipped["bars too short or too long, or with notes outside MIDI"] == 2


def test_rests_of_whole_bars_and_notes_outside_midi_part_a_tune() -> None:
    assert firsts(cut("C8|D8|Z4|E8|F8|]")) == [[60, 62], [64, 65]]
    assert firsts(cut("C8|D8|C,,,,,,8|E8|F8|]")) == [[60, 62], [64, 65]]


# ---- metres


@pytest.mark.parametrize(
    ("metre", "bar", "steps"), [("6/8", "C6|", 96), ("3/4", "C6|", 48), ("9/8", "C9|", 72), ("4/4", "C8|", 256)]
)
def test_every_metre_gives_windows_of_whole_bars(metre: str, bar: str, steps: int) -> None:
    per_bar = 2 * int(bar[1])
    corpus = cut(bar * (steps // per_bar), steps=steps, metre=metre)
    assert corpus.windows.shape == (1, steps)
    assert corpus.windows[0, ::per_bar].tolist() == [60] * (steps // per_bar)
    assert corpus.meters.tolist() == [metre]


def test_common_time_has_room_for_two_four_as_it_is_printed() -> None:
    corpus = cut("C4|D4|E4|F4|", meter="2/4")
    assert firsts(corpus, 8) == [[60, 62, 64, 65]]
    assert corpus.meters.tolist() == ["2/4"]


def test_three_four_and_six_eight_are_held_apart() -> None:
    with pytest.raises(LCError, match="no tune has a window of 24 sixteenths in 3/4"):
        cut("C6|D6|", steps=24, metre="3/4", meter="6/8")


def test_a_change_of_metre_parts_a_tune() -> None:
    corpus = cut("C8|D8|[M:2/4]E4|F4|G4|A4|[M:3/4]B6|[M:4/4]c8|d8|]")
    assert corpus.windows[:, 0].tolist() == [60, 64, 72]
    assert corpus.skipped["bars in other metres"] == 1


@pytest.mark.parametrize(("metre", "steps"), [("4/4", 40), ("6/8", 32), ("9/8", 96), ("4/4", 0)])
def test_windows_of_half_bars_are_refused(metre: str, steps: int) -> None:
    with pytest.raises(LCError, match=f"a window of {metre} has a whole number of bars"):
        cut("C8|", steps=steps, metre=metre)


def test_a_metre_that_is_not_known_is_refused() -> None:
    with pytest.raises(LCError, match="expected a metre among 4/4, 3/4, 6/8, 9/8; found '5/4'"):
        cut("C8|", metre="5/4")


# ---- the grid


def test_a_triplet_goes_to_the_nearest_sixteenths() -> None:
    corpus = cut("(3CDE F6|G8|")
    assert corpus.windows[0].tolist() == [60, 62, H, 64, 65, *[H] * 11, 67, *[H] * 15]
    assert corpus.changed["notes"] == 5
    assert corpus.changed["notes moved to the nearest sixteenth"] == 2
    assert corpus.farthest == Fraction(1, 3)
    assert corpus.off_grid == 1


def test_of_notes_on_one_sixteenth_the_nearest_stays_or_the_first() -> None:
    lost = "notes lost, since another one is nearer to their sixteenth"
    quick = cut("(3C/D/E/ F7|G8|")
    assert quick.windows[0, :4].tolist() == [60, 62, 65, H]
    assert (quick.changed[lost], quick.off_grid) == (1, 1)
    snap = cut("C//D// E/ F7|G8|")
    assert snap.windows[0, :3].tolist() == [60, 64, 65]
    assert (snap.changed[lost], snap.farthest) == (1, 0)
    dotted = cut("C3/4D// F7|G8|")  # half-way between two: the earlier one is free
    assert dotted.windows[0, :3].tolist() == [60, 62, 65]
    assert (dotted.changed[lost], dotted.farthest) == (0, Fraction(1, 2))


def test_a_rest_never_takes_the_place_of_a_note() -> None:
    assert tokens("C//z// D/ z//E3/4 F6|G8|")[:5] == [60, 62, 64, H, 65]


def test_a_note_that_is_held_over_the_start_of_a_window_starts_there() -> None:
    corpus = cut("C8|D8-|D4 E4|z8|F8|")
    assert corpus.windows[1].tolist() == [62, *[H] * 23, 64, *[H] * 7]
    assert corpus.windows[2, :8].tolist() == [62, *[H] * 7]
    assert corpus.windows[3].tolist() == [*[H] * 16, 65, *[H] * 15]


def test_windows_without_a_note_are_skipped_and_counted() -> None:
    corpus = cut("z8|z8|C8|")
    assert firsts(corpus) == [[H, 60]]
    assert corpus.skipped["windows without a note"] == 1


BEAT = st.sampled_from(["C2", "D E", "z2", "F/G/A", "B/c/d/e/", "C>D", "zC", "E2-"])


@given(st.lists(BEAT, min_size=8, max_size=24), st.sampled_from(["4/4", "2/4"]))
def test_without_repeats_and_figures_the_windows_are_those_of_the_model_of_two_bars(
    beats: list[str], meter: str
) -> None:
    beats = beats[: len(beats) // 4 * 4]
    per_bar = 4 if meter == "4/4" else 2
    body = "|".join(" ".join(beats[at : at + per_bar]) for at in range(0, len(beats), per_bar)) + "|"
    read = tune(body, meter=meter)
    (bars,) = tune_segments(read, Counter())
    expected = list({one.tobytes(): one for one in bars_to_windows(bars, 32, Counter())}.values())
    if expected:
        assert cut_tunes([read], steps=32).windows.tolist() == [one.tolist() for one in expected]


# ---- equal windows and the split


def test_equal_windows_are_taken_once_and_those_of_training_tunes_are_for_training() -> None:
    held_out, training = tune("C8|D8|E8|", title=held_out_title()), tune("C8|D8|", title="Other tune")
    for order in ([held_out, training], [training, held_out]):
        corpus = cut_tunes(order, steps=32)
        sides = dict(zip(corpus.windows[:, 0].tolist(), corpus.is_test.tolist(), strict=True))
        assert sides == {60: False, 62: True}
        assert (corpus.all, corpus.tunes) == (3, 2)


def test_printings_under_one_title_are_one_tune() -> None:
    tunes = [tune("C8|D8|"), tune("E8|F8|", title="A TUNE."), tune("G8|A8|", title="Another")]
    assert cut_tunes(tunes, steps=32).tune.tolist() == [0, 0, 1]


def test_tunes_that_cannot_be_read_are_counted_by_reason() -> None:
    (duet,) = parse_tunes("X:1\nT:Duet\nV:1\nK:C\nC8|\n")
    corpus = cut_tunes([duet, tune("C8|D8|")], steps=32)
    assert corpus.skipped["tunes: several voices"] == 1


def test_held_out_windows_are_moved_to_keys_of_their_own() -> None:
    corpus = cut_tunes([tune("C8|D8|E8|", title=held_out_title())], steps=32)
    assert np.array_equal(np.diff(corpus.held_out()[:, ::16]), np.diff(corpus.windows[:, ::16]))
