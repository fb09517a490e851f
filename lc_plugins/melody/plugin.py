"""What the melody domain registers. Targets are text, so that nothing heavy is imported before it is used."""

from __future__ import annotations

from pathlib import Path

from lc_core import hookimpl
from lc_core.plugins import Register

__all__ = [
    "lc_register_constraints",
    "lc_register_models",
    "lc_register_readers",
    "lc_register_recipes",
    "lc_register_renderers",
    "lc_register_spaces",
    "lc_register_views",
]

TOKENS = "melody.tokens/1"
TYPICAL = str(Path(__file__).with_name("typical.json"))
MEASUREMENTS = (
    "in_scale",
    "note_density",
    "span",
    "lowest",
    "highest",
    "contour",
    "arch",
    "rhythm_complexity",
    "starts_on",
    "ends_on",
    "max_leap",
    "stepwise_share",
    "repeated_bar",
    "rest_share",
    "syncopation",
    "pitch_class_entropy",
    "chord_fit",
    "novelty",
    "form",
    "returns",
    "call_and_response",
    "cadence",
    "key",
    "rhythm",
    "off_beat_start",
    "range_of_voice",
    "same_rhythm",
    "same_pitches",
)


@hookimpl
def lc_register_models(register: Register) -> None:
    """Register the shipped models."""
    register("melody.folk-2bar", "lc_plugins.melody.model:load_folk_2bar", output=TOKENS, folder_kind="melody-vae/1")


@hookimpl
def lc_register_constraints(register: Register) -> None:
    """Register the music rules."""
    for name in MEASUREMENTS:
        register(f"melody.{name}", f"lc_plugins.melody.measurements:{name}", typical=TYPICAL)
    register("melody.likeness", "lc_plugins.melody.likeness:likeness", typical=TYPICAL)


@hookimpl
def lc_register_renderers(register: Register) -> None:
    """Register what writes melodies to files."""
    register("melody.midi", "lc_plugins.melody.render:Midi")
    register("melody.piano_roll", "lc_plugins.melody.render:PianoRoll")
    register("melody.audio", "lc_plugins.melody.render:Audio")


@hookimpl
def lc_register_readers(register: Register) -> None:
    """Register what reads a user's files."""
    endings = [".mid", ".midi", ".kar", ".rmi"]
    register("melody.midi_file", "lc_plugins.melody.midi:read_midi", output=TOKENS, suffixes=endings)


@hookimpl
def lc_register_recipes(register: Register) -> None:
    """Register the training of the shipped models."""
    register("melody.folk-2bar", "lc_plugins.melody.train:train")


@hookimpl
def lc_register_views(register: Register) -> None:
    """Register when two melodies count as the same."""
    register("melody.heard", "lc_plugins.melody.views:heard", output=TOKENS)


@hookimpl
def lc_register_spaces(register: Register) -> None:
    """Register what melodies are compared by in `lc eval`."""
    register("melody.profile", "lc_plugins.melody.spaces:profile", output=TOKENS, version=1)
