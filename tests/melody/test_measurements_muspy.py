"""The measures that MusPy has too, compared with it on windows of tunes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lc_core.errors import LCError
from lc_plugins.melody import measurements as m
from lc_plugins.melody.corpus import corpus_folder, read_corpus
from lc_plugins.melody.measurements.theory import Mode

muspy = pytest.importorskip("muspy")
COUNT = 1000


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """1,000 windows of Aird's collection; of chance where music21's corpus is not installed."""
    generator = np.random.default_rng(0)
    try:
        collection = corpus_folder() / "airdsAirs"
        folder: Path = tmp_path_factory.mktemp("corpus")
        (folder / collection.name).symlink_to(collection)
        found = read_corpus(folder).windows
    except LCError:
        found = generator.choice([*range(55, 85), *[128] * 30, *[129] * 5], size=(COUNT, 32))
    return generator.permutation(found)[:COUNT]


def music(tokens: np.ndarray) -> Any:
    """Return one melody as a MusPy object, a sixteenth to a time step."""
    notes: list[Any] = []
    now = None
    for step, token in enumerate([*tokens.tolist(), 129]):
        if token != 128 and now is not None:
            notes.append(muspy.Note(now[0], now[1], step - now[0]))
            now = None
        if token < 128:
            now = (step, token)
    return muspy.Music(resolution=4, tracks=[muspy.Track(notes=notes)])


@pytest.fixture(scope="module")
def scores(windows: np.ndarray) -> list[Any]:
    return [music(row) for row in windows]


def test_there_are_a_thousand_windows(windows: np.ndarray) -> None:
    assert windows.shape == (COUNT, 32)


def test_span_is_its_pitch_range(windows: np.ndarray, scores: list[Any]) -> None:
    np.testing.assert_array_equal(m.span(windows), [muspy.pitch_range(score) for score in scores])


def test_entropy_of_pitch_classes_is_the_same(windows: np.ndarray, scores: list[Any]) -> None:
    theirs = [muspy.pitch_class_entropy(score) for score in scores]
    np.testing.assert_allclose(m.pitch_class_entropy(windows), theirs, atol=1e-9)


@pytest.mark.parametrize("mode", ["major", "minor"])
@pytest.mark.parametrize("tonic", [0, 2, 7])
def test_in_scale_is_its_rate_of_pitches_in_scale(
    windows: np.ndarray, scores: list[Any], tonic: int, mode: Mode
) -> None:
    theirs = [muspy.pitch_in_scale_rate(score, tonic, mode) for score in scores]
    np.testing.assert_allclose(m.in_scale(windows, tonic=tonic, mode=mode), theirs, atol=1e-12)


def test_the_best_scale_is_its_scale_consistency(windows: np.ndarray, scores: list[Any]) -> None:
    modes: tuple[Mode, Mode] = ("major", "minor")
    ours = np.max([m.in_scale(windows, tonic=tonic, mode=mode) for tonic in range(12) for mode in modes], axis=0)
    np.testing.assert_allclose(ours, [muspy.scale_consistency(score) for score in scores], atol=1e-12)
