"""Which windows the corpus gives, on ABC text of our own."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lc_core.errors import LCError
from lc_plugins.melody import corpus as module
from lc_plugins.melody.corpus import HOLD, NOTE_OFF, Corpus, read_corpus

H, OFF = HOLD, NOTE_OFF
SCALE = ["C8|", "D8|", "E8|", "F8|", "G8|", "A8|", "B8|", "c8|"]
HEIGHTS = [60, 62, 64, 65, 67, 69, 71, 72]


def abc(body: str, *, meter: str = "4/4", title: str = "A tune", unit: str = "1/8") -> str:
    return f"X:1\nT:{title}\nM:{meter}\nL:{unit}\nK:C\n{body}\n\n"


def read(place: Path, *tunes: str, steps: int = 32, collection: str = "airdsAirs") -> Corpus:
    (place / collection).mkdir(exist_ok=True)
    (place / collection / "tunes.abc").write_text("".join(tunes), encoding="utf-8")
    return read_corpus(place, steps=steps)


def first_notes(corpus: Corpus) -> list[int]:
    return corpus.windows[:, 0].tolist()


def skipped(corpus: Corpus, word: str) -> int:
    return sum(count for reason, count in corpus.skipped.items() if word in reason)


def held_out_title() -> str:
    return next(title for title in (f"Tune {n}" for n in range(1000)) if module.is_held_out(title))


# ---- windows and metres


@pytest.mark.parametrize("meter", ["4/4", "C", "C|", "2/2"])
def test_a_window_is_two_bars_of_common_time_and_starts_on_each_bar(tmp_path: Path, meter: str) -> None:
    corpus = read(tmp_path, abc("".join(SCALE), meter=meter))
    assert corpus.windows.shape == (7, 32)
    assert corpus.windows.dtype == np.int64
    assert first_notes(corpus) == HEIGHTS[:7]
    assert corpus.windows[:, 16].tolist() == HEIGHTS[1:]
    assert set(corpus.meters) == {"4/4"}
    assert corpus.tunes == 1


def test_a_window_is_four_bars_of_two_four_with_the_printed_values(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("".join(bar.replace("8", "4") for bar in SCALE), meter="2/4"))
    assert corpus.windows.shape == (5, 32)
    assert corpus.windows[0, ::8].tolist() == HEIGHTS[:4]
    assert set(corpus.meters) == {"2/4"}


def test_longer_windows_take_more_bars(tmp_path: Path) -> None:
    common = abc("".join(SCALE), title="One")
    half = abc("".join(bar.replace("8", "4") for bar in SCALE), meter="2/4", title="Two")
    corpus = read(tmp_path, common, half, steps=64)
    assert corpus.windows.shape == (5 + 1, 64)
    assert corpus.windows[0, ::16].tolist() == HEIGHTS[:4]
    assert corpus.windows[-1, ::8].tolist() == HEIGHTS


def test_a_tune_shorter_than_a_window_gives_none(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C8|"), abc("C8|D8|", title="Long enough"))
    assert len(corpus.windows) == 1
    assert corpus.tunes == 1


def test_bars_of_other_metres_are_skipped_and_counted(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C6|D6|E6|", meter="3/4"), abc("C6|D6|", meter="6/8"), abc("C8|D8|"))
    assert len(corpus.windows) == 1
    assert skipped(corpus, "other metres") == 5


def test_a_bar_of_another_metre_inside_a_tune_parts_what_is_around_it(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C8|D8|\nM:3/4\nE6|\nM:4/4\nF8|G8|"))
    assert first_notes(corpus) == [60, 65]


def test_runs_that_change_between_two_metres_are_skipped_and_counted(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C8|D8|[M:2/4]E4|F4|G4|A4|"), abc("C8|E8|"))
    assert first_notes(corpus) == [60]
    assert skipped(corpus, "change metre") == 1


def test_windows_off_the_grid_of_sixteenths_are_skipped_and_counted(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C8|(3D2E2F2 G4|A8|B8|"), abc("c8|d8|d//e3/4 f6 A|g8|", title="Other"))
    assert first_notes(corpus) == [69, 72]
    assert skipped(corpus, "grid") == 4


def test_triplets_that_end_before_the_next_note_starts_on_the_grid_still_count_as_off_it(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("(3CDE F6|G8|"), abc("C8|D8|"))
    assert len(corpus.windows) == 1


def test_windows_without_a_note_are_skipped_and_counted(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("z8|z8|C8|"))
    assert len(corpus.windows) == 1
    assert skipped(corpus, "without a note") == 1


def test_tunes_that_cannot_be_read_are_counted_by_reason(tmp_path: Path) -> None:
    duet = "X:1\nT:Duet\nM:4/4\nV:1\nK:C\nC8|D8|\n\n"
    strange = "X:2\nT:Strange\nM:4/4\nK:Bn\nC8|D8|\n\n"
    corpus = read(tmp_path, duet, strange, abc("C8|D8|"))
    assert corpus.skipped["tunes: several voices"] == 1
    assert corpus.skipped["tunes: unreadable key"] == 1
    assert corpus.tunes == 1


# ---- which bars follow each other


def test_an_upbeat_at_the_start_is_left_out(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("G2|C8|D8|"))
    assert first_notes(corpus) == [60]
    assert skipped(corpus, "too short") == 1


def test_a_short_last_bar_and_the_next_sections_upbeat_make_one_bar(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("G2|C8|D6:|A2|E8|F6|]"))
    assert corpus.windows.shape[0] == 2
    assert corpus.windows[0].tolist() == [60, *[H] * 15, 62, *[H] * 11, 69, *[H] * 3]
    assert corpus.windows[1, 16] == 64


def test_a_bar_that_is_too_long_parts_what_is_around_it(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C8|D8|E9|F8|G8|"))
    assert first_notes(corpus) == [60, 65]
    assert skipped(corpus, "too short or too long") == 1


def test_two_short_bars_that_do_not_add_up_are_not_joined(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C8|D8|E4|F2|G8|A8|"))
    assert first_notes(corpus) == [60, 67]


@pytest.mark.parametrize("ending", [":|2", ":|[2", ":| [2", ":||2"])
def test_no_window_goes_from_a_first_ending_into_a_second(tmp_path: Path, ending: str) -> None:
    corpus = read(tmp_path, abc(f"C8|1D8{ending}E8|F8|]"))
    assert [(int(a), int(b)) for a, b in corpus.windows[:, [0, 16]]] == [(60, 62), (64, 65)]


def test_a_second_endings_short_bar_is_not_joined_to_the_first_ending(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C8|B8|[1 D4:|[2 E4||F8|G8|"))
    assert [(int(a), int(b)) for a, b in corpus.windows[:, [0, 16]]] == [(60, 71), (65, 67)]


# ---- tokens


def test_tokens_are_onsets_holds_and_note_offs(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C2 z2 D/E/ z z2|G8|"))
    expected = [60, H, H, H, OFF, H, H, H, 62, 64, OFF, H, H, H, H, H, 67, *[H] * 15]
    assert corpus.windows[0].tolist() == expected


def test_a_rest_at_the_start_is_a_hold_and_a_rest_after_a_rest_has_no_second_note_off(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("z4 C4|z4 z2 D2|"))
    assert corpus.windows[0].tolist() == [*[H] * 8, 60, *[H] * 7, OFF, *[H] * 11, 62, *[H] * 3]


def test_a_repeated_note_starts_again_and_a_tied_one_does_not(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C4 C4-|C4 C4|"))
    assert corpus.windows[0].tolist() == [60, *[H] * 7, 60, *[H] * 15, 60, *[H] * 7]


def test_a_tie_between_different_pitches_is_a_slur(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C8-|D8|"))
    assert corpus.windows[0, 16] == 62


def test_a_note_that_is_held_over_the_start_of_a_window_starts_there(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C8|D8-|D4 E4|"))
    assert corpus.windows[0].tolist() == [60, *[H] * 15, 62, *[H] * 15]
    assert corpus.windows[1].tolist() == [62, *[H] * 23, 64, *[H] * 7]


def test_pitches_outside_midi_are_left_out(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C,,,,,,8|D8|E8|"))
    assert first_notes(corpus) == [62]


# ---- duplicates and the split


def test_a_window_is_kept_once_and_the_others_are_counted(tmp_path: Path) -> None:
    corpus = read(tmp_path, abc("C8|D8|C8|D8|"), abc("C8|D8|", title="Again"))
    assert len(corpus.windows) == 2
    assert skipped(corpus, "seen before") == 2
    assert corpus.tunes == 2


def test_all_collections_are_read_and_other_folders_are_not(tmp_path: Path) -> None:
    for index, collection in enumerate([*module.FOLDERS, "essenFolksong"]):
        (tmp_path / collection).mkdir()
        (tmp_path / collection / "tune.abc").write_text(abc("".join(SCALE[index : index + 2]), title=collection))
    assert first_notes(read_corpus(tmp_path)) == HEIGHTS[:4]


def tunes_with_own_windows(count: int) -> list[str]:
    letters = "CDEFGABcdefgab"
    bodies = [f"{a}4 {b}4|{c}8|" for a in letters for b in letters for c in letters]
    return [abc(body, title=f"Tune {number}") for number, body in enumerate(bodies[:count])]


def test_about_a_tenth_of_the_tunes_is_held_out(tmp_path: Path) -> None:
    corpus = read(tmp_path, *tunes_with_own_windows(1000))
    assert len(corpus.windows) == 1000
    assert 70 <= corpus.is_test.sum() <= 130


def test_the_split_depends_on_the_title_alone(tmp_path: Path) -> None:
    tunes = tunes_with_own_windows(300)
    whole = read(tmp_path, *tunes)
    sides = {row.tobytes(): side for row, side in zip(whole.windows, whole.is_test, strict=True)}
    fewer = read(tmp_path, *reversed(tunes[::3]))
    assert all(sides[row.tobytes()] == side for row, side in zip(fewer.windows, fewer.is_test, strict=True))


def test_all_windows_of_a_tune_and_of_another_printing_of_it_fall_on_one_side(tmp_path: Path) -> None:
    title = held_out_title()
    other = title.upper().replace(" ", "-") + "."
    corpus = read(tmp_path, abc("".join(SCALE), title=title), abc("c8|B8|A8|", title=other))
    assert len(corpus.windows) == 9
    assert corpus.is_test.all()


def test_a_held_out_window_that_a_training_tune_has_too_is_for_training(tmp_path: Path) -> None:
    title = held_out_title()
    held_out, training = abc("C8|D8|E8|", title=title), abc("C8|D8|", title="Other tune")
    for order in ([held_out, training], [training, held_out]):
        corpus = read(tmp_path, *order)
        sides = dict(zip(first_notes(corpus), corpus.is_test.tolist(), strict=True))
        assert sides == {60: False, 62: True}


def test_held_out_windows_are_moved_to_keys_of_their_own(tmp_path: Path) -> None:
    read_once = read(tmp_path, abc("C6 z2|" * 2 + "D4 E4|", title=held_out_title()))
    corpus = replace(read_once, windows=read_once.windows.repeat(30, axis=0), is_test=np.arange(60) >= 20)
    windows, found = corpus.windows[20:], corpus.held_out()
    moved = found[:, 0] - windows[:, 0]
    assert moved.min() >= -6 and moved.max() <= 5 and len(set(moved)) > 3
    assert np.array_equal(found, np.where(windows < HOLD, windows + moved[:, None], windows))
    assert np.array_equal(found, corpus.held_out())


# ---- what is missing


def test_a_folder_without_tunes_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="no tunes found"):
        read_corpus(tmp_path)


def test_without_music21_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "music21", None)
    with pytest.raises(LCError, match="music21") as error:
        read_corpus()
    assert "pip install" in str(error.value)


def test_bytes_that_are_no_utf8_do_not_stop_the_reader(tmp_path: Path) -> None:
    (tmp_path / "airdsAirs").mkdir()
    (tmp_path / "airdsAirs" / "tune.abc").write_bytes(abc("C8|D8|").replace("A tune", "Caf\xe9").encode("latin-1"))
    assert len(read_corpus(tmp_path).windows) == 1
