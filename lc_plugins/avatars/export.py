"""The end of `lc train avatars.64`: the realism critic, the files of the model, its figures, sheets and card.

Weights are stored as float16. The realism critic is fitted on what the rounded network encodes, and every figure is
measured on the model as it is loaded from its files.
"""

from __future__ import annotations

import copy
import hashlib
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core import LatentModel, LCError, Posterior
from lc_plugins.avatars.card import model_card
from lc_plugins.avatars.dataset import Avatars, read_avatars
from lc_plugins.avatars.evaluate import decode_all, evaluate, sample_latents
from lc_plugins.avatars.model import FLOW, KIND, AvatarModel
from lc_plugins.avatars.weights import as_json, write_file
from lc_plugins.images.arrays import from_pixels
from lc_plugins.images.sheet import write_sheet

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lc_core.critics import RealismCritic
    from lc_plugins.avatars.network import AvatarVAE

__all__ = ["finish"]

MODEL_NAMES = {0.1: "avatars.64", 1.0: "avatars.64-blurry"}
"""Names of the shipped models, by sigma_x."""
SHEETS = ("reconstructions.png", "prior.png", "refined.png", "posterior.png")
SHOWN = 32  # pictures on a sheet
BLOCK = 256

Progress = Callable[[str], None]


def finish(
    folder: Path,
    average: AvatarVAE,
    settings: dict[str, Any],
    progress: Progress = lambda _: None,
    *,
    command: str,
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
        **effort: Given to `evaluate`: how much work its two-sample classifier does.
    """
    import torch

    from lc_core.common import write_network
    from lc_core.critics import FLOW as KIND_OF_FLOW
    from lc_core.fitting import fit_flow

    if _is_finished(folder, settings):
        progress(f"{folder} is finished")
        return
    train, test = (read_avatars(part, progress=progress) for part in ("train", "test"))
    net = copy.deepcopy(average).requires_grad_(False).eval()
    net.load_state_dict({name: value.half().float() for name, value in net.state_dict().items()})
    progress("encoding the training pictures")
    means, stds = _encode(net, train)
    began = time.monotonic()
    critic = _fit(net, means, stds, settings, progress)
    realism_seconds = time.monotonic() - began
    if settings["flow_steps"]:
        flow = fit_flow(Posterior(means, stds), steps=settings["flow_steps"], seed=settings["seed"], progress=progress)
        write_network(folder / FLOW, flow, KIND_OF_FLOW)
    else:
        (folder / FLOW).unlink(missing_ok=True)
    flow_seconds = time.monotonic() - began - realism_seconds
    weights_sha256 = _write_model(folder, net, critic, stds.mean(0), settings)
    model = AvatarModel(folder)
    progress(f"measuring on {len(test.held)} held-out pictures")
    figures = {
        "model": model.name,
        "network": net.settings,
        "weights_sha256": weights_sha256,
        "command": command,
        "training": settings,
        "realism_seconds": realism_seconds,
        "flow_seconds": flow_seconds,
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "pictures": {"train": len(train.held), "test": len(test.held)},
    } | evaluate(model, test, **effort)
    _write_sheets(folder, model, from_pixels(np.asarray(test.pictures[:SHOWN])))
    write_file(folder / "MODEL_CARD.md", model_card(figures).encode())
    write_file(folder / "figures.json", as_json(figures))  # last: it says that all is there
    progress(f"wrote {folder / 'MODEL_CARD.md'}")


def _is_finished(folder: Path, settings: dict[str, Any]) -> bool:
    try:
        figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
        AvatarModel(folder)
    except (OSError, ValueError, LCError):
        return False
    return figures.get("training") == settings and all((folder / name).exists() for name in ("MODEL_CARD.md", *SHEETS))


def _encode(net: AvatarVAE, train: Avatars) -> tuple[Tensor, Tensor]:
    """Return the posterior's means and standard deviations of the training pictures, `(N, D)` each."""
    import torch

    parts = []
    with torch.no_grad():
        for start in range(0, len(train.held), BLOCK):
            parts.append(net.encode(torch.from_numpy(from_pixels(np.asarray(train.pictures[start : start + BLOCK])))))
    means, stds = zip(*parts, strict=True)
    return torch.cat(means), torch.cat(stds)


class _Latents(LatentModel):
    """The network's prior, before there are files to load."""

    name = "the avatar VAE"
    output_type = "image.rgb/1"

    def __init__(self, net: AvatarVAE) -> None:
        self.net = net
        self.latent_shape = (net.latent_dim,)

    def decode(self, z: Tensor) -> Tensor:
        return self.net.decode(z).clamp(0, 1)


def _fit(net: AvatarVAE, means: Tensor, stds: Tensor, settings: dict[str, Any], progress: Progress) -> RealismCritic:
    import torch

    from lc_core.fitting import fit_realism

    def draw_posterior(count: int, generator: torch.Generator) -> Tensor:
        rows = torch.randint(len(means), (count,), generator=generator)
        return means[rows] + stds[rows] * torch.randn((count, means.shape[1]), generator=generator)

    steps, seed = settings["realism_steps"], settings["seed"]
    return fit_realism(_Latents(net), draw_posterior, steps=steps, seed=seed, progress=progress)


def _write_model(
    folder: Path, net: AvatarVAE, critic: RealismCritic, sigma_bar: Tensor, settings: dict[str, Any]
) -> str:
    """Write the weights and `config.json`; return the hash of the weights."""
    from safetensors.torch import save

    # Contiguous: safetensors refuses the channels-last layout of the training.
    tensors = {f"vae.{name}": value.half().contiguous() for name, value in net.state_dict().items()}
    tensors |= {f"realism.{name}": value.half() for name, value in critic.state_dict().items()}
    tensors["sigma_bar"] = sigma_bar
    data = save(tensors)
    config = {
        "kind": KIND,
        "name": MODEL_NAMES.get(settings["sigma_x"], "avatars.64"),
        "network": net.settings,
        "realism": critic.settings,
        # Not the seconds: the same training gives the same files. The flow has a file of its own.
        "training": {key: value for key, value in settings.items() if key not in ("seconds", "flow_steps")},
        "weights_sha256": hashlib.sha256(data).hexdigest(),
    }
    write_file(folder / "weights.safetensors", data)
    write_file(folder / "config.json", as_json(config))
    return str(config["weights_sha256"])


def _write_sheets(folder: Path, model: AvatarModel, images: np.ndarray) -> None:
    """Write sheets of held-out pictures above their reconstructions, and of samples from the prior and elsewhere."""
    pairs = images[:16]
    rows = decode_all(model, model.encode(pairs).mean)
    order = np.concatenate([pairs[:8], rows[:8], pairs[8:], rows[8:]])
    write_sheet(order, folder / "reconstructions.png", columns=8)
    for name, z in sample_latents(model, images, count=len(images)).items():
        write_sheet(decode_all(model, z), folder / f"{name}.png", columns=8)
