"""Compare our ABC reader with music21's on a sample of the corpus and say what each difference comes from.

Run it from the root of the project, with `music21` installed:

    python -m benchmarks.abc_against_music21 --tunes 200

Both readers give, for each tune, the sounding notes as (start, MIDI pitch, length) in whole notes, in written order
(no repeat played), tied notes joined, the highest note of a chord, no grace notes, and the length of the whole tune.
Two readings are identical when all of that agrees exactly.

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

from lc_plugins.melody.abc import Tune, parse_tunes
from lc_plugins.melody.corpus import FOLDERS, corpus_folder

Reading = tuple[list[tuple[Fraction, int, Fraction]], Fraction]


@dataclass(frozen=True)
class Cause:
    """A defect of music21's reader, and a rewriting of a tune's body that takes it out of the way."""

    name: str
    rewrite: Callable[[str], str]


def _outside_text(pattern: str, by: str) -> Callable[[str], str]:
    """Return a rewriting that replaces `pattern` outside annotations, decorations and fields."""

    def rewrite(body: str) -> str:
        parts = re.split(r'("[^"]*"|![^!\n|]*!|\[[A-Za-z]:[^\]]*\]|^[A-Za-z]:(?![|:])[^\n]*)', body, flags=re.MULTILINE)
        return "".join(part if index % 2 else re.sub(pattern, by, part) for index, part in enumerate(parts))

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


def our_reading(tune: Tune) -> Reading:
    """Return the notes of a tune that we read, ties joined, and its length."""
    notes: list[tuple[Fraction, int, Fraction]] = []
    position = Fraction(0)
    held: int | None = None
    for bar in tune.bars:
        for note in bar.notes:
            if note.pitch is not None:
                _append(notes, position, note.pitch, note.length, joined=held == note.pitch)
            held = note.pitch if note.tied else None
            position += note.length
    return notes, position


def music21_reading(text: str) -> Reading:
    """Return the same of the first part that music21 reads from a tune's text."""
    from music21 import converter, harmony, stream

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = converter.parse(text, format="abc").recurse().getElementsByClass(stream.Part)[0]
    notes: list[tuple[Fraction, int, Fraction]] = []
    end = Fraction(0)
    held: int | None = None
    for element in part.flatten().notesAndRests:
        if element.duration.isGrace or isinstance(element, harmony.Harmony):
            continue
        start, length = Fraction(element.offset) / 4, Fraction(element.duration.quarterLength) / 4
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


def explain(text: str) -> tuple[Cause, ...] | None:
    """Return the causes, none of them idle, that explain how music21 reads a tune; empty if it reads it as we do."""
    ours = our_reading(parse_tunes(text)[0])

    def agree(causes: tuple[Cause, ...]) -> bool:
        changed = rewritten(text, causes)
        if our_reading(parse_tunes(changed)[0]) != ours:
            return False
        try:
            return music21_reading(changed) == ours
        except Exception:  # music21 raises many kinds on what it cannot read
            return False

    if agree(()):
        return ()
    if not agree(CAUSES):
        return None
    kept = CAUSES
    for cause in CAUSES:
        without = tuple(other for other in kept if other is not cause)
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


def compare(tunes: list[tuple[str, str]]) -> Comparison:
    """Compare both readers on tunes given as (label, text)."""
    result = Comparison()
    for label, text in tunes:
        folder = label.split("/")[0]
        result.compared[folder] += 1
        causes = explain(text)
        if causes == ():
            result.identical[folder] += 1
        for name in [UNEXPLAINED] if causes is None else [cause.name for cause in causes]:
            result.causes[name] += 1
            result.examples.setdefault(name, label)
    return result


def print_table(result: Comparison) -> None:
    """Print the comparison as two Markdown tables."""
    print("| folder | tunes compared | identical |\n|---|---|---|")
    for folder in result.compared:
        print(f"| {folder} | {result.compared[folder]} | {result.identical[folder]} |")
    print(f"| all | {result.compared.total()} | {result.identical.total()} |")
    print("\n| what music21 does differently | tunes | example |\n|---|---|---|")
    for name in [*(cause.name for cause in CAUSES), UNEXPLAINED]:
        print(f"| {name} | {result.causes[name]} | {result.examples.get(name, '')} |")


def main() -> None:
    """Run the comparison from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tunes", type=int, default=200, help="how many tunes to compare (default 200)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sample (default 0)")
    arguments = parser.parse_args()
    began = time.perf_counter()
    print_table(compare(sample_tunes(arguments.tunes, seed=arguments.seed)))
    print(f"\nseed {arguments.seed}, {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
