"""The figures and the model card that `lc train digits.8x8` writes. It only reports, so it may ask the judge."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from lc_core.common import block_generator
from lc_core.critics import auc
from lc_core.models import decode_array
from lc_plugins.digits.data import read_digits
from lc_plugins.digits.judge import judged
from lc_plugins.digits.measurements import VERIFIER
from lc_plugins.digits.model import DigitModel
from lc_plugins.vae import files
from lc_plugins.vae.card import filled
from lc_plugins.vae.evaluate import refined
from lc_plugins.vae.loss import kl_nats

__all__ = ["figures", "model_card", "write_card"]

COUNT = 2_000  # samples of each kind
SURE = 0.9


def write_card(folder: Path, *, command: str, seconds: float, realism_seconds: float) -> None:
    """Measure the model in a folder as it is loaded from its files, and write `figures.json` and `MODEL_CARD.md`.

    Args:
        folder: Holds `config.json` and `weights.safetensors`.
        command: The command lines that train it again.
        seconds: How long the training of the VAE took.
        realism_seconds: How long that of the realism critic took.
    """
    found = figures(DigitModel(folder)) | {"seconds": seconds, "realism_seconds": realism_seconds}
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    files.write_card(folder, model_card(config, found, command), found)


def figures(model: DigitModel) -> dict[str, Any]:
    """Return what a model's reconstructions and samples are like, on held-out pictures, by the judge."""
    import torch

    test = read_digits("test")
    posterior = model.encode(test.pictures)
    rebuilt = decode_array(model, posterior.mean)
    rows = torch.randint(len(test.shown), (COUNT,), generator=block_generator(0, 0, "digits/rows"))
    noise = torch.randn((COUNT, model.dimensions), generator=block_generator(0, 0, "digits/noise"))
    encoded = posterior.mean[rows] + posterior.std[rows] * noise
    prior = model.sample_prior(COUNT, block_generator(0, 0, "digits/prior"))
    with torch.no_grad():
        logits = model.realism()(torch.cat([encoded, prior])).numpy()
    samples = {
        "held-out pictures": _like(test.pictures),
        "posterior samples": _like(decode_array(model, encoded)),
        "prior samples": _like(decode_array(model, prior)),
        "prior, refined by realism": _like(decode_array(model, refined(model, prior))),
    }
    return {
        "pictures": len(test.shown),
        "error": float(np.sqrt(np.mean((rebuilt - test.pictures) ** 2))),
        "accuracy": float((judged(test.pictures).argmax(axis=1) == test.shown).mean()),
        "accuracy rebuilt": float((judged(rebuilt).argmax(axis=1) == test.shown).mean()),
        "KL nats": float(kl_nats(posterior.mean, posterior.std).sum(1).mean()),
        "active dimensions": int((posterior.std.mean(0) < 0.9).sum()),
        "realism AUC": auc(logits, np.arange(2 * COUNT) < COUNT),
        "samples": samples,
    }


def _like(pictures: np.ndarray) -> dict[str, Any]:
    probabilities = judged(pictures)
    counts = np.bincount(probabilities.argmax(axis=1), minlength=10)
    return {
        "judge sure": float((probabilities.max(axis=1) >= SURE).mean()),
        "ink": float(pictures.mean()),
        "digits": (counts / len(pictures)).round(4).tolist(),
    }


def model_card(config: dict[str, Any], found: dict[str, Any], command: str) -> str:
    """Return the model card as Markdown, with front matter as model hubs read it.

    Args:
        config: What `config.json` holds.
        found: What `figures` returns, `seconds` and `realism_seconds`.
        command: The command lines that train the model again.
    """
    verifier = json.loads((VERIFIER / "config.json").read_text(encoding="utf-8"))["held_out"]
    values = {"config": config, "found": found, "command": command, "verifier": verifier, "count": COUNT, "sure": SURE}
    return filled("digits/card.md", **values)
