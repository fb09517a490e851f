"""Reads MIDI files from their bytes."""

from __future__ import annotations

import pytest

from lc_plugins.melody.midi import Note, read_midi, tokens_to_notes
from tests.melody.midi_bytes import BEAT, Change, header, track


@pytest.fixture
def read(tmp_path):
    """Write bytes, or tracks of events; return the notes that are read and what was said of them."""

    def run(*tracks: list[Change] | bytes, steps: int = 32, division: int = BEAT) -> tuple[list[Note], str]:
        content = b"".join(one if isinstance(one, bytes) else track(one) for one in tracks)
        if content[:4] not in (b"MThd", b"RIFF"):
            content = header(content.count(b"MTrk"), division=division) + content
        (tmp_path / "a.mid").write_bytes(content)
        said: list[str] = []
        tokens = read_midi(tmp_path / "a.mid", steps=steps, tell=said.append)
        return tokens_to_notes(tokens[0]), "\n".join(said)

    return run
