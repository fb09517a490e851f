"""Compare our ABC reader with music21's on a sample of the corpus and say what each difference comes from.

Run it from the root of the project, with `music21` installed:

    python -m benchmarks.abc_against_music21 --tunes 200

Both readers give, for each tune, the sounding notes as (start, MIDI pitch, length) in whole notes, in written order
(no repeat played), tied notes joined, the highest note of a chord, no grace notes, and the length of the whole tune.
Two readings are identical when all of that agrees exactly. A second pair of tables compares the same tunes as they are
played: our repeats and endings with those that music21's `expandRepeats` writes out.

A cause is not guessed. Each known defect of music21 comes with a rewriting of the ABC text that changes neither pitch
nor length under the ABC standard 2.1, and only takes away what music21 stumbles over. A difference counts as explained
when music21 reads the rewritten text as we read the original, and we read both alike; its causes are the rewritings
that cannot be left out.
"""

from __future__ import annotations

import argparse
import random
import re
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from lc_plugins.melody.abc import TOKEN, parse_tunes
from lc_plugins.melody.abc_bars import Bar, ending_numbers, parts_of
from lc_plugins.melody.corpus import FOLDERS, corpus_folder
from lc_plugins.melody.repeats import played

Reading = tuple[list[tuple[Fraction, int, Fraction]], Fraction]


@dataclass(frozen=True)
class Cause:
    """A defect of music21's reader, and a rewriting of a tune's body that takes it out of the way."""

    name: str
    rewrite: Callable[[str], str]


def _split(body: str) -> list[str]:
    """Return the parts of a body: those with even numbers are music, the others texts, decorations and fields."""
    return re.split(r'("[^"]*"|![^!\n|]*!|\[[A-Za-z]:[^\]]*\]|^[A-Za-z]:(?![|:])[^\n]*)', body, flags=re.MULTILINE)


def _outside_text(pattern: str, by: str) -> Callable[[str], str]:
    """Return a rewriting that replaces `pattern` outside annotations, decorations and fields."""

    def rewrite(body: str) -> str:
        return "".join(part if index % 2 else re.sub(pattern, by, part) for index, part in enumerate(_split(body)))

    return rewrite


def _without_accents(body: str) -> str:
    return re.sub(r'"([^"]*)"', lambda text: "" if text[1].startswith(">") else text[0], body)


CAUSES: tuple[Cause, ...] = (
    Cause("accidentals are not held to the end of the bar in a file without a version line", lambda body: body),
    Cause("a note or rest under the fermata sign H is dropped", _outside_text("H", "")),
    Cause('a note under an accent written as the text ">" is dropped', _without_accents),
    Cause(
        "broken rhythm is ignored where a slur, dot, hyphen or bowing sign stands beside the > or <",
        _outside_text(r"\((?!\d)|[).~uvTk]|(?<=[<>])-", ""),
    ),
    Cause("grace notes inside a tuplet are counted as its notes", _outside_text(r"\{[^}]*\}", "")),
    Cause("a note directly before :: or :| is taken for a field such as A:", _outside_text(r"(?<=[A-Za-z]):", " :")),
    Cause("the invisible rest x is dropped", _outside_text("x", "z")),
)
UNEXPLAINED = "not explained"


class _Starts:
    """Writes the sign `|:` before every section that is repeated without one.

    It reads nothing but the text, and knows nothing of the bars that `repeats.py` plays.
    """

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.open_at, self.opened = 0, False  # where the section begins, and whether a sign says so
        self.notes = self.empty = False  # since the last sign; nothing since the section began
        self.ending, self.bars, self.first = 0, 0, 0  # its number, its bars, and the bars of the first one

    def begin(self, *, opened: bool) -> None:
        self.open_at, self.opened, self.empty = len(self.parts), opened, True
        self.ending = self.bars = self.first = 0

    def sign(self, text: str) -> None:
        match = re.search(r"[1-9].*", text)
        numbers = ending_numbers(match[0]) if match else ()
        before, line, after = parts_of((text[: match.start()] if match else text).split("[")[0] if match else text)
        self.bars += self.notes and self.ending > 0
        if before and not self.opened:
            self.parts.insert(self.open_at, " |: ")
            self.opened = True
        self.parts.append(text)
        if numbers:
            self.first = self.first or self.bars
            self.ending, self.bars = numbers[0], 0
        elif before or after:
            self.begin(opened=after > 0)
        elif self.ending > 1 and (len(line) > 1 or self.bars >= self.first):
            self.begin(opened=False)
        elif not self.opened and (self.empty or len(line) > 1 and not self.ending):
            self.begin(opened=False)
        self.notes = False

    def write(self, body: str) -> str:
        self.begin(opened=False)
        for index, part in enumerate(_split(body)):
            if index % 2:
                self.parts.append(part)
                continue
            for match in TOKEN.finditer(part):
                if match["bar"] or match["ending"]:
                    self.sign(match[0])
                    continue
                if match["note"] or match["rest"] or match["chord"]:
                    # After fields and texts, which would part the sign from its notes.
                    self.open_at = len(self.parts) if self.empty else self.open_at
                    self.notes, self.empty = True, False
                self.parts.append(match[0])
        return "".join(self.parts)


def _without_open_end(body: str) -> str:
    """Take away the sign of a repeat that does not end, the last one of a tune."""
    open_end = r"(::|\|:)(?!.*(?::\||::))"
    return re.sub(open_end, lambda sign: ":|" if sign[0] == "::" else "|", body, flags=re.DOTALL)


OF_REPEATS: tuple[Cause, ...] = (
    Cause("the invisible bar line [|] ends a bar", _outside_text(r"\[\|\]", "")),
    Cause("a sign :|: is not the end of one repeat and the start of another", _outside_text(r":\|:", "::")),
    Cause("a tune with a repeat that does not end is refused", _without_open_end),
    Cause("a repeat without |: goes back to the start of the tune", lambda body: _Starts().write(body)),
)
"""What music21 does otherwise only when it plays repeats."""


@dataclass
class Comparison:
    """What came out: `causes` counts tunes (one tune may have several), `examples` names one tune for each."""

    compared: Counter[str] = field(default_factory=Counter)
    identical: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)


def rewritten(text: str, causes: tuple[Cause, ...]) -> str:
    """Return the tune's text with the rewritings of `causes` applied to its body."""
    start = re.search(r"^K:.*$", text, re.MULTILINE)
    assert start is not None
    head, body = text[: start.end()], text[start.end() :]
    for cause in causes:
        body = cause.rewrite(body)
    version = "%abc-2.1\n" if CAUSES[0] in causes else ""
    return version + head + body


def our_reading(text: str, *, play: bool = False) -> Reading:
    """Return the notes of a tune that we read, ties joined, and its length."""
    (tune,) = parse_tunes(text)[:1]
    bars: list[Bar] = [one.bar for one in played(tune.bars)] if play else tune.bars
    notes: list[tuple[Fraction, int, Fraction]] = []
    position = Fraction(0)
    held: int | None = None
    for bar in bars:
        for note in bar.notes:
            if note.pitch is not None:
                _append(notes, position, note.pitch, note.length, joined=held == note.pitch)
            held = note.pitch if note.tied else None
            position += note.length
    return notes, position


def music21_reading(text: str, *, play: bool = False) -> Reading:
    """Return the same of the first part that music21 reads from a tune's text."""
    from music21 import converter, harmony, stream

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part: Any = converter.parse(text, format="abc").recurse().getElementsByClass(stream.Part)[0]
        if play and part.getElementsByClass(stream.Measure):
            part = part.expandRepeats()
    notes: list[tuple[Fraction, int, Fraction]] = []
    position = end = Fraction(0)
    held: int | None = None
    for element in part.flatten().notesAndRests:
        if element.duration.isGrace or isinstance(element, harmony.Harmony):
            continue
        length = Fraction(element.duration.quarterLength) / 4
        start = position if play else Fraction(element.offset) / 4
        position += length
        end = max(end, start + length)
        if element.isRest:
            held = None
            continue
        pitch = max(pitch.midi for pitch in element.pitches)
        _append(notes, start, pitch, length, joined=held == pitch)
        held = pitch if element.tie is not None and element.tie.type in ("start", "continue") else None
    return notes, end


def _append(
    notes: list[tuple[Fraction, int, Fraction]], start: Fraction, pitch: int, length: Fraction, *, joined: bool
) -> None:
    if joined:
        first, _, before = notes.pop()
        start, length = first, before + length
    notes.append((start, pitch, length))


def explain(text: str, *, play: bool = False) -> tuple[Cause, ...] | None:
    """Return the causes, none of them idle, that explain how music21 reads a tune; empty if it reads it as we do."""
    ours = our_reading(text, play=play)
    every = CAUSES + (OF_REPEATS if play else ())

    def agree(causes: tuple[Cause, ...]) -> bool:
        changed = rewritten(text, causes)
        if our_reading(changed, play=play) != ours:
            return False
        try:
            return music21_reading(changed, play=play) == ours
        except Exception:  # music21 raises many kinds on what it cannot read
            return False

    alone = [(), *((cause,) for cause in every), every]
    kept = next((causes for causes in alone if agree(causes)), None)
    for cause in every if kept == every else ():
        without = tuple(other for other in kept or () if other is not cause)
        if agree(without):
            kept = without
    return kept


def corpus_tunes(folder: str) -> Iterator[tuple[str, str]]:
    """Yield a label and the text of each tune of a folder that our reader does not refuse."""
    for path in sorted((corpus_folder() / folder).rglob("*.abc")):
        text = path.read_bytes().decode("utf-8", errors="replace")
        for piece in re.split(r"^(?=X:)", text, flags=re.MULTILINE)[1:]:
            tune = parse_tunes(piece)[0]
            if not tune.error:
                yield f"{folder}/{path.name} X:{tune.number} {tune.title}", piece


def sample_tunes(count: int, *, seed: int = 0) -> list[tuple[str, str]]:
    """Draw `count` tunes, as many from each folder (all of a folder that has fewer)."""
    generator = random.Random(seed)
    drawn = []
    for index, folder in enumerate(FOLDERS):
        tunes = list(corpus_tunes(folder))
        share = (count + index) // len(FOLDERS)
        drawn += generator.sample(tunes, min(share, len(tunes)))
    return drawn


def compare(tunes: list[tuple[str, str]], *, play: bool = False) -> Comparison:
    """Compare both readers on tunes given as (label, text), as they are written or as they are played."""
    result = Comparison()
    for label, text in tunes:
        folder = label.split("/")[0]
        result.compared[folder] += 1
        causes = explain(text, play=play)
        if causes == ():
            result.identical[folder] += 1
        for name in [UNEXPLAINED] if causes is None else [cause.name for cause in causes]:
            result.causes[name] += 1
            result.examples.setdefault(name, label)
    return result


def print_table(result: Comparison, causes: tuple[Cause, ...]) -> None:
    """Print the comparison as two Markdown tables."""
    print("| folder | tunes compared | identical |\n|---|---|---|")
    for folder in result.compared:
        print(f"| {folder} | {result.compared[folder]} | {result.identical[folder]} |")
    print(f"| all | {result.compared.total()} | {result.identical.total()} |")
    print("\n| what music21 does differently | tunes | example |\n|---|---|---|")
    for name in [*(cause.name for cause in causes), UNEXPLAINED]:
        print(f"| {name} | {result.causes[name]} | {result.examples.get(name, '')} |")


def main() -> None:
    """Run the comparison from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tunes", type=int, default=200, help="how many tunes to compare (default 200)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (default 0)")
    arguments = parser.parse_args()
    began = time.perf_counter()
    tunes = sample_tunes(arguments.tunes, seed=arguments.seed)
    print_table(compare(tunes), CAUSES)
    print("\nAs they are played:\n")
    print_table(compare(tunes, play=True), CAUSES + OF_REPEATS)
    print(f"\nseed {arguments.seed}, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
