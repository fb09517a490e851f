"""What holds for every measurement on any melody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lc_core.constraints.measurement import Measurement
from lc_plugins.melody import measurements as m
from lc_plugins.melody.tokens import sounding
from tests.melody.rules import EVERY_LENGTH, PARAMS, lengths_of

NAMES = list(m.__all__)
UNMOVED_BY_TRANSPOSITION = [
    "arch",
    "call_and_response",
    "contour",
    "form",
    "max_leap",
    "note_density",
    "novelty",
    "off_beat_start",
    "pitch_class_entropy",
    "repeated_bar",
    "rest_share",
    "returns",
    "rhythm",
    "rhythm_complexity",
    "same_rhythm",
    "span",
    "stepwise_share",
    "syncopation",
]

# Mostly holds and notes of two octaves, as melodies are, so that rests, repetitions and empty bars come up.
TOKENS = st.sampled_from([128, 128, 128, 129, *range(55, 80)]) | st.integers(0, 129)


examples = settings(max_examples=60)


def batches(name: str = "") -> st.SearchStrategy[np.ndarray]:
    """Draw tokens that the measurement of this name accepts."""
    lengths = st.sampled_from(lengths_of(name) if name else EVERY_LENGTH)
    shapes = st.tuples(st.integers(0, 6), lengths)
    return shapes.flatmap(lambda shape: arrays(np.int64, shape, elements=TOKENS, fill=st.sampled_from([60, 128, 129])))


def transposed(tokens: np.ndarray, shift: int) -> np.ndarray:
    return np.where(tokens < 128, tokens + shift, tokens)


def measure(name: str, tokens: np.ndarray) -> np.ndarray:
    return Measurement(getattr(m, name), PARAMS.get(name, {}))(tokens)


def for_each(names: list[str]) -> Callable[..., Any]:
    return pytest.mark.parametrize("name", names)


@for_each(NAMES)
@examples
@given(data=st.data())
def test_values_stay_in_the_declared_range_and_the_input_stays_as_it_was(name: str, data: st.DataObject) -> None:
    tokens = data.draw(batches(name))
    before = tokens.copy()
    tokens.flags.writeable = False
    values = measure(name, tokens)
    low, high = Measurement(getattr(m, name)).info.range
    defined = values[~np.isnan(values)]
    assert (defined >= low).all() and (defined <= high).all()
    np.testing.assert_array_equal(tokens, before)


@for_each(NAMES)
@examples
@given(data=st.data())
def test_a_value_depends_on_its_own_melody_only(name: str, data: st.DataObject) -> None:
    tokens = data.draw(batches(name))
    values = measure(name, tokens)
    order = np.array(data.draw(st.permutations(range(len(tokens)))), dtype=np.int64)
    cut = data.draw(st.integers(0, len(tokens)))
    assert measure(name, tokens[order]).tobytes() == values[order].tobytes()
    split = [measure(name, tokens[:cut]), measure(name, tokens[cut:])]
    assert np.concatenate(split).tobytes() == values.tobytes()


@for_each(UNMOVED_BY_TRANSPOSITION)
@examples
@given(data=st.data())
def test_transposition_changes_nothing(name: str, data: st.DataObject) -> None:
    tokens = data.draw(batches(name))
    notes = tokens[tokens < 128]
    shift = data.draw(st.integers(-notes.min(initial=127), 127 - notes.max(initial=0)))
    # Not to the last bit: an entropy adds up its pitch classes in another order.
    np.testing.assert_allclose(measure(name, transposed(tokens, shift)), measure(name, tokens), rtol=0, atol=1e-12)


@examples
@given(tokens=batches(), shift=st.integers(0, 11))
def test_a_scale_moves_with_its_melody(tokens: np.ndarray, shift: int) -> None:
    tokens = np.where((tokens > 116) & (tokens < 128), tokens - 12, tokens)
    moved = m.in_scale(transposed(tokens, shift), tonic=shift, mode="dorian")
    np.testing.assert_array_equal(moved, m.in_scale(tokens, mode="dorian"))
    np.testing.assert_allclose(m.key(transposed(tokens, shift), tonic=shift), m.key(tokens), rtol=0, atol=1e-12)
    if tokens.shape[1] in lengths_of("cadence"):
        moved = m.cadence(transposed(tokens, shift), tonic=shift, mode="dorian", degrees=[4, 1])
        np.testing.assert_array_equal(moved, m.cadence(tokens, mode="dorian", degrees=[4, 1]))


@examples
@given(tokens=batches())
def test_another_octave_changes_no_pitch_class(tokens: np.ndarray) -> None:
    moved = np.where((tokens < 128) & (tokens >= 64), tokens - 12, tokens)
    for name in ("in_scale", "starts_on", "ends_on", "pitch_class_entropy", "chord_fit", "key"):
        np.testing.assert_array_equal(measure(name, moved), measure(name, tokens))


@examples
@given(tokens=batches())
def test_a_note_off_in_silence_changes_nothing(tokens: np.ndarray) -> None:
    written = np.where((sounding(tokens) < 0) & (tokens == 128), 129, tokens)
    for name in (one for one in NAMES if tokens.shape[1] in lengths_of(one)):
        np.testing.assert_array_equal(measure(name, written), measure(name, tokens))


@examples
@given(tokens=batches())
def test_a_melody_backwards_has_the_same_intervals(tokens: np.ndarray) -> None:
    for name in ("span", "contour", "arch", "max_leap", "stepwise_share"):
        np.testing.assert_array_equal(measure(name, tokens[:, ::-1]), measure(name, tokens))


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32])
def test_tokens_of_another_integer_type_measure_the_same(kind: type) -> None:
    tokens = np.random.default_rng(0).integers(0, 130, (50, 32))
    for name in NAMES:
        np.testing.assert_array_equal(measure(name, tokens.astype(kind)), measure(name, tokens))
