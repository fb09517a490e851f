"""A small reader of the ABC notation, enough for collections of single-voice tunes.

It turns each tune into bars of notes with exact durations. It reads the parts of the ABC standard 2.1
(http://abcnotation.com/wiki/abc:standard:v2.1) that decide pitch and time: keys and modes, unit lengths,
accidentals that hold to the end of the bar (for that letter in every octave, the standard's default), broken
rhythm, tuplets, ties, chords (the highest note is kept), repeats and numbered endings. Grace notes, decorations,
words and annotations are passed over. Bars come in written order; `repeats.py` plays them.
"""

from __future__ import annotations

import re
from fractions import Fraction

from lc_plugins.melody.abc_bars import AbcError, Bar, Note, Tune, ending_numbers, parts_of

__all__ = ["AbcError", "Bar", "Note", "Tune", "parse_tunes"]

LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
SHARP_ORDER = "FCGDAEB"
MODES = {"maj": 0, "ion": 0, "mix": -1, "dor": -2, "min": -3, "m": -3, "aeo": -3, "phr": -4, "loc": -5, "lyd": 1}
MAJOR_SHARPS = {"C": 0, "G": 1, "D": 2, "A": 3, "E": 4, "B": 5, "F": -1}
ACCIDENTALS = {"^^": 2, "^": 1, "=": 0, "_": -1, "__": -2}
TUPLET_TIME = {2: 3, 3: 2, 4: 3, 6: 2, 8: 3}
KEY_WORDS = ("", "exp", "clef", "treble", "bass", "alto", "tenor", "perc", "none", "middle", "octave", "transpose")


def key_signature(text: str) -> dict[str, int]:
    """Return the alteration of each letter under a `K:` field, for example `{"F": 1}` for G major."""
    text = text.split("%")[0].strip()
    if text in ("", "none"):
        return {}
    if text[:2] in ("Hp", "HP"):
        return {"F": 1, "C": 1}
    match = re.match(r"([A-G])([#b]?)\s*([A-Za-z]*)", text)
    if not match:
        raise AbcError("unreadable key")
    tonic, accidental, mode = match.groups()
    name = mode.lower()
    shift = MODES.get(name[:3])
    if shift is None and name not in KEY_WORDS:
        raise AbcError("unreadable key")
    sharps = MAJOR_SHARPS[tonic] + 7 * {"": 0, "#": 1, "b": -1}[accidental] + (shift or 0)
    if name == "exp":  # only what is written out
        sharps = 0
    if sharps >= 0:
        signature = {letter: 1 for letter in SHARP_ORDER[:sharps]}
    else:
        signature = {letter: -1 for letter in SHARP_ORDER[::-1][:-sharps]}
    for sign, letter in re.findall(r"(?<![A-Za-z])(\^\^|\^|=|__|_)([A-Ga-g])", text[match.end() :]):
        signature[letter.upper()] = ACCIDENTALS[sign]
    return signature


def _unit_length(meter: str) -> Fraction:
    """Return the length of an unmarked note when a tune has no `L:` field (ABC 2.1, section 3.1.7)."""
    share = _fraction(meter)
    return Fraction(1, 16) if share and share < Fraction(3, 4) else Fraction(1, 8)


def _fraction(text: str) -> Fraction | None:
    """Read the fraction of an `L:` or `M:` field; None if it is no fraction above zero."""
    match = re.match(r"\s*(\d{1,4})\s*/\s*(\d{1,4})(?!\d)", text)
    return Fraction(int(match[1]), int(match[2])) or None if match and int(match[2]) else None


TOKEN = re.compile(
    r"""
      (?P<text>"[^"]*"|![^!\n|]*!|\+[a-z]+\+)
    | \[(?P<field>[A-Za-z]):(?P<value>[^\]]*)\]
    | (?P<ending>(?:[|:]+\]?\s*\[?|\[)[1-9](?:[,-][1-9])*)
    | (?P<bar>:*\|[|\]:]*:*|::+|\[\|\]?)
    | (?P<grace>\{[^}]*\})
    | \((?P<tuplet>[2-9])(?P<timing>(?::\d*){0,2})
    | (?P<chord>\[(?:"[^"]*"|[^\]|"])*\])(?P<chordlength>\d*/*\d*)
    | (?P<note>(?P<sign>\^\^|\^|=|__|_)?(?P<letter>[A-Ga-g])(?P<octave>[,']*))(?P<length>\d*/*\d*)
    | (?P<rest>[zx])(?P<restlength>\d*/*\d*)
    | (?P<bars>[ZX])(?P<barcount>\d*)
    | (?P<broken>>+|<+)
    | (?P<tie>-)
    | (?P<overlay>&)
    | (?P<skip>.)
    """,
    re.VERBOSE | re.DOTALL,
)
CHORD_NOTE = re.compile(
    r"(?P<sign>\^\^|\^|=|__|_)?(?P<letter>[A-Ga-g])(?P<octave>[,']*)(?P<length>\d*/*\d*)(?P<tie>-?)"
)


def _length(text: str) -> Fraction:
    """Read a length such as `3`, `/`, `3/2` or `//`."""
    match = re.fullmatch(r"(\d{0,4})(?:(/{1,8})(\d{0,4}))?", text)
    if not match:
        raise AbcError("unreadable length")
    head, slashes, tail = match.groups(default="")
    above, below = int(head or 1), int(tail) if tail else 2 ** len(slashes)
    if not above or not below:
        raise AbcError("unreadable length")
    return Fraction(above, below)


class _Reader:
    """Reads the body of one tune, one token after another."""

    def __init__(self, meter: str, unit: Fraction | None, key: str) -> None:
        self.meter = meter
        self.unit = unit or _unit_length(meter)
        self.signature = key_signature(key)
        self.accidentals: dict[str, int] = {}
        self.bars: list[Bar] = []
        self.bar = Bar(meter=meter)
        self.broken = Fraction(1)
        self.tuplet: list[Fraction] = []

    def pitch(self, sign: str | None, letter: str, octave: str) -> int:
        upper = letter.upper()
        if sign:
            self.accidentals[upper] = ACCIDENTALS[sign]
        alteration = self.accidentals.get(upper, self.signature.get(upper, 0))
        height = 60 + LETTERS[upper] + (12 if letter.islower() else 0)
        return height + 12 * (octave.count("'") - octave.count(",")) + alteration

    def add(self, pitch: int | None, length: Fraction, *, tied: bool = False) -> None:
        length = length * self.unit * self.broken
        self.broken = Fraction(1)
        if self.tuplet:
            length *= self.tuplet.pop()
        self.bar.notes.append(Note(pitch, length, tied))

    def break_rhythm(self, mark: str) -> None:
        if not self.bar.notes:
            return
        short = Fraction(1, 2 ** len(mark))
        last = self.bar.notes[-1]
        first, self.broken = (2 - short, short) if mark[0] == ">" else (short, 2 - short)
        self.bar.notes[-1] = Note(last.pitch, last.length * first, last.tied)

    def close(self, line: str = "", *, breaks: bool = False) -> None:
        """End the bar that is open, if it has any notes, with a bar line such as `:|` or `|]`."""
        self.accidentals = {}
        if self.bar.notes:
            self.bars.append(self.bar)
            self.bar = Bar(meter=self.meter)
        self.bar.breaks = self.bar.breaks or breaks
        before, bars, after = parts_of(line)
        self.bar.opens = self.bar.opens or after > 0
        if self.bars:
            last = self.bars[-1]
            last.plays = max(last.plays, before + 1 if before else 0)
            last.double = last.double or len(bars) > 1 and bars != "[|]"  # which is not to be seen

    def start_ending(self, text: str) -> None:
        """Begin a numbered ending, such as `|1`, `:|2` or `[1,3`.

        A first ending follows the bar before it; a later one follows that bar too, not the first ending.
        """
        match = re.search(r"[1-9].*", text)
        assert match is not None
        numbers = ending_numbers(match[0])
        self.close(text[: match.start()].split("[")[0], breaks=numbers[0] != 1)
        self.bar.ending = numbers
        self.bar.opens = self.bar.opens and numbers[0] == 1  # `::2` ends a repeat only

    def field(self, letter: str, value: str) -> None:
        if letter == "K":
            self.signature = key_signature(value)
        elif letter == "L":
            self.unit = _fraction(value) or self.unit
        elif letter == "M":
            self.meter = value.split("%")[0].strip()
            self.bar.meter = self.meter
        elif letter == "V":
            raise AbcError("several voices")

    def read(self, text: str) -> list[Bar]:
        for match in TOKEN.finditer(text):
            if match["note"]:
                self.add(self.pitch(match["sign"], match["letter"], match["octave"]), _length(match["length"]))
            elif match["rest"]:
                self.add(None, _length(match["restlength"]))
            elif match["chord"]:
                self.read_chord(match["chord"][1:-1], match["chordlength"])
            elif match["ending"]:
                self.start_ending(match["ending"])
            elif match["bar"]:
                self.close(match["bar"])
            elif match["bars"]:
                self.close(breaks=True)
                self.bar.rests = True
            elif match["broken"]:
                self.break_rhythm(match["broken"])
            elif match["tuplet"]:
                self.start_tuplet(int(match["tuplet"]), match["timing"])
            elif match["tie"] and self.bar.notes:
                last = self.bar.notes[-1]
                self.bar.notes[-1] = Note(last.pitch, last.length, True)
            elif match["field"]:
                self.field(match["field"], match["value"])
            elif match["overlay"]:
                raise AbcError("several voices")
        self.close()
        return self.bars

    def read_chord(self, inside: str, length: str) -> None:
        notes = [
            (self.pitch(m["sign"], m["letter"], m["octave"]), bool(m["tie"]), _length(m["length"]))
            for m in CHORD_NOTE.finditer(re.sub(r'"[^"]*"', "", inside))
        ]
        if notes:
            pitch, tied, _ = max(notes)
            self.add(pitch, notes[0][2] * _length(length), tied=tied)

    def start_tuplet(self, count: int, timing: str) -> None:
        if len(timing) > 6:
            raise AbcError("unreadable tuplet")
        parts = [int(part) if part else 0 for part in timing.split(":")[1:]]
        compound = bool(re.match(r"(6|9|12)/", self.meter))
        time = (parts[0] if parts else 0) or TUPLET_TIME.get(count, 3 if compound else 2)
        notes = (parts[1] if len(parts) > 1 else 0) or count
        self.tuplet = [Fraction(time, count)] * notes


def _parse_tune(lines: list[str]) -> Tune:
    number = title = key = ""
    meter, unit = "", None
    body: list[str] = []
    in_body = False
    for raw in lines:
        line = re.sub(r"(?<!\\)%.*", "", raw).rstrip()
        if in_body and not raw.strip():
            break  # an empty line ends a tune
        head = re.match(r"([A-Za-z+]):(?![|:])(.*)", line)
        if not head:
            body.append(line if in_body else "")
            continue
        letter, value = head[1], head[2].strip()
        if in_body:
            if letter in "KLMV":
                body.append(f"[{letter}:{value}]")
            continue
        if letter == "X":
            number = value
        elif letter == "T":
            title = title or value
        elif letter == "M":
            meter = value
        elif letter == "L":
            unit = _fraction(value)
        elif letter == "V":
            return Tune(number, title, meter, [], "several voices")
        elif letter == "K":
            key, in_body = value, True
    if not in_body:
        return Tune(number, title, meter, [], "no key")
    text = "\n".join(body).replace("\\\n", " ").replace("`", "")
    try:
        return Tune(number, title, meter, _Reader(meter, unit, key).read(text))
    except AbcError as error:
        return Tune(number, title, meter, [], str(error))


def parse_tunes(text: str) -> list[Tune]:
    """Read every tune of an ABC file. A tune that cannot be read has no bars and says why in `error`.

    Args:
        text: The content of the file.

    Returns:
        The tunes in the order of the file.
    """
    pieces = re.split(r"^(?=X:)", text, flags=re.MULTILINE)
    return [_parse_tune(piece.splitlines()) for piece in pieces if piece.startswith("X:")]
