"""The model card and the picture of the loss curves that `lc train melody.folk-2bar` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lc_plugins.vae.card import filled

__all__ = ["draw_curves", "model_card"]

SHARES = ("diatonic", "first note on step 0", "repeated bar", "unique")


def draw_curves(curves: Path, picture: Path) -> None:
    """Draw reconstruction and KL against the training step.

    Args:
        curves: A JSON list of [step, reconstruction, KL], both in nats per window.
        picture: The PNG to write.
    """
    from matplotlib.figure import Figure

    points = json.loads(curves.read_text(encoding="utf-8"))
    steps, reconstruction, kl = zip(*points, strict=True)
    figure = Figure(figsize=(8, 4.5), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.plot(steps, reconstruction, label="reconstruction, -log p(x|z)")
    axes.plot(steps, kl, label="KL(q(z|x) || p(z))")
    axes.set(xlabel="step", ylabel="nats per window", yscale="log")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(picture)


def model_card(figures: dict[str, Any]) -> str:
    """Return the model card as Markdown, with front matter as model hubs read it.

    Args:
        figures: What `lc_plugins.melody.export.finish` writes to `figures.json`.
    """
    columns = list(next(iter(figures["samples"].values())))
    distant = [name for name in columns if name.endswith(")")]
    plain = [name for name in columns if name not in distant]
    return filled("melody/card.md", **figures, plain=plain, distant=distant, shares=SHARES)
