"""The end of `lc train avatars.64`: the files of the model and of its flow, its figures, sheets and card."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lc_core.common import Progress
from lc_core.models import decode_outputs
from lc_plugins.avatars.card import model_card
from lc_plugins.avatars.dataset import Avatars
from lc_plugins.avatars.evaluate import evaluate
from lc_plugins.avatars.model import FLOW, AvatarModel
from lc_plugins.images.arrays import from_pixels
from lc_plugins.images.sheet import write_sheet
from lc_plugins.vae.evaluate import sample_latents
from lc_plugins.vae.files import write_card
from lc_plugins.vae.finish import is_finished, picture_batches, write_model

__all__ = ["finish"]

MODEL_NAMES = {0.1: "avatars.64", 1.0: "avatars.64-blurry"}
"""Names of the shipped models, by sigma_x."""
SHEETS = ("reconstructions.png", "prior.png", "refined.png", "posterior.png")
SHOWN = 32  # pictures on a sheet


def finish(
    folder: Path,
    average: Any,
    settings: dict[str, Any],
    progress: Progress = lambda _: None,
    *,
    command: str,
    read: Callable[..., Avatars],
    **effort: int,
) -> None:
    """Fit the realism critic and the flow; write `config.json`, weights, figures, sheets and card into a folder.

    With 0 `flow_steps` there is no flow, and one of an earlier training in the folder is deleted. A folder that holds
    all this for the same settings is left as it is.

    Args:
        folder: Where to.
        average: The trained network.
        settings: Settings of the training, `realism_steps`, `flow_steps`, and `seconds`, how long the training took.
        progress: Called with a line of text now and then.
        command: The command lines that train it again.
        read: Returns the part `train` or `test` of the data set, as `read_avatars` does.
        **effort: Given to `evaluate`: how much work its two-sample classifier does.
    """
    from lc_core.common import write_network
    from lc_core.critics import FLOW as KIND_OF_FLOW
    from lc_core.fitting import fit_flow

    if is_finished(folder, settings, AvatarModel, SHEETS):
        progress(f"{folder} is finished")
        return
    train, test = (read(part, progress=progress) for part in ("train", "test"))
    done = write_model(
        folder,
        average,
        picture_batches(train.pictures),
        kind=AvatarModel.kind,
        name=MODEL_NAMES.get(settings["sigma_x"], "avatars.64"),
        # The flow has a file of its own.
        training={key: value for key, value in settings.items() if key not in ("seconds", "flow_steps")},
        progress=progress,
    )
    began = time.monotonic()
    if settings["flow_steps"]:
        flow = fit_flow(done.encodings, steps=settings["flow_steps"], seed=settings["seed"], progress=progress)
        write_network(folder / FLOW, flow, KIND_OF_FLOW)
    else:
        (folder / FLOW).unlink(missing_ok=True)
    figures = done.figures(settings, command, flow_seconds=time.monotonic() - began)
    model = AvatarModel(folder)
    progress(f"measuring on {len(test.held)} held-out pictures")
    figures |= {"pictures": {"train": len(train.held), "test": len(test.held)}} | evaluate(model, test, **effort)
    _write_sheets(folder, model, from_pixels(np.asarray(test.pictures[:SHOWN])))
    write_card(folder, model_card(figures), figures)
    progress(f"wrote {folder / 'MODEL_CARD.md'}")


def _write_sheets(folder: Path, model: AvatarModel, images: np.ndarray) -> None:
    """Write sheets of held-out pictures above their reconstructions, and of samples from the prior and elsewhere."""
    pairs = images[:16]
    rows = decode_outputs(model, model.encode(pairs).mean)
    order = np.concatenate([pairs[:8], rows[:8], pairs[8:], rows[8:]])
    write_sheet(order, folder / "reconstructions.png", columns=8)
    for name, z in sample_latents(model, model.encode(images), count=len(images)).items():
        write_sheet(decode_outputs(model, z), folder / f"{name}.png", columns=8)
