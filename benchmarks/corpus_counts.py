"""Count what the training corpus holds, what is left out and why, and how clean its split is.

Run it from the root of the project, with `music21` installed:

    python -m benchmarks.corpus_counts
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from lc_plugins.melody.abc_bars import Tune
from lc_plugins.melody.corpus import FOLDERS, Corpus, collection_tunes, corpus_folder, read_corpus
from lc_plugins.melody.novelty import melody_hash
from lc_plugins.melody.tunes import METRES, TuneCorpus, cut_tunes

PLAYED = (("4/4", 64), ("4/4", 128), ("4/4", 256), ("6/8", 96), ("3/4", 96), ("9/8", 144))
"""Windows of whole tunes: metre, and length in sixteenths."""


def repeated_in_training(corpus: Corpus) -> int:
    """Count the held-out windows that sound like some training window, perhaps transposed."""
    hashes = melody_hash(corpus.windows)
    return int(np.isin(hashes[corpus.is_test], hashes[~corpus.is_test]).sum())


def half_known(corpus: Corpus, steps: int) -> float:
    """Return the share of held-out windows of which half or more stands in training windows, perhaps transposed.

    Windows are compared by pieces of `steps` sixteenths that follow each other.
    """
    pieces = corpus.windows.reshape(-1, steps)
    hashes = melody_hash(pieces).reshape(len(corpus.windows), -1)
    known = np.isin(hashes[corpus.is_test], hashes[~corpus.is_test]).mean(axis=1)
    return float((known >= 0.5).mean())


def read_folder(name: str) -> Corpus:
    """Read one collection by itself."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / name).symlink_to(corpus_folder() / name, target_is_directory=True)
        return read_corpus(Path(place))


def _row(name: str, corpus: Corpus) -> str:
    by_meter = [
        int(((corpus.meters == meter) & (corpus.is_test == held_out)).sum())
        for meter in ("4/4", "2/4")
        for held_out in (False, True)
    ]
    counts = (corpus.tunes, len(corpus.windows), *by_meter)
    return "| " + " | ".join([name, *(f"{count:,}" for count in counts)]) + " |"


def print_left_out(corpus: Corpus) -> None:
    """Print what was left out, and how clean the split is."""
    print("\n| left out | count |\n|---|---|")
    for reason, count in corpus.skipped.most_common():
        print(f"| {reason} | {count:,} |")
    held_out = int(corpus.is_test.sum())
    repeated = repeated_in_training(corpus)
    share = repeated / held_out
    print(f"\n{repeated:,} of {held_out:,} held-out windows ({share:.1%}) are a training window transposed")


def print_played(tunes: list[Tune]) -> None:
    """Print the tables of whole tunes."""
    found: list[tuple[str, int, TuneCorpus]] = []
    print("\n| metre | steps | tunes used | titles | windows | each once | side by side | training | held out |")
    print("|---|---|---|---|---|---|---|---|---|")
    for metre, steps in PLAYED:
        corpus = cut_tunes(tunes, steps=steps, metre=metre)
        held_out = int(corpus.is_test.sum())
        unique = len(corpus.windows)
        titles = len(np.unique(corpus.tune))
        counts = (corpus.tunes, titles, corpus.all, unique, corpus.side_by_side, unique - held_out, held_out)
        print("| " + " | ".join([metre, str(steps), *(f"{count:,}" for count in counts)]) + " |")
        found.append((metre, steps, corpus))
    for metre, steps, corpus in found:
        if (metre, steps) in (("4/4", 256), ("6/8", 96)):
            print(f"\n{metre}, {steps} steps:\n\n| changed | count |\n|---|---|")
            for what, count in corpus.changed.most_common():
                print(f"| {what} | {count:,} |")
            print(f"\nnotes moved by {float(corpus.farthest):.2g} of a sixteenth at most")
            print(f"{corpus.off_grid:,} windows have a note that was moved or lost")
            print_left_out(corpus)
            two = 2 * max(METRES[metre].values())
            print(f"{half_known(corpus, two):.1%} of them have half or more of their pieces of two bars in training")


def main() -> None:
    """Print the tables of docs/data.md."""
    corpus = read_corpus()
    print("| folder | tunes used | windows | 4/4 training | 4/4 held out | 2/4 training | 2/4 held out |")
    print("|---|---|---|---|---|---|---|")
    for name in FOLDERS:
        print(_row(name, read_folder(name)))
    print(_row("all, each window once", corpus))
    print_left_out(corpus)
    print_played([tune for _, tune in collection_tunes(corpus_folder())])


if __name__ == "__main__":
    main()
