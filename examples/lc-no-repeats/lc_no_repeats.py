import numpy as np
from lc_core import hookimpl, measurement


@measurement(accepts="melody.tokens/1", unit="share", range=(0, 1), undefined="fewer than two notes", at_least=1.0)
def no_repeats(tokens: np.ndarray) -> np.ndarray:
    """Return the share of neighbouring notes that differ in pitch, `(B,)`; tokens below 128 are notes."""
    notes = np.take_along_axis(tokens, np.argsort(tokens >= 128, axis=1, kind="stable"), axis=1)  # notes come first
    pairs, differ = notes[:, 1:] < 128, notes[:, 1:] != notes[:, :-1]
    return (pairs & differ).sum(axis=1) / np.where(pairs.any(axis=1), pairs.sum(axis=1), np.nan)


@hookimpl
def lc_register_constraints(register):
    register("norepeats.no_repeats", no_repeats)
