"""Bytes of MIDI files, event by event, and the notes of a scale in quarters."""

from __future__ import annotations

import struct
from collections.abc import Sequence

BEAT = 480
STEP = BEAT // 4
SCALE = (60, 62, 64, 65, 67, 69, 71, 72)
QUARTERS = [(4 * at, 4 * at + 4, pitch) for at, pitch in enumerate(SCALE)]

Change = tuple[int, bytes]
"""A tick and the bytes of one event."""


def on(tick: int, pitch: int, channel: int = 1) -> Change:
    return tick, bytes([0x8F + channel, pitch, 80])


def off(tick: int, pitch: int, channel: int = 1) -> Change:
    return tick, bytes([0x7F + channel, pitch, 0])


def meta(tick: int, kind: int, text: bytes) -> Change:
    return tick, bytes([0xFF, kind, len(text)]) + text


def metre(tick: int, numerator: int, exponent: int) -> Change:
    return meta(tick, 0x58, bytes([numerator, exponent, 24, 8]))


def tune(pitches: Sequence[int] = SCALE, *, start: int = 0, channel: int = 1, length: int = BEAT) -> list[Change]:
    """Return quarter notes that follow each other."""
    found = []
    for at, pitch in enumerate(pitches):
        begin = start + at * BEAT
        found += [on(begin, pitch, channel), off(begin + length, pitch, channel)]
    return found


FIRST, SECOND = tune(SCALE[:4]), tune(SCALE[4:], start=4 * BEAT)


def number(value: int) -> bytes:
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))


def track(changes: Sequence[Change], *, end: int = 0) -> bytes:
    """Return a track of events in their order, a stable sort by ticks."""
    data, now = b"", 0
    for tick, event in [*sorted(changes, key=lambda one: one[0]), (end, b"\xff\x2f\x00")]:
        data += number(max(0, tick - now)) + event
        now = max(now, tick)
    return b"MTrk" + struct.pack(">L", len(data)) + data


def header(tracks: int = 1, *, kind: int = 1, division: int = BEAT) -> bytes:
    return b"MThd" + struct.pack(">LHHH", 6, kind, tracks, division)


def fast(start: int, pitches: Sequence[int], length: int) -> list[Change]:
    """Return notes of some ticks each that follow each other."""
    pairs = enumerate(pitches)
    return [one for at, p in pairs for one in (on(start + at * length, p), off(start + (at + 1) * length, p))]
