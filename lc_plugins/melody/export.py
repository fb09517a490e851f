"""The end of `lc train melody.folk-2bar`: the realism critic, the files of the model, its figures and its card.

Weights are stored as float16. The realism critic is fitted on what the rounded network encodes, and every figure is
measured on the model as it is loaded from its files.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core import LatentModel, LCError
from lc_plugins.melody.card import draw_curves, model_card
from lc_plugins.melody.corpus import TRANSPOSE, Corpus
from lc_plugins.melody.evaluate import evaluate
from lc_plugins.melody.model import EAR_FILE, KIND, MelodyModel

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lc_core.critics import RealismCritic
    from lc_plugins.melody.network import MelodyVAE

__all__ = ["finish"]

BLOCK = 2048
PRIOR_SAMPLES = 10_000
BAR = 16

Progress = Callable[[str], None]


def finish(
    folder: Path,
    average: MelodyVAE,
    corpus: Corpus,
    settings: dict[str, Any],
    progress: Progress = lambda _: None,
    *,
    realism_steps: int = 9_000,
    ear_steps: int = 4_000,
    command: str,
) -> None:
    """Fit the realism critic and the ear; write `config.json`, weights, figures, curves and card into a folder.

    A folder that holds all this for the same settings is left as it is.

    Args:
        folder: Where to; `curves.json` is there already.
        average: The trained network.
        corpus: What it was trained on.
        settings: Settings of the training, and `seconds`, how long it took.
        progress: Called with a line of text now and then.
        realism_steps: Training steps of the realism critic.
        ear_steps: Training steps of the ear.
        command: The command lines that train it again.
    """
    import torch

    from lc_core.common import write_network
    from lc_plugins.melody.ear import EAR, fit_ear

    settings = settings | {"realism_steps": realism_steps, "ear_steps": ear_steps}
    if _is_finished(folder, settings):
        progress(f"{folder} is finished")
        return
    net = _rounded(average)
    progress("encoding the training windows in twelve keys")
    means, stds = _encode(net, corpus)
    began = time.monotonic()
    critic = _fit(net, means, stds, seed=settings["seed"], steps=realism_steps, progress=progress)
    realism_seconds = time.monotonic() - began
    ear, ear_auc = fit_ear(net, means, stds, seed=settings["seed"], steps=ear_steps, progress=progress)
    ear_seconds = time.monotonic() - began - realism_seconds
    write_network(folder / EAR_FILE, ear, EAR)
    weights_sha256 = _write_model(folder, net, critic, stds.mean(0), settings)
    model, test = MelodyModel(folder), corpus.is_test
    progress(f"measuring on {int(test.sum())} held-out windows and {PRIOR_SAMPLES} prior samples")
    figures: dict[str, Any] = {
        "model": model.name,
        "network": net.settings,
        "weights_sha256": weights_sha256,
        "command": command,
        "training": settings,
        "realism_seconds": realism_seconds,
        "ear": {"seconds": ear_seconds, "held-out AUC": ear_auc},
        "threads": torch.get_num_threads(),
        "processor": platform.machine(),
        "corpus": _about(corpus),
        "prior_samples": PRIOR_SAMPLES,
    }
    figures |= evaluate(model, corpus.windows[test], corpus.meters[test], count=PRIOR_SAMPLES)
    draw_curves(folder / "curves.json", folder / "curves.png")
    _write(folder / "MODEL_CARD.md", model_card(figures).encode())
    _write(folder / "figures.json", _json(figures))  # last: it says that all is there
    progress(f"wrote {folder / 'MODEL_CARD.md'}")


def _is_finished(folder: Path, settings: dict[str, Any]) -> bool:
    try:
        figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
        MelodyModel(folder)
    except (OSError, ValueError, LCError):
        return False
    return figures.get("training") == settings and all(
        (folder / name).exists() for name in ("MODEL_CARD.md", "curves.png")
    )


def _rounded(average: MelodyVAE) -> MelodyVAE:
    """Return a copy of a network with the weights that float16 keeps."""
    import copy

    net = copy.deepcopy(average).requires_grad_(False).eval()
    net.load_state_dict({name: value.half().float() for name, value in net.state_dict().items()})
    return net


def _encode(net: MelodyVAE, corpus: Corpus) -> tuple[Tensor, Tensor]:
    """Return the posterior's means and standard deviations of the training windows in all keys, `(12 N, D)` each."""
    import torch

    from lc_plugins.melody.network import tokens_to_classes

    windows = torch.from_numpy(corpus.windows[~corpus.is_test])
    moved = [torch.where(windows < 128, windows + shift, windows) for shift in range(*TRANSPOSE)]
    with torch.inference_mode():
        parts = [net.encode(tokens_to_classes(part)) for part in torch.split(torch.cat(moved), BLOCK)]
    # Clones, because tensors of inference mode cannot take part in the fit.
    return torch.cat([mean for mean, _ in parts]).clone(), torch.cat([std for _, std in parts]).clone()


class _Latents(LatentModel):
    """The network's prior and decoder, before there are files to load."""

    name = "the melody VAE"
    output_type = "melody.tokens/1"

    def __init__(self, net: MelodyVAE) -> None:
        self.net = net
        self.latent_shape = (net.latent_dim,)

    def decode(self, z: Tensor) -> Tensor:
        from lc_plugins.melody.network import classes_to_tokens

        return classes_to_tokens(self.net.decode(z).argmax(dim=-1))


def _fit(net: MelodyVAE, means: Tensor, stds: Tensor, *, seed: int, steps: int, progress: Progress) -> RealismCritic:
    import torch

    from lc_core.fitting import fit_realism

    def draw_posterior(count: int, generator: torch.Generator) -> Tensor:
        rows = torch.randint(len(means), (count,), generator=generator)
        return means[rows] + stds[rows] * torch.randn((count, means.shape[1]), generator=generator)

    return fit_realism(_Latents(net), draw_posterior, steps=steps, seed=seed, progress=progress)


def _write_model(
    folder: Path, net: MelodyVAE, critic: RealismCritic, sigma_bar: Tensor, settings: dict[str, Any]
) -> str:
    """Write the weights and `config.json`; return the hash of the weights."""
    from safetensors.torch import save

    tensors = {f"vae.{name}": value.half() for name, value in net.state_dict().items()}
    tensors |= {f"realism.{name}": value.half() for name, value in critic.state_dict().items()}
    tensors["sigma_bar"] = sigma_bar
    data = save(tensors)
    config = {
        "kind": KIND,
        "name": f"melody.folk-{net.steps // BAR}bar",
        "network": net.settings,
        "realism": critic.settings,
        # Not the seconds: the same training gives the same files. The ear has a file of its own.
        "training": {key: value for key, value in settings.items() if key not in ("seconds", "ear_steps")},
        "weights_sha256": hashlib.sha256(data).hexdigest(),
    }
    _write(folder / "weights.safetensors", data)
    _write(folder / "config.json", _json(config))
    return str(config["weights_sha256"])


def _about(corpus: Corpus) -> dict[str, Any]:
    return {
        "tunes": corpus.tunes,
        "windows": len(corpus.windows),
        "held_out": int(corpus.is_test.sum()),
        "skipped": dict(corpus.skipped.most_common()),
    }


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(data)
    os.replace(partial, path)
