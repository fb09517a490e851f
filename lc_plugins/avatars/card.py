"""The model card that `lc train avatars.64` writes."""

from __future__ import annotations

from typing import Any

from lc_plugins.vae.card import filled
from lc_plugins.vae.evaluate import REFINING

__all__ = ["model_card"]


def model_card(figures: dict[str, Any]) -> str:
    """Return the card of a VAE as Markdown, with front matter as model hubs read it.

    Args:
        figures: What `lc_plugins.avatars.export.finish` writes to `figures.json`.
    """
    images, again = (figures["judge"][name]["summary"]["macro-F1"] for name in ("images", "reconstructions"))
    more = {"lost": 100 * (images - again), "two_sample": figures["two-sample AUC"], "refining": REFINING}
    return filled("avatars/card.md", **figures, **more)
