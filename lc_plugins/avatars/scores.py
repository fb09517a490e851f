"""How well a classifier tells attributes: accuracy, precision, recall and F1 of each, on what can be seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from lc_plugins.avatars.attributes import NAMES, visible

__all__ = ["score_attributes", "summary"]


def score_attributes(probabilities: np.ndarray, held: np.ndarray) -> dict[str, dict[str, float]]:
    """Compare what a classifier says of pictures with what holds.

    Args:
        probabilities: `(B, A)`, of what is seen; from 0.5 on it counts as a yes.
        held: What holds, `(B, A)` bool. Attributes that something hides in a picture do not count there.

    Returns:
        For each attribute `share` of pictures with it, `accuracy`, `precision`, `recall` and `f1`, each from 0 to 1;
        a quotient of nothing is 0.
    """
    said, seen = probabilities >= 0.5, visible(held)
    result = {}
    for column, name in enumerate(NAMES):
        rows = seen[:, column]
        yes, true = said[rows, column], held[rows, column].astype(bool)
        hits = int((yes & true).sum())
        result[name] = {
            "share": _quotient(int(true.sum()), len(true)),
            "accuracy": _quotient(int((yes == true).sum()), len(true)),
            "precision": _quotient(hits, int(yes.sum())),
            "recall": _quotient(hits, int(true.sum())),
            "f1": _quotient(2 * hits, int(yes.sum()) + int(true.sum())),
        }
    return result


def _quotient(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def summary(scores: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Return the mean accuracy over attributes, macro-F1, and F1 weighted by how common each attribute is."""
    f1, share = (np.array([row[key] for row in scores.values()]) for key in ("f1", "share"))
    return {
        "accuracy": float(np.mean([row["accuracy"] for row in scores.values()])),
        "macro-F1": float(f1.mean()),
        "weighted F1": float((f1 * share).sum() / max(share.sum(), 1e-12)),
    }
