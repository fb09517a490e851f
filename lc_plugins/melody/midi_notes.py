"""Which notes are played in a MIDI file: note-ons and note-offs brought together."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from lc_core import LCError
from lc_core.common import counted
from lc_plugins.melody.midi_events import Event, MidiSong, MidiTrack

__all__ = ["DRUMS", "Played", "Voice", "played_notes"]

DRUMS = 10
"""The channel that General MIDI gives to drums."""


class Played(NamedTuple):
    """A note as played: ticks and pitch; channels count from 1, tracks from 0.

    One that is not released ends at `end` at the latest: where it is struck again, or with its track.
    """

    start: int
    end: int
    pitch: int
    channel: int
    released: bool = True
    track: int = 0


@dataclass(frozen=True)
class Voice:
    """What is played in a file.

    Attributes:
        notes: The notes in time order, without drums.
        drums: When the drums play, in ticks.
        length: Of the longest track, in ticks.
    """

    notes: list[Played]
    drums: list[int]
    length: int


def played_notes(song: MidiSong, path: Path, *, tell: Callable[[str], None]) -> Voice:
    """Return the notes of a file, and say what is left out or taken for granted.

    Drums (channel 10) and notes without any length are left out. A note that is never released runs to the next note,
    the last one to the end.

    Raises:
        LCError: If the file holds independent sequences, or nothing but what is left out.
    """
    if song.kind == 2 and sum(bool(track.events) for track in song.tracks) > 1:
        raise LCError(
            f"{path} holds independent sequences (format 2); expected format 0 or 1",
            hint="export each as a file of its own",
        )
    if song.kind > 2:
        tell(f"its header says format {song.kind}, which does not exist: it is read as format 1")
    if song.late:
        tell(f"{counted(song.late, 'note')} behind the end of a track {_is(song.late)} left out: not heard")
    length = max((track.length for track in song.tracks), default=0)
    found = sorted(note._replace(track=at) for at, track in enumerate(song.tracks) for note in _of_track(track, length))
    drums = [note.start for note in found if note.channel == DRUMS]
    notes = [note for note in found if note.channel != DRUMS]
    if drums and not notes:
        raise LCError(
            f"{path} has notes on channel {DRUMS} alone, which is the channel of drums",
            hint="put the melody on another channel, 1 to 9 or 11 to 16",
        )
    if drums:
        tell(f"channel {DRUMS}, the drums, is left out: {counted(len(drums), 'note')}")
    notes = _ended(notes, tell)
    heard = [note for note in notes if note.end > note.start]
    if silent := len(notes) - len(heard):
        if not heard:
            raise LCError(
                f"{path}: every note ends at the moment it begins, so nothing is heard",
                hint="give the notes a length, and export it again",
            )
        tell(f"{counted(silent, 'note')} without any length {_is(silent)} left out: not heard")
    heard = _single(heard, tell)
    _tell_merged(song, heard, tell)
    return Voice(heard, drums, length)


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _single(notes: Sequence[Played], tell: Callable[[str], None]) -> list[Played]:
    """Return the notes, those that begin together on one pitch as one, which lasts as long as the longest."""
    longest = {(note.start, note.pitch): note for note in notes}  # in order of their ends
    if doubled := len(notes) - len(longest):
        words = "doubles another in unison and is" if doubled == 1 else "double others in unison and are"
        tell(f"{counted(doubled, 'note')} {words} left out")
    return list(longest.values())


def _tell_merged(song: MidiSong, notes: Sequence[Played], tell: Callable[[str], None]) -> None:
    """Say where notes come from several channels, tracks or instruments."""
    changes = sorted((change for track in song.tracks for change in track.instruments), key=lambda change: change[0])
    played: dict[int, set[int]] = {}
    for note in notes:
        own = [program for tick, channel, program in changes if channel == note.channel and tick <= note.start]
        played.setdefault(note.channel, set()).add(own[-1] if own else 0)
    channels, tracks = sorted(played), {note.track for note in notes}
    found = [f"on channels {', '.join(map(str, channels[:-1]))} and {channels[-1]}"] if len(channels) > 1 else []
    found += [f"in {len(tracks)} tracks"] if len(tracks) > 1 else []
    programs = set().union(*played.values())
    found += [f"for {len(programs)} instruments"] if len(programs) > 1 else []
    if found:
        tell(f"its notes are {', '.join(found)}: all are read as one melody")


def _of_track(track: MidiTrack, length: int) -> Iterable[Played]:
    """Yield the notes of a track; `length` is the file's, for a track that ends with its last note-on."""
    voices: dict[tuple[int, int], list[Event]] = {}
    for event in track.events:
        if event.kind == "silence":
            for key in [key for key in voices if key[0] == event.channel]:
                for note in _paired(voices.pop(key), event.tick):
                    yield note if note.end < event.tick else note._replace(released=True)
        else:
            voices.setdefault((event.channel, event.pitch), []).append(event)
    for events in voices.values():
        yield from _paired(events, track.length if track.length > events[-1].tick else length)


def _paired(events: Sequence[Event], last: int) -> Iterable[Played]:
    """Yield the notes of one pitch on one channel; `last` is where a note ends that is not released.

    Each note-off ends the oldest note that still sounds, so that a note may be struck again before the last one is
    released. Where fewer note-offs follow than notes, a note that is struck again ends there.
    """
    first = 0
    while first < len(events):
        if events[first].kind == "off":  # of nothing
            first += 1
            continue
        open_notes, end = 0, first
        while end < len(events) and (open_notes or end == first):
            open_notes += 1 if events[end].kind == "on" else -1
            end += 1
        yield from _struck_again(events[first:end], last) if open_notes else _in_turn(events[first:end])
        first = end


def _in_turn(events: Sequence[Event]) -> Iterable[Played]:
    """Yield notes that have a note-off each; one that is struck again before its note-off ends there."""
    starts = deque(event.tick for event in events if event.kind == "on")
    pitch, channel = events[0].pitch, events[0].channel
    for event in events:
        if event.kind == "off":
            start = starts.popleft()
            yield Played(start, min(event.tick, starts[0]) if starts else event.tick, pitch, channel)


def _struck_again(events: Sequence[Event], last: int) -> Iterable[Played]:
    """Yield notes of which some have no note-off."""
    pitch, channel = events[0].pitch, events[0].channel
    start: int | None = None
    struck = -1  # when the last note was struck again: a note-off at that moment is of the note before
    for event in events:
        if event.kind == "on":
            if start is not None:
                yield Played(start, event.tick, pitch, channel, released=False)
                struck = event.tick
            start = event.tick
        elif start is not None and event.tick != struck:
            yield Played(start, event.tick, pitch, channel)
            start = None
    if start is not None:
        yield Played(start, max(last, start), pitch, channel, released=False)


def _ended(notes: Sequence[Played], tell: Callable[[str], None]) -> list[Played]:
    """Return the notes, those that were never released ended by the next note of their channel or by the end."""
    unreleased = sum(not note.released for note in notes)
    if unreleased:
        which = "is never released: it runs" if unreleased == 1 else "are never released: each runs"
        tell(f"{counted(unreleased, 'note')} {which} to the next note, or to the end")
    starts: dict[int, list[int]] = {}
    for note in notes:  # in time order
        starts.setdefault(note.channel, []).append(note.start)
    ended = []
    for note in notes:
        if not note.released:
            latest = max(note.end, note.start + 1)
            own = starts[note.channel]
            after = bisect_right(own, note.start)
            note = note._replace(end=min([latest, *own[after : after + 1]]))
        ended.append(note)
    return ended
