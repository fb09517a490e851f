"""The end of a training of a VAE: the realism critic, and the files that `VAEModel` loads.

Weights are stored as float16. The realism critic is fitted on what the rounded network encodes, and figures are
measured on the model as it is loaded from its files.
"""

from __future__ import annotations

import copy
import json
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core import LCError, Posterior, as_latent_model
from lc_plugins.vae.files import halves, write_folder
from lc_plugins.vae.loss import as_float

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lc_plugins.vae.model import VAEModel

__all__ = ["REALISM_BATCH", "Written", "is_finished", "picture_batches", "write_model"]

BLOCK = 256
REALISM_BATCH = 1_024


@dataclass(frozen=True)
class Written:
    """What `write_model` made.

    Attributes:
        net: The network with rounded weights, frozen.
        encodings: Of the training data, `(N, D)` each.
        name: Of the model.
        weights_sha256: Hash of the weights' file.
        realism_seconds: How long the fit of the realism critic took.
    """

    net: Any
    encodings: Posterior
    name: str
    weights_sha256: str
    realism_seconds: float

    def figures(self, training: dict[str, Any], command: str, **more: Any) -> dict[str, Any]:
        """Return what `figures.json` begins with: settings of the training, the commands, and where that was."""
        import torch

        found = {"model": self.name, "network": self.net.settings, "weights_sha256": self.weights_sha256}
        found |= {"command": command, "training": training, "realism_seconds": self.realism_seconds, **more}
        return found | {"threads": torch.get_num_threads(), "processor": platform.machine()}


def write_model(
    folder: Path,
    average: Any,
    batches: Iterable[Tensor],
    *,
    kind: str,
    name: str,
    training: dict[str, Any],
    progress: Callable[[str], None] = lambda _: None,
) -> Written:
    """Fit the realism critic and write `config.json` and `weights.safetensors`.

    Args:
        folder: Where to.
        average: The trained network, as `VAEModel.network` builds it.
        batches: What it was trained on, as it encodes it.
        kind: The kind of model, as `VAEModel.kind`.
        name: Name of the model in reports.
        training: Settings to stand in `config.json`, no seconds: the same training gives the same files. `seed`,
            `realism_steps` and, if it is there, `realism_batch` are those of the realism critic.
        progress: Called with a line of text now and then.
    """
    import torch

    from lc_core.fitting import fit_realism

    net = copy.deepcopy(average).requires_grad_(False).eval()
    net.load_state_dict({key: value.half().float() for key, value in net.state_dict().items()})
    progress("encoding the training data")
    means, stds = _encoded(net, batches)
    net.cpu()

    def draw_posterior(count: int, generator: torch.Generator) -> Tensor:
        rows = torch.randint(len(means), (count,), generator=generator)
        return means[rows] + stds[rows] * torch.randn((count, means.shape[1]), generator=generator)

    began = time.monotonic()
    critic = fit_realism(
        as_latent_model(SimpleNamespace(decode=net.decode, latent_shape=net.latent_dim)),
        draw_posterior,
        steps=training["realism_steps"],
        batch=training.get("realism_batch", REALISM_BATCH),
        seed=training["seed"],
        progress=progress,
    )
    seconds = time.monotonic() - began
    tensors = halves(net, "vae.") | halves(critic, "realism.") | {"sigma_bar": stds.mean(0)}
    config = {"kind": kind, "name": name, "network": net.settings, "realism": critic.settings, "training": training}
    return Written(net, Posterior(means, stds), name, write_folder(folder, tensors, config), seconds)


def picture_batches(pictures: np.ndarray) -> Iterable[Tensor]:
    """Return pictures, as `as_float` takes them, in blocks."""
    return (as_float(np.asarray(pictures[first : first + BLOCK])) for first in range(0, len(pictures), BLOCK))


def is_finished(folder: Path, training: dict[str, Any], load: type[VAEModel], files: Sequence[str]) -> bool:
    """Return whether a folder holds a model, the figures of a training of these settings, its card and other files."""
    try:
        figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
        load(folder)
    except (OSError, ValueError, LCError):
        return False
    return figures.get("training") == training and all((folder / name).exists() for name in ("MODEL_CARD.md", *files))


def _encoded(net: Any, batches: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the posterior's means and standard deviations, `(N, D)` each."""
    import torch

    device = next(net.parameters()).device
    with torch.no_grad():
        means, stds = zip(*(net.encode(x.to(device)) for x in batches), strict=True)
        return torch.cat(means).cpu(), torch.cat(stds).cpu()
