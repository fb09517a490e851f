"""The end of `lc train melody.folk-2bar`: the files of the model and of its discriminator, its figures and its card."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core.common import Progress
from lc_plugins.melody.card import draw_curves, model_card
from lc_plugins.melody.corpus import TRANSPOSE, Corpus
from lc_plugins.melody.evaluate import evaluate
from lc_plugins.melody.model import DISCRIMINATOR_FILE, MelodyModel
from lc_plugins.vae.files import write_card
from lc_plugins.vae.finish import is_finished, write_model

if TYPE_CHECKING:
    from torch import Tensor

    from lc_plugins.melody.network import MelodyVAE

__all__ = ["finish"]

BLOCK = 2048
BAR = 16


def finish(
    folder: Path,
    average: MelodyVAE,
    corpus: Corpus,
    settings: dict[str, Any],
    progress: Progress = lambda _: None,
    *,
    command: str,
    prior_samples: int,
) -> None:
    """Fit the realism critic and the discriminator; write `config.json`, weights, figures, curves and card.

    A folder that holds all this for the same settings is left as it is.

    Args:
        folder: Where to; `curves.json` is there already.
        average: The trained network.
        corpus: What it was trained on.
        settings: Settings of the training, `realism_steps`, `ear_steps`, and `seconds`, how long the training took.
        progress: Called with a line of text now and then.
        command: The command lines that train it again.
        prior_samples: How many are measured.
    """
    from lc_core.common import write_network
    from lc_plugins.melody.discriminator import DISCRIMINATOR, fit_discriminator

    if is_finished(folder, settings, MelodyModel, ["curves.png"]):
        progress(f"{folder} is finished")
        return
    done = write_model(
        folder,
        average,
        _batches(corpus),
        kind=MelodyModel.kind,
        name=f"melody.folk-{average.steps // BAR}bar",
        # The discriminator has a file of its own.
        training={key: value for key, value in settings.items() if key not in ("seconds", "ear_steps")},
        progress=progress,
    )
    means, stds = done.encodings.mean, done.encodings.std
    began = time.monotonic()
    seed, steps = settings["seed"], settings["ear_steps"]
    net, auc = fit_discriminator(done.net, means, stds, seed=seed, steps=steps, progress=progress)
    seconds = time.monotonic() - began
    write_network(folder / DISCRIMINATOR_FILE, net, DISCRIMINATOR)
    model, test = MelodyModel(folder), corpus.is_test
    progress(f"measuring on {int(test.sum())} held-out windows and {prior_samples} prior samples")
    figures = done.figures(settings, command, ear={"seconds": seconds, "held-out AUC": auc})
    figures |= {"corpus": _about(corpus), "prior_samples": prior_samples}
    figures |= evaluate(model, corpus.windows[test], corpus.meters[test], count=prior_samples)
    draw_curves(folder / "curves.json", folder / "curves.png")
    write_card(folder, model_card(figures), figures)
    progress(f"wrote {folder / 'MODEL_CARD.md'}")


def _batches(corpus: Corpus) -> Iterable[Tensor]:
    """Return the training windows in all twelve keys, as classes, in blocks."""
    import torch

    from lc_plugins.melody.network import tokens_to_classes

    windows = torch.from_numpy(corpus.windows[~corpus.is_test])
    moved = [torch.where(windows < 128, windows + shift, windows) for shift in range(*TRANSPOSE)]
    return (tokens_to_classes(part) for part in torch.split(torch.cat(moved), BLOCK))


def _about(corpus: Corpus) -> dict[str, Any]:
    return {
        "tunes": corpus.tunes,
        "windows": len(corpus.windows),
        "held_out": int(corpus.is_test.sum()),
        "skipped": dict(corpus.skipped.most_common()),
    }
