"""How far a critic's probabilities can be trusted, on samples it was not fitted on."""

from __future__ import annotations

import numpy as np

__all__ = ["auc", "calibration", "calibration_error"]


def auc(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """Return the area under the ROC curve of scores `(N,)` for labels `(N,)` bool; None if one class is missing."""
    hits, misses = int(positive.sum()), int((~positive).sum())
    if not hits or not misses:
        return None
    order = np.argsort(scores, kind="stable")
    _, inverse, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks = np.empty(len(scores))
    ranks[order] = ((last - counts + 1 + last) / 2)[inverse]  # ties share their mean rank
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * misses))


def calibration(p: np.ndarray, met: np.ndarray, *, bins: int = 10) -> dict[str, float | None]:
    """Compare a critic's probabilities of a want with measured outcomes.

    Args:
        p: Probabilities `(N,)` that it gives held-out latents.
        met: Whether the want was met, `(N,)` bool.
        bins: Groups of equal size, by probability.

    Returns:
        `rate` of the want, mean predicted `probability`, expected calibration error `ece`, `brier` score, `auc`.
    """
    area = auc(p, met)
    return {
        "rate": round(float(met.mean()), 5),
        "probability": round(float(p.mean()), 5),
        "ece": round(calibration_error(p, met, bins=bins), 5),
        "brier": round(float(np.mean((p - met) ** 2)), 5),
        "auc": None if area is None else round(area, 4),
    }


def calibration_error(p: np.ndarray, met: np.ndarray, *, bins: int = 10) -> float:
    """Return the expected calibration error: how far probabilities are from how often they come true, on average.

    Args:
        p: Probabilities `(N,)`.
        met: Whether each came true, `(N,)` bool.
        bins: Groups of equal size, by probability.
    """
    groups = np.array_split(np.argsort(p, kind="stable"), bins)
    return float(sum(len(group) * abs(p[group].mean() - met[group].mean()) for group in groups if len(group)) / len(p))
