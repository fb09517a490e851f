"""Which melodies stand in the training corpus, by hashes: no note of the corpus is stored.

To write the file of hashes again, with the `music21` package installed:
`python -c "from lc_plugins.melody import novelty; novelty.write_corpus_hashes()"`.
"""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path

import numpy as np

from lc_core import LCError
from lc_core.common import read_bytes, write_atomically
from lc_plugins.melody.corpus import read_corpus
from lc_plugins.melody.tokens import HOLD, as_tokens, sounding

__all__ = ["HASHES", "STEPS", "corpus_hashes", "is_known", "melody_hash", "write_corpus_hashes"]

STEPS = 32  # length of the windows in the file
HASHES = Path(__file__).parent / "pretrained" / "corpus_hashes.npy"
HELD, SILENCE = 256, 257  # beside the onsets, which are 128 + interval to the first one, 1 to 255


def melody_hash(tokens: np.ndarray) -> np.ndarray:
    """Return a hash of what a melody sounds like, the same in every transposition.

    Each step is an onset, counted in semitones from the first one, a held note or silence; so two ways to write the
    same sound agree (a note-off in a silence changes nothing). The hash is the sum over t of a[t] x[t] modulo 2^64,
    with x[t] the step's number and fixed odd multipliers a[t]: multilinear hashing, for which two different melodies
    agree with a chance of 2^-55 or less (D. Lemire and O. Kaser, "Strongly universal string hashing is fast", The
    Computer Journal 57(11), 2014).

    Args:
        tokens: Melodies `(B, T)`.

    Returns:
        Hashes `(B,)` uint64.
    """
    tokens = as_tokens(tokens)
    starts = tokens < HOLD
    first = tokens[np.arange(len(tokens)), starts.argmax(axis=1)]
    still = np.where(sounding(tokens) < 0, SILENCE, HELD)
    numbers = np.where(starts, tokens.astype(np.int64) - first[:, None] + HOLD, still)
    hashes: np.ndarray = (numbers.astype(np.uint64) * _multipliers(tokens.shape[1])).sum(axis=1, dtype=np.uint64)
    return hashes


@cache
def _multipliers(steps: int) -> np.ndarray:
    """Return one odd number for each step, `(T,)` uint64; the same on every machine and in every version."""
    digests = b"".join(hashlib.blake2b(b"melody %d" % step, digest_size=8).digest() for step in range(steps))
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64) | np.uint64(1)


def is_known(tokens: np.ndarray, *, hashes: np.ndarray) -> np.ndarray:
    """Return which melodies `(B, T)` have a hash among the sorted `hashes` `(N,)`, `(B,)` bool."""
    wanted = melody_hash(tokens)
    if not len(hashes):
        return np.zeros(len(wanted), dtype=bool)
    at = np.minimum(np.searchsorted(hashes, wanted), len(hashes) - 1)
    known: np.ndarray = hashes[at] == wanted
    return known


@cache
def corpus_hashes(path: Path = HASHES) -> np.ndarray:
    """Return the hashes of the training corpus, `(N,)` uint64, sorted; read once.

    Raises:
        LCError: If the file is missing or not such an array.
    """
    try:
        hashes = np.load(io.BytesIO(read_bytes(path)), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise LCError(f"cannot read the hashes of the training corpus, {path}: {error}", hint=_MEND) from error
    if not isinstance(hashes, np.ndarray) or hashes.dtype != np.uint64 or hashes.ndim != 1:
        raise LCError(f"{path} is not a list of 64-bit hashes", hint=_MEND)
    hashes.flags.writeable = False
    return hashes


_MEND = "install latent-constraints again: the file is part of the package"


def write_corpus_hashes(folder: Path | None = None, *, path: Path = HASHES) -> int:
    """Write the hashes of the windows that the shipped model is trained on; held-out tunes are left out.

    Args:
        folder: A folder that holds the collections; default the one inside the installed `music21`.
        path: The file to write.

    Returns:
        The number of hashes.

    Raises:
        LCError: If there is no corpus.
    """
    corpus = read_corpus(folder, steps=STEPS)
    hashes = np.unique(melody_hash(corpus.windows[~corpus.is_test]))
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.save(buffer, hashes, allow_pickle=False)
    write_atomically(path, buffer.getvalue())
    return len(hashes)
