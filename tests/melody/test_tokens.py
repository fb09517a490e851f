"""What tokens sound like."""

from __future__ import annotations

import numpy as np
import pytest

from lc_core.errors import LCError
from lc_plugins.melody.tokens import moves, onsets, previous_pitch, sounding

MELODY = np.array([[128, 60, 128, 129, 128, 72, 59, 129]])


def test_a_hold_before_any_onset_or_after_a_note_off_is_silence() -> None:
    assert sounding(MELODY).tolist() == [[-1, 60, 60, -1, -1, 72, 59, -1]]


def test_onsets_are_the_steps_with_a_pitch() -> None:
    assert np.flatnonzero(onsets(MELODY)[0]).tolist() == [1, 5, 6]


def test_the_previous_pitch_is_that_of_the_last_onset_before_the_step_also_after_a_rest() -> None:
    assert previous_pitch(MELODY).tolist() == [[-1, -1, 60, 60, 60, 60, 72, 59]]


def test_moves_are_signed_intervals_between_successive_onsets() -> None:
    interval, exists = moves(MELODY)
    assert interval.tolist() == [[0, 0, 0, 0, 0, 12, -13, 0]]
    assert np.flatnonzero(exists[0]).tolist() == [5, 6]


def test_pitches_at_both_ends_of_midi_are_pitches() -> None:
    assert sounding(np.array([[0, 128, 127, 128]])).tolist() == [[0, 0, 127, 127]]
    assert moves(np.array([[0, 127, 0, 0]]))[0].tolist() == [[0, 127, -127, 0]]


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_any_batch_size_is_fine(batch: int) -> None:
    assert sounding(np.full((batch, 5), 60)).shape == (batch, 5)


def test_a_long_melody_keeps_its_pitches() -> None:
    tokens = np.full((1, 100_000), 128)
    tokens[0, 50_000] = 61
    assert sounding(tokens)[0, [49_999, 50_000, 99_999]].tolist() == [-1, 61, 61]


@pytest.mark.parametrize(
    ("tokens", "found"),
    [
        (np.array([60, 62]), r"\(2,\)"),
        (np.zeros((2, 0), dtype=np.int64), r"\(2, 0\)"),
        (np.array([[60.0]]), "float64"),
        (np.array([[60, 130]]), "130"),
        (np.array([[60, -1]]), "-1"),
    ],
)
def test_what_is_no_batch_of_tokens_is_refused_with_what_was_found(tokens: np.ndarray, found: str) -> None:
    with pytest.raises(LCError, match=found):
        sounding(tokens)
