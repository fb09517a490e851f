"""A feature space for melodies: what a small encoder, trained for that alone, keeps of a window.

The encoder sees a training window, moved to any key, in which a third of the beats (four steps each) is hidden. From
128 numbers that it makes of it, a second network has to fill in every step, and to tell the metre: so the numbers hold
key, contour, rhythm and what usually goes with what. They are trained on tunes that were not held out, know nothing of
any latent model, and are kept in the cache folder.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.common.cache import Cache, key_of
from lc_core.common.seeds import block_generator
from lc_plugins.melody.corpus import Corpus, read_corpus

BEAT, TOKENS, HIDDEN_BEATS = 4, 130, 1 / 3
SETTINGS: dict[str, Any] = {"version": 1, "width": 384, "features": 128, "steps": 2_500, "batch": 256, "lr": 1e-3}


class MelodyEncoder(nn.Module):
    """Tokens `(B, T)`, where `TOKENS` stands for a hidden one, to features `(B, F)`."""

    def __init__(self, steps: int, *, width: int, features: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(TOKENS + 1, 24)
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(24 * steps, width), nn.GELU(), nn.Linear(width, features))

    def forward(self, tokens: Tensor) -> Tensor:
        features: Tensor = self.layers(self.embed(tokens))
        return features


@cache
def tunes() -> Corpus:
    """Return the corpus, read once."""
    return read_corpus()


def transposed(windows: Tensor, generator: torch.Generator) -> Tensor:
    """Move windows `(B, T)` by -6 to +5 semitones each, as the model's training does."""
    shift = torch.randint(-6, 6, (len(windows), 1), generator=generator)
    return torch.where(windows < 128, windows + shift, windows)


def melody_features(tokens: np.ndarray, *, progress: Callable[[str], None] = lambda _: None) -> np.ndarray:
    """Return the features `(N, 128)` float32 of melodies `(N, T)`; the encoder is trained when first needed."""
    net = _encoder(tokens.shape[1], progress)
    with torch.inference_mode():
        return np.concatenate([net(part).numpy() for part in torch.split(torch.from_numpy(tokens), 1_024)])


def _encoder(steps: int, progress: Callable[[str], None]) -> MelodyEncoder:
    def fit() -> tuple[dict[str, Any], dict[str, Tensor]]:
        net = _train(steps, progress)
        return {"what": "encoder of melodies that benchmarks compare sets in"}, net.state_dict()

    key = key_of({"melody encoder": SETTINGS, "T": steps, "windows": len(tunes().windows)})
    _, tensors, _ = Cache().get_or_fit("encoder", key, fit, progress=progress)
    with torch.random.fork_rng(devices=[]):
        net = MelodyEncoder(steps, width=SETTINGS["width"], features=SETTINGS["features"])
    net.load_state_dict(tensors)
    return net.requires_grad_(False).eval()


def _train(steps: int, progress: Callable[[str], None]) -> MelodyEncoder:
    corpus = tunes()
    windows = torch.from_numpy(corpus.windows[~corpus.is_test])
    duple = torch.from_numpy(corpus.meters[~corpus.is_test] == "2/4")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = MelodyEncoder(steps, width=SETTINGS["width"], features=SETTINGS["features"])
        fill = nn.Sequential(nn.GELU(), nn.Linear(SETTINGS["features"], SETTINGS["width"]), nn.GELU())
        head = nn.Linear(SETTINGS["width"], steps * TOKENS + 1)
    parameters = [one for part in (net, fill, head) for one in part.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=SETTINGS["lr"], weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, SETTINGS["steps"])
    for step in range(1, SETTINGS["steps"] + 1):
        generator = block_generator(0, step, "melody encoder")
        rows = torch.randint(len(windows), (SETTINGS["batch"],), generator=generator)
        tokens = transposed(windows[rows], generator)
        beats = torch.rand(len(tokens), steps // BEAT, generator=generator) < HIDDEN_BEATS
        hidden = beats.repeat_interleave(BEAT, dim=1)
        said = head(fill(net(tokens.masked_fill(hidden, TOKENS))))
        surprise = F.cross_entropy(said[:, :-1].reshape(-1, TOKENS), tokens.flatten())
        loss = surprise + 0.1 * F.binary_cross_entropy_with_logits(said[:, -1], duple[rows].float())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 500 == 0:
            progress(f"melody encoder: step {step}/{SETTINGS['steps']}, {surprise.item():.3f} nats a token")
    return net
