"""Melodies that stand in the training corpus, and those that do not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lc_core.errors import LCError
from lc_plugins.melody import measurements as m
from lc_plugins.melody import novelty
from lc_plugins.melody.corpus import corpus_folder, read_corpus
from lc_plugins.melody.tokens import onsets, sounding

TUNE = """X:1
T:A made-up tune
M:4/4
L:1/8
K:G
GABc d2B2|cAFA G4|GABc d2g2|fdef g4|gfed B2G2|A2F2 G4|GBdB cAFA|G2B2 G4|
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "corpus" / "miscFolk").mkdir(parents=True)
    (tmp_path / "corpus" / "miscFolk" / "tune.abc").write_text(TUNE)
    return tmp_path / "corpus"


def test_windows_of_the_corpus_are_known_in_every_transposition(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "hashes.npy"
    windows = read_corpus(folder).windows
    assert novelty.write_corpus_hashes(folder, path=path) == len(windows) == 7
    hashes = novelty.corpus_hashes(path)
    for shift in range(-20, 21):
        moved = np.where(windows < 128, windows + shift, windows)
        assert novelty.is_known(moved, hashes=hashes).all()
    changed = windows.copy()
    changed[:, 0] += 1
    assert not novelty.is_known(changed, hashes=hashes).any()


def test_melodies_that_sound_different_have_different_hashes() -> None:
    tokens = np.random.default_rng(0).choice([60, 61, 72, 128, 129], size=(20_000, 32))
    tokens[:, 0] = 60
    sounds = np.unique(2 * sounding(tokens) + onsets(tokens), axis=0)
    assert len(np.unique(novelty.melody_hash(tokens))) == len(sounds)


def test_a_hash_is_the_same_on_every_machine() -> None:
    tokens = np.array([[60, 128, 62, 129] * 8])
    assert novelty.melody_hash(tokens).dtype == np.uint64
    assert int(novelty.melody_hash(tokens)[0]) == 13532226772012603594


def test_two_ways_to_write_one_sound_have_one_hash() -> None:
    one = np.array([[128, 60, 129, 128, 128, 62]])
    other = np.array([[129, 60, 129, 129, 129, 62]])
    held = np.array([[128, 60, 128, 128, 128, 62]])
    assert novelty.melody_hash(one) == novelty.melody_hash(other)
    assert novelty.melody_hash(one) != novelty.melody_hash(held)


def test_leaps_that_nobody_printed_are_new_and_silence_is_neither() -> None:
    wild = np.arange(32) * 37 % 128
    assert m.novelty(np.stack([wild, np.full(32, 128)])).tolist() == pytest.approx([1.0, np.nan], nan_ok=True)


def test_tunes_of_the_training_corpus_are_not_new_where_music21_is_installed(tmp_path: Path) -> None:
    try:
        collection = corpus_folder() / "airdsAirs"
    except LCError:
        pytest.skip("music21 is not installed")
    (tmp_path / collection.name).symlink_to(collection)
    corpus = read_corpus(tmp_path)
    assert not m.novelty(corpus.windows[~corpus.is_test]).any()
    assert m.novelty(corpus.windows[corpus.is_test]).mean() > 0.8


@pytest.mark.parametrize("steps", [16, 31, 64])
def test_another_length_is_refused(steps: int) -> None:
    with pytest.raises(LCError, match=f"32 steps.*found {steps} steps"):
        m.novelty(np.full((2, steps), 60))


def test_a_file_that_is_missing_or_broken_is_named(tmp_path: Path) -> None:
    with pytest.raises(LCError, match="none.npy"):
        novelty.corpus_hashes(tmp_path / "none.npy")
    for name, content in {"empty.npy": b"", "text.npy": b"no array here"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(LCError, match=name):
            novelty.corpus_hashes(tmp_path / name)
    np.save(tmp_path / "floats.npy", np.zeros(3))
    with pytest.raises(LCError, match="floats.npy"):
        novelty.corpus_hashes(tmp_path / "floats.npy")


def test_the_shipped_file_holds_hashes_and_nothing_else() -> None:
    hashes = novelty.corpus_hashes()
    assert len(hashes) > 20_000
    assert (hashes[1:] > hashes[:-1]).all()
