"""How good a melody model is: reconstruction of held-out windows, and whether its samples are like the data.

Distances compare two sets of melodies by what can be heard: the Jensen-Shannon divergence (base 2, 0 to 1) of
histograms of intervals and of the first note's step, and the Wasserstein-1 distance of onsets, span and mean leap in
their own units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.constraints import Evaluator
from lc_plugins.melody import measurements
from lc_plugins.melody.tokens import moves, onsets
from lc_plugins.vae.evaluate import posterior_and_realism, sample_latents

if TYPE_CHECKING:
    from lc_plugins.melody.model import MelodyModel

__all__ = ["descriptors", "distances", "evaluate", "is_diatonic", "mean_leap", "reconstruction"]

WIDEST = 12
"""Wider intervals count as this many semitones in the histogram."""


def is_diatonic(tokens: np.ndarray) -> np.ndarray:
    """Return which melodies `(B, T)` keep to one major scale of the twelve, `(B,)` bool."""
    fits: np.ndarray = np.any([measurements.in_scale(tokens, tonic=tonic) >= 1 for tonic in range(12)], axis=0)
    return fits


def mean_leap(tokens: np.ndarray) -> np.ndarray:
    """Return the mean interval between neighbouring notes in semitones, `(B,)`; NaN with fewer than two notes."""
    count = onsets(tokens).sum(axis=1) - 1
    leap: np.ndarray = measurements.contour(tokens) / np.where(count > 0, count, np.nan)
    return leap


def descriptors(tokens: np.ndarray) -> dict[str, float]:
    """Return what a set of melodies `(B, T)` is like on average."""
    first = np.argmax(onsets(tokens), axis=1)
    return {
        "diatonic": float(is_diatonic(tokens).mean()),
        "onsets": float(onsets(tokens).sum(axis=1).mean()),
        "span": float(np.nanmean(measurements.span(tokens))),
        "mean leap": float(np.nanmean(mean_leap(tokens))),
        "first note on step 0": float((first == 0).mean()),
        "first note's step": float(first.mean()),
        "repeated bar": float(np.nanmean(measurements.repeated_bar(tokens))),
        "unique": len(np.unique(tokens, axis=0)) / len(tokens),
    }


def distances(tokens: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Return how far a set of melodies is from another, each `(N, T)`; 0 is the same."""
    return {
        "intervals (JS)": _divergence(_intervals(tokens), _intervals(reference)),
        "first note (JS)": _divergence(_first_steps(tokens), _first_steps(reference)),
        "onsets (W1)": _wasserstein(onsets(tokens).sum(axis=1), onsets(reference).sum(axis=1)),
        "span (W1)": _wasserstein(measurements.span(tokens), measurements.span(reference)),
        "mean leap (W1)": _wasserstein(mean_leap(tokens), mean_leap(reference)),
        "repeated bar (difference)": abs(
            float(np.nanmean(measurements.repeated_bar(tokens)) - np.nanmean(measurements.repeated_bar(reference)))
        ),
    }


def _intervals(tokens: np.ndarray) -> np.ndarray:
    semitones, exists = moves(tokens)
    return np.bincount(np.clip(semitones[exists], -WIDEST, WIDEST) + WIDEST, minlength=2 * WIDEST + 1)


def _first_steps(tokens: np.ndarray) -> np.ndarray:
    return np.bincount(np.argmax(onsets(tokens), axis=1), minlength=tokens.shape[1])


def _divergence(counts: np.ndarray, other: np.ndarray) -> float:
    p, q = counts / max(1, counts.sum()), other / max(1, other.sum())
    middle = (p + q) / 2

    def relative(a: np.ndarray) -> float:
        return float(np.sum(a[a > 0] * np.log2(a[a > 0] / middle[a > 0])))

    return (relative(p) + relative(q)) / 2


def _wasserstein(values: np.ndarray, other: np.ndarray) -> float:
    """W1 of two samples: the mean distance of their quantiles; NaN if one has no value that is defined."""
    at = (np.arange(2_000) + 0.5) / 2_000
    a, b = (one[~np.isnan(one)].astype(float) for one in (values, other))
    if not len(a) or not len(b):
        return float("nan")
    return float(np.abs(np.quantile(a, at) - np.quantile(b, at)).mean())


def reconstruction(model: MelodyModel, windows: np.ndarray, meters: np.ndarray) -> dict[str, float]:
    """Return token accuracy and the share of windows that the posterior mean gives back exactly, also per metre."""
    import torch

    with torch.inference_mode():
        decoded = model.decode(model.encode(windows).mean).cpu().numpy()
    exact = (decoded == windows).all(axis=1)
    figures = {"token accuracy": float((decoded == windows).mean()), "exact": float(exact.mean())}
    return figures | {f"exact {meter}": float(exact[meters == meter].mean()) for meter in sorted(set(meters.tolist()))}


def evaluate(model: MelodyModel, windows: np.ndarray, meters: np.ndarray, *, count: int = 10_000) -> dict[str, Any]:
    """Measure a model on held-out windows.

    Args:
        model: The model.
        windows: Held-out windows `(N, T)`.
        meters: The metre of each.
        count: Prior samples.

    Returns:
        `reconstruction`; `posterior` (KL in nats, active dimensions); `realism` (AUC of the realism critic, posterior
        samples of held-out windows against the prior); and `samples`: for held-out windows, posterior samples, prior
        samples and prior samples refined by realism alone, their descriptors and their distances to the windows.
    """
    evaluator, posterior = Evaluator(model, ()), model.encode(windows)
    latents = sample_latents(model, posterior, count=count)
    sets = {
        "held-out windows": windows,
        "posterior samples": evaluator.decode(latents["posterior"]),
        "prior samples": evaluator.decode(latents["prior"]),
        "prior, refined by realism": evaluator.decode(latents["refined"]),
    }
    return {
        "reconstruction": reconstruction(model, windows, meters),
        **posterior_and_realism(model, posterior, latents),
        "samples": {name: descriptors(one) | distances(one, windows) for name, one in sets.items()},
    }
