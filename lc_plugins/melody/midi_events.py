"""MIDI files as bytes, and what is played in them: notes, all-notes-off, time signatures, lengths of tracks.

mido refuses a whole file for one event that it cannot decode, such as a key signature that does not exist. Here events
that say nothing of which note sounds when are passed over unread: keys, texts, controllers, system messages, chunks of
a vendor. Only what is played can make a file damaged.

Source: MIDI Manufacturers Association, "Standard MIDI Files 1.0", RP-001; the RIFF wrapper is RP-029.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lc_core import LCError
from lc_core.common import counted, refuse_special

__all__ = ["Event", "Metre", "MidiSong", "MidiTrack", "read_song"]

HEADER, TRACK = b"MThd", b"MTrk"
DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2}
SYSTEM_BYTES = {0xF1: 1, 0xF2: 2, 0xF3: 1}
"""Data bytes of messages that have no place in a file, but stand in some; others of them have none."""
SILENCE = (120, 123)
"""Controllers that end every note of a channel: all sound off, all notes off."""
LONGEST_NUMBER = 4  # bytes
LARGEST_EXPONENT = 6  # a 64th note


class Event(NamedTuple):
    """What starts or ends a note.

    Attributes:
        tick: When, from the start of the track.
        kind: `on`, `off`, or `silence`, which ends every note of the channel.
        channel: 1 to 16.
        pitch: 0 to 127; 0 for `silence`.
    """

    tick: int
    kind: str
    channel: int
    pitch: int


class Metre(NamedTuple):
    """A time signature in a track: from `tick` on, bars of `numerator` notes of 1 / `denominator`."""

    tick: int
    numerator: int
    denominator: int
    track: int = 0


@dataclass
class MidiTrack:
    """What is played in a track, in the order of the file; `length` is in ticks.

    Changes of instrument are the tick, the channel and the program.
    """

    events: list[Event] = field(default_factory=list)
    instruments: list[tuple[int, int, int]] = field(default_factory=list)
    length: int = 0


@dataclass
class MidiSong:
    """What is played in a file.

    Attributes:
        kind: The format, 0 to 2.
        ticks_per_beat: Ticks of a quarter note.
        tracks: The tracks.
        metres: The time signatures of all tracks, by their ticks.
        odd_metres: Time signatures that mean nothing, as text, such as `0/4`.
        late: Notes that stand behind the end of their track, which no player plays.
    """

    kind: int
    ticks_per_beat: int
    tracks: list[MidiTrack] = field(default_factory=list)
    metres: list[Metre] = field(default_factory=list)
    odd_metres: list[str] = field(default_factory=list)
    late: int = 0


class _Damaged(Exception):
    """What is wrong with the bytes, in plain words."""


class _Bytes:
    """Bytes that are read one after the other, up to the end of a chunk."""

    def __init__(self, content: bytes, *, start: int, end: int) -> None:
        self.content, self.at, self.end = content, start, end

    def take(self, count: int) -> bytes:
        if self.at + count > self.end:
            raise _Damaged(f"the event at byte {self.at} runs over the end of its track")
        taken = self.content[self.at : self.at + count]
        self.at += count
        return taken

    def number(self) -> int:
        """Read a number of variable length, 7 bits a byte."""
        start, value = self.at, 0
        for _ in range(LONGEST_NUMBER):
            byte = self.take(1)[0]
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise _Damaged(f"the number at byte {start} has more than {LONGEST_NUMBER} bytes")


def read_song(path: Path) -> MidiSong:
    """Read what is played in a MIDI file, plain or inside a RIFF file (RMID).

    Raises:
        LCError: If the file is missing, is no MIDI file or is truncated; if it counts time in film frames; or if what
            is played is damaged.
    """
    refuse_special(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise LCError(f"cannot read {path}: {error.strerror or error}") from error
    content = _unwrapped(content)
    if content[:4] != HEADER:
        found = f"begins with {content[:4]!r}" if content else "is empty"
        raise LCError(f"{path} is not a MIDI file: it {found}, expected {HEADER!r}", hint="export it as .mid")
    size = int.from_bytes(content[4:8])
    if len(content) < 14 or len(content) < 8 + size:
        raise LCError(f"{path} is truncated: it ends inside its header", hint="copy or export it again")
    if size < 6:
        raise LCError(f"{path} is damaged: its header has {counted(size, 'byte')}; expected 6", hint="export it again")
    kind, count, division = (int.from_bytes(content[at : at + 2]) for at in (8, 10, 12))
    if division >= 0x8000:
        raise LCError(f"{path} counts time in film frames, not in beats", hint="export it with ticks per beat (PPQ)")
    if not division:
        raise LCError(f"{path} is damaged: it has 0 ticks per beat", hint="export it again")
    song = MidiSong(kind, division)
    try:
        _read_tracks(song, content, 8 + size)
    except _Damaged as error:
        raise LCError(f"{path} is damaged: {error}", hint="export it again") from error
    if len(song.tracks) < count:
        raise LCError(
            f"{path} is truncated: of {counted(count, 'track')}, {len(song.tracks)} can be read whole",
            hint="copy or export it again",
        )
    song.metres.sort(key=lambda one: one.tick)  # stable: as in the file
    return song


def _unwrapped(content: bytes) -> bytes:
    """Return the MIDI file inside a RIFF file of type RMID; other bytes as they are."""
    if content[:4] != b"RIFF" or content[8:12] != b"RMID":
        return content
    at = 12
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8], "little")
        if name == b"data":
            return content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return content


def _read_tracks(song: MidiSong, content: bytes, at: int) -> None:
    """Read every whole track; chunks of other names are passed over."""
    while at + 8 <= len(content):
        name, size = content[at : at + 4], int.from_bytes(content[at + 4 : at + 8])
        start, at = at + 8, at + 8 + size
        if at > len(content):
            return
        if name == TRACK:
            song.tracks.append(_read_track(song, _Bytes(content, start=start, end=at)))


def _read_track(song: MidiSong, data: _Bytes) -> MidiTrack:
    track = MidiTrack()
    status = 0  # of the last message of a channel, which the next may leave out
    while data.at < data.end:
        track.length += data.number()
        first = data.take(1)[0]
        if first == 0xFF:
            kind, text = data.take(1)[0], data.take(data.number())
            if kind == 0x2F:  # the end of the track
                song.late += _notes_left(data)
                break
            if kind == 0x58:
                _add_metre(song, track.length, text)
        elif first in (0xF0, 0xF7):
            data.take(data.number())
        elif first > 0xF0:
            data.take(SYSTEM_BYTES.get(first, 0))
        else:
            if first >= 0x80:
                status = first
            elif not status:
                raise _Damaged(f"byte {data.at - 1} is no event")
            else:
                data.at -= 1
            _add_event(track, status, data.take(DATA_BYTES[status & 0xF0]))
    return track


def _notes_left(data: _Bytes) -> int:
    """Return how many notes begin in the bytes that are left of a track; what is no event there does no harm."""
    rest = MidiSong(0, 1)
    try:
        rest.tracks.append(_read_track(rest, data))
    except _Damaged:
        return rest.late
    return rest.late + sum(one.kind == "on" for one in rest.tracks[0].events)


def _add_event(track: MidiTrack, status: int, values: bytes) -> None:
    kind, channel = status & 0xF0, (status & 0x0F) + 1
    if kind in (0x80, 0x90):
        if values[0] > 127:
            raise _Damaged(f"a note on channel {channel} has the pitch {values[0]}; expected 0 to 127")
        on = kind == 0x90 and values[1] > 0
        track.events.append(Event(track.length, "on" if on else "off", channel, values[0]))
    elif kind == 0xB0 and values[0] in SILENCE:
        track.events.append(Event(track.length, "silence", channel, 0))
    elif kind == 0xC0:
        track.instruments.append((track.length, channel, values[0]))


def _add_metre(song: MidiSong, tick: int, values: bytes) -> None:
    if len(values) < 2:
        song.odd_metres.append("without numbers")
    elif not values[0] or values[1] > LARGEST_EXPONENT:
        song.odd_metres.append(f"{values[0]}/{2 ** min(values[1], 16)}")
    else:
        song.metres.append(Metre(tick, values[0], 2 ** values[1], len(song.tracks)))
