"""The files that melodies become."""

from __future__ import annotations

import sys
import wave
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from PIL import Image

from lc_core.errors import LCError
from lc_core.plugins.renderer import Renderer
from lc_plugins.melody.midi import canonical, read_midi, tokens_to_notes
from lc_plugins.melody.render import Audio, Midi, PianoRoll

HOLD, OFF = 128, 129
RENDERERS = [Midi, PianoRoll, Audio]
TUNE = np.array([62, HOLD, 66, HOLD, 69, HOLD, OFF, HOLD] + [69, 69, 74, HOLD, HOLD, HOLD, OFF, HOLD] * 3)
SILENCE = np.array([OFF] + [HOLD] * 31)
EXTREMES = np.array([0, HOLD, HOLD, HOLD, 127, 125, 124, OFF] * 4)
BUSY = np.arange(60, 92)


def held(pitch: int) -> np.ndarray:
    return np.array([pitch] + [HOLD] * 31)


def read_wav(path: Path) -> np.ndarray:
    """Return a sound's samples as shares of full scale."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22_050)
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2") / 32768


def read_png(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def hear(tokens: np.ndarray, folder: Path, **settings: float) -> np.ndarray:
    Audio(**settings).write(tokens, folder / "a.wav")
    return read_wav(folder / "a.wav")


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("tokens", [TUNE, SILENCE, EXTREMES, BUSY, np.array([60]), np.concatenate([TUNE, BUSY])])
def test_the_same_melody_gives_the_same_bytes(renderer: type[Renderer], tokens: np.ndarray, tmp_path: Path) -> None:
    before = tokens.copy()
    for name in ("a", "b"):
        renderer().write(tokens, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tokens == before).all()


@pytest.mark.parametrize("renderer", RENDERERS)
def test_another_melody_gives_other_bytes(renderer: type[Renderer], tmp_path: Path) -> None:
    renderer().write(TUNE, tmp_path / "a")
    renderer().write(BUSY, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("renderer", RENDERERS)
def test_melodies_that_sound_the_same_give_the_same_bytes(renderer: type[Renderer], tmp_path: Path) -> None:
    twin = TUNE.copy()
    twin[7] = OFF  # a second note-off in a rest
    renderer().write(TUNE, tmp_path / "a")
    renderer().write(twin, tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("build", "setting"),
    [
        (lambda: Midi(tempo=0), "Midi: tempo = 0"),
        (lambda: Midi(tempo=float("nan")), "Midi: tempo = nan"),
        (lambda: Midi(program=128), "Midi: program = 128"),
        (lambda: Midi(velocity=0), "Midi: velocity = 0"),
        (lambda: Audio(tempo=1000), "Audio: tempo = 1000"),
        (lambda: PianoRoll(scale=0), "PianoRoll: scale = 0"),
        (lambda: PianoRoll(colour="red"), "PianoRoll: colour = 'red'"),
    ],
)
def test_settings_out_of_range_are_told(build: Any, setting: str) -> None:
    with pytest.raises(LCError, match=setting):
        build()


@pytest.mark.parametrize(("renderer", "module"), [(Midi, "mido"), (PianoRoll, "PIL.Image")])
def test_a_missing_module_is_told_with_what_to_install(
    renderer: type[Renderer], module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(LCError, match=r"latent-constraints\[melody\]"):
        renderer().write(TUNE, tmp_path / "a")


def test_midi_has_the_tempo_instrument_and_exact_lengths(tmp_path: Path) -> None:
    Midi(tempo=90, program=40, velocity=77).write(TUNE, tmp_path / "a.mid")
    file = mido.MidiFile(str(tmp_path / "a.mid"))
    assert file.length == pytest.approx(8 * 60 / 90)
    messages = {message.type: message for message in file.tracks[0]}
    assert messages["set_tempo"].tempo == mido.bpm2tempo(90)
    assert messages["program_change"].program == 40
    assert (messages["time_signature"].numerator, messages["time_signature"].denominator) == (4, 4)
    played, now, step = [], 0, file.ticks_per_beat // 4
    for message in file.tracks[0]:
        now += message.time
        if message.type == "note_on":
            assert message.velocity == 77
            played.append([now, None, message.note])
        elif message.type == "note_off":
            assert played[-1][1:] == [None, message.note]
            played[-1][1] = now
    assert played == [[start * step, end * step, pitch] for start, end, pitch in tokens_to_notes(TUNE)]


@pytest.mark.parametrize("tokens", [TUNE, SILENCE, EXTREMES, BUSY])
def test_midi_reads_back_as_the_same_melody(tokens: np.ndarray, tmp_path: Path) -> None:
    Midi().write(tokens, tmp_path / "a.mid")
    assert (read_midi(tmp_path / "a.mid") == canonical(tokens[None])).all()


def test_piano_rolls_have_one_size_and_grow_with_scale(tmp_path: Path) -> None:
    for name, tokens in {"a": TUNE, "b": BUSY - 4, "c": SILENCE}.items():
        PianoRoll().write(tokens, tmp_path / name)
    PianoRoll(scale=2).write(TUNE, tmp_path / "d")
    shapes = [read_png(tmp_path / name).shape for name in "abcd"]
    assert shapes[0] == shapes[1] == shapes[2] == (314, 486, 3)
    assert shapes[3] == (628, 972, 3)


def blue(picture: np.ndarray) -> np.ndarray:
    """Return which pixels have the saturated blue of notes."""
    return picture[..., 2].astype(int) - picture[..., 0] > 60


def test_a_higher_note_is_drawn_higher_and_a_later_one_further_right(tmp_path: Path) -> None:
    centres = []
    for pitch, start in ((60, 0), (72, 0), (60, 16)):
        tokens = np.full(32, HOLD)
        tokens[start], tokens[start + 4] = pitch, OFF
        PianoRoll().write(tokens, tmp_path / "a.png")
        centres.append(np.argwhere(blue(read_png(tmp_path / "a.png"))).mean(axis=0))
    low, high, late = centres
    assert low[0] - high[0] == pytest.approx(12 * 8)
    assert late[1] - low[1] == pytest.approx(16 * 14)
    assert late[0] == low[0]


def test_a_silent_roll_has_no_note_and_extreme_pitches_are_drawn(tmp_path: Path) -> None:
    PianoRoll().write(SILENCE, tmp_path / "a.png")
    assert not blue(read_png(tmp_path / "a.png")).any()
    for pitch in (0, 127):
        PianoRoll().write(held(pitch), tmp_path / "b.png")
        assert blue(read_png(tmp_path / "b.png")).sum() > 400


@pytest.mark.parametrize("count", [1, 5, 64, 70])
def test_a_sheet_shows_up_to_64_rolls(count: int, tmp_path: Path) -> None:
    outputs = np.repeat(TUNE[None], count, axis=0)
    path = PianoRoll().write_sheet(outputs, tmp_path)
    assert path is not None and path.parent == tmp_path
    one = PianoRoll().write_sheet(outputs[:1], tmp_path)
    assert one == path
    single = blue(read_png(one)).sum()
    PianoRoll().write_sheet(outputs, tmp_path)
    assert blue(read_png(path)).sum() == single * min(count, 64)


def test_a_sheet_of_silence_is_drawn_and_of_nothing_is_not(tmp_path: Path) -> None:
    path = PianoRoll().write_sheet(SILENCE[None], tmp_path)
    assert path is not None and not blue(read_png(path)).any()
    assert PianoRoll().write_sheet(np.zeros((0, 32), dtype=np.int64), tmp_path) is None


@pytest.mark.parametrize("tempo", [20, 60, 120, 300])
def test_sound_lasts_as_long_as_the_steps_and_peaks_at_minus_3_decibels(tempo: float, tmp_path: Path) -> None:
    samples = hear(TUNE, tmp_path, tempo=tempo)
    assert len(samples) == pytest.approx(8 * 60 / tempo * 22_050, abs=1)
    assert 20 * np.log10(np.abs(samples).max()) == pytest.approx(-3, abs=0.01)


def test_a_silent_melody_is_silent_sound(tmp_path: Path) -> None:
    samples = hear(SILENCE, tmp_path)
    assert len(samples) == 88_200
    assert not samples.any()


@pytest.mark.parametrize("pitch", [40, 60, 69, 84, 100])
def test_a_note_sounds_at_its_pitch(pitch: int, tmp_path: Path) -> None:
    samples = hear(held(pitch), tmp_path)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    frequency = spectrum.argmax() * 22_050 / len(samples)
    assert 12 * np.log2(frequency / 440) + 69 == pytest.approx(pitch, abs=0.1)


@pytest.mark.parametrize("pitch", [36, 60, 76, 96])
def test_notes_start_and_end_without_clicks(pitch: int, tmp_path: Path) -> None:
    """A click is a jump that the tone itself does not have: many notes jump no more than one held note."""
    steady = np.abs(np.diff(hear(held(pitch), tmp_path))).max()
    repeated = hear(np.full(32, pitch), tmp_path)
    detached = hear(np.array([pitch, OFF] * 16), tmp_path)
    for samples in (repeated, detached):
        assert np.abs(np.diff(samples)).max() <= 1.05 * steady
        for step in range(33):  # within 0.5 ms of each start the sound is far from its peak
            at = round(step * 22_050 / 8)
            assert np.abs(samples[max(0, at - 11) : at + 11]).max() < 0.02


def test_every_note_sounds_even_at_the_ends_of_the_range(tmp_path: Path) -> None:
    samples = hear(EXTREMES, tmp_path)
    for start, end, _ in tokens_to_notes(EXTREMES):
        assert np.abs(samples[round(start * 22_050 / 8) : round(end * 22_050 / 8)]).max() > 0.1
    assert not samples[round(7 * 22_050 / 8) : round(8 * 22_050 / 8)].any()
