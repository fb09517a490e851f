"""Melodies that `lc transform` refuses, each with its reason, before anything is fitted; and pictures of pairs."""

from __future__ import annotations

from pathlib import Path

import mido
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from lc_core.cli import main
from lc_plugins.melody.midi import write_midi
from lc_plugins.melody.piano_roll import GONE, NEW, NOTE
from lc_plugins.melody.render import PianoRoll

SCALE = np.array([60, 128, 62, 128, 64, 128, 65, 128] * 4)


def midi(path: Path, notes: list[tuple[int, int, int]], *, metre: tuple[int, int] = (4, 4)) -> Path:
    """Write notes of start, end (in sixteenths) and pitch."""
    events = sorted([(start, 1, pitch) for start, _, pitch in notes] + [(end, 0, pitch) for _, end, pitch in notes])
    track, now = mido.MidiTrack(), 0
    track.append(mido.MetaMessage("time_signature", numerator=metre[0], denominator=metre[1]))
    for time, on, pitch in events:
        kind = "note_on" if on else "note_off"
        track.append(mido.Message(kind, note=pitch, velocity=64 * on, time=120 * (time - now)))
        now = time
    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(track)
    file.save(str(path))
    return path


def refused(*paths: Path) -> str:
    result = CliRunner().invoke(main, ["transform", "melody/c_major", "--input", *map(str, paths)])
    assert result.exit_code == 2, result.output
    assert not Path("runs").exists()
    return result.stderr


@pytest.mark.parametrize(
    ("notes", "metre", "said"),
    [
        ([(0, 4, 60), (0, 4, 64)], (4, 4), "is polyphonic: C4 (60) and E4 (64) sound together"),
        ([(0, 4, 60), (30, 40, 62)], (4, 4), "lasts 40 sixteenths (2.5 bars of 4/4); expected at most 32"),
        ([(0, 4, 60)], (3, 4), "is in 3/4; expected 4/4, 2/2, 2/4"),
    ],
    ids=["polyphonic", "longer than the window", "other metre"],
)
def test_melodies_that_do_not_fit_are_refused(
    notes: list[tuple[int, int, int]], metre: tuple[int, int], said: str, tmp_path: Path
) -> None:
    assert said in refused(midi(tmp_path / "song.mid", notes, metre=metre))


def test_empty_and_truncated_files_are_refused_all_at_once(tmp_path: Path) -> None:
    good = tmp_path / "good.mid"
    write_midi(SCALE, good)
    (tmp_path / "cut.mid").write_bytes(good.read_bytes()[:60])
    (tmp_path / "nothing.mid").write_bytes(b"")
    silent = midi(tmp_path / "silent.mid", [])
    told = refused(tmp_path / "cut.mid", tmp_path / "nothing.mid", silent)
    lines = [line for line in told.splitlines() if line.startswith("error: ")]
    assert len(lines) == 3
    assert "cut.mid is truncated" in lines[0]
    assert "nothing.mid is not a MIDI file: it is empty" in lines[1]
    assert "silent.mid has no notes" in lines[2]


def rgb(colour: str) -> tuple[int, int, int]:
    return tuple(bytes.fromhex(colour[1:]))  # type: ignore[return-value]


def test_a_pair_marks_the_notes_that_changed(tmp_path: Path) -> None:
    after = SCALE.copy()
    after[2] = 67
    assert PianoRoll().write_pair(SCALE, after, tmp_path / "pair.png")
    picture = np.asarray(Image.open(tmp_path / "pair.png").convert("RGB"))
    left, right = picture[:, : picture.shape[1] // 2], picture[:, picture.shape[1] // 2 :]

    def has(part: np.ndarray, colour: str) -> bool:
        return bool((part == rgb(colour)).all(axis=-1).any())

    assert has(left, GONE[0]) and not has(left, NEW[0])
    assert has(right, NEW[0]) and not has(right, GONE[0])
    assert has(left, NOTE) and has(right, NOTE)


def test_pairs_without_a_change_have_no_mark_and_silence_is_drawn(tmp_path: Path) -> None:
    quiet = np.full((2, 32), 128)
    assert PianoRoll().write_pairs(np.stack([SCALE, quiet[0]]), np.stack([SCALE, quiet[0]]), tmp_path)
    picture = np.asarray(Image.open(tmp_path / "pairs.png").convert("RGB"))
    assert not (picture == rgb(NEW[0])).all(axis=-1).any() and not (picture == rgb(GONE[0])).all(axis=-1).any()
    assert PianoRoll().write_pairs(quiet[:0], quiet[:0], tmp_path) is None
