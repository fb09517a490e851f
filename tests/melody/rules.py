"""Settings of the rules that need some, and lengths of melodies that they measure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SCALE_FILE = Path(__file__).with_name("scale.mid")
"""Two bars of quarter notes, C major from C4 up."""

PARAMS: dict[str, dict[str, Any]] = {
    "chord_fit": {"chords": ["Dm7", "G7"]},
    "form": {"letters": "AB"},
    "rhythm": {"pattern": "x..x..x."},
    "same_pitches": {"file": SCALE_FILE},
    "same_rhythm": {"file": SCALE_FILE},
}

LENGTHS = {
    "novelty": [32],
    "form": [16, 32, 40, 64],
    "call_and_response": [16, 32, 40, 64],
    "cadence": [16, 32, 40, 64],
    "same_pitches": [32, 40, 64],
    "same_rhythm": [32, 40, 64],
}
EVERY_LENGTH = [1, 7, 16, 32, 40, 64]


def lengths_of(name: str) -> list[int]:
    return LENGTHS.get(name, EVERY_LENGTH)
