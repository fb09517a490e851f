"""Count what the training corpus holds, what is left out and why, and how clean its split is.

Run it from the root of the project, with `music21` installed:

    python -m benchmarks.corpus_counts
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from lc_plugins.melody.corpus import FOLDERS, Corpus, corpus_folder, read_corpus
from lc_plugins.melody.novelty import melody_hash


def repeated_in_training(corpus: Corpus) -> int:
    """Count the held-out windows that sound like some training window, perhaps transposed."""
    hashes = melody_hash(corpus.windows)
    return int(np.isin(hashes[corpus.is_test], hashes[~corpus.is_test]).sum())


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


def main() -> None:
    """Print the tables of docs/data.md."""
    corpus = read_corpus()
    print("| folder | tunes used | windows | 4/4 training | 4/4 held out | 2/4 training | 2/4 held out |")
    print("|---|---|---|---|---|---|---|")
    for name in FOLDERS:
        print(_row(name, read_folder(name)))
    print(_row("all, each window once", corpus))
    print("\n| left out | count |\n|---|---|")
    for reason, count in corpus.skipped.most_common():
        print(f"| {reason} | {count:,} |")
    held_out = int(corpus.is_test.sum())
    repeated = repeated_in_training(corpus)
    share = repeated / held_out
    print(f"\n{repeated:,} of {held_out:,} held-out windows ({share:.1%}) are a training window transposed")


if __name__ == "__main__":
    main()
