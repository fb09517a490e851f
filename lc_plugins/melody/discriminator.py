"""The output-space discriminator of `melody.folk-2bar`: it tells decoded encodings of tunes from decoded prior samples.

Its logit estimates log q(x) - log p(x) over what latents decode to, for `lc_core.critics.chain`. A critic of latents
does not learn what makes a melody keep to a scale; this one is told which pitch classes sound, and the leaps.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.common import ProgressLine, block_generator
from lc_core.critics import auc
from lc_plugins.melody.network import PITCHES
from lc_plugins.vae.trainer import average_weights

if TYPE_CHECKING:
    from lc_plugins.melody.network import MelodyVAE

__all__ = ["DISCRIMINATOR", "Discriminator", "fit_discriminator"]

DISCRIMINATOR = "melody-ear/1"
"""The kind of its files; see `lc_core.common.network_files`."""
SCALE_WIDTH = 32
POOL, PIECE, HELD_OUT = 300_000, 2_000, 20_000
"""Most decoded melodies of each kind, how many are decoded at once, and how many of them no training sees."""


class Discriminator(nn.Module):
    """Melodies as classes `(B, T)` (see `network`) to logits `(B,)`, higher is more like decoded encodings of tunes.

    Args:
        steps: T, the window's length in sixteenths.
        hidden: Width of the hidden layers.
    """

    offsets: Tensor
    powers: Tensor

    def __init__(self, *, steps: int = 32, hidden: int = 288) -> None:
        super().__init__()
        self.settings: dict[str, Any] = {"steps": steps, "hidden": hidden}
        classes = PITCHES + 2
        self.tokens = nn.EmbeddingBag(steps * classes, hidden, mode="sum")
        self.leaps = nn.EmbeddingBag(2 * PITCHES, hidden, mode="sum")
        self.scale = nn.Embedding(2**12, SCALE_WIDTH)
        for table in (self.tokens, self.leaps):
            nn.init.normal_(table.weight, std=steps**-0.5)
        self.head = nn.Sequential(
            nn.LayerNorm(hidden + SCALE_WIDTH),
            nn.Linear(hidden + SCALE_WIDTH, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, 1),
        )
        self.register_buffer("offsets", torch.arange(steps) * classes, persistent=False)
        self.register_buffer("powers", 2 ** torch.arange(12), persistent=False)

    def forward(self, classes: Tensor) -> Tensor:
        """Return logits `(B,)`."""
        onset = classes < PITCHES
        sounding = F.one_hot(classes % 12, 12) * onset[..., None]
        scale = (sounding.amax(dim=1) * self.powers).sum(dim=1)
        melody = self.tokens(classes + self.offsets) + self.leaps(_leaps(classes, onset))
        heard = torch.cat([melody, self.scale(scale)], dim=1)
        logits: Tensor = self.head(heard).squeeze(1)
        return logits


def _leaps(classes: Tensor, onset: Tensor) -> Tensor:
    """Return at each onset but the first the leap from the note before, counted from 1; elsewhere 0; `(B, T)`."""
    place = torch.arange(classes.shape[1], device=classes.device)
    latest = torch.where(onset, place, -1).cummax(dim=1).values
    before = F.pad(latest[:, :-1], (1, 0), value=-1)
    leap = classes - classes.gather(1, before.clamp_min(0)) + PITCHES
    return torch.where(onset & (before >= 0), leap, 0)


def fit_discriminator(
    net: MelodyVAE,
    means: Tensor,
    stds: Tensor,
    *,
    steps: int = 4_000,
    batch: int = 512,
    lr: float = 1e-3,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Discriminator, float]:
    """Fit a discriminator to what a network decodes.

    Args:
        net: The network.
        means: Of the encodings of training windows, `(N, D)`.
        stds: Their posterior standard deviations, `(N, D)`.
        steps: Training steps.
        batch: Melodies of each kind in a step.
        lr: Peak learning rate of AdamW.
        seed: Seed of the fit.
        progress: Called with a line of text now and then.

    Returns:
        The discriminator, with averaged weights, and its AUC on decoded melodies that it was not trained on.
    """
    generator = block_generator(seed, 0, "ear")
    pool = min(POOL, steps * batch + HELD_OUT)
    rows = torch.randint(len(means), (pool,), generator=generator)
    noise = torch.randn((pool, means.shape[1]), generator=generator)
    real = _decoded(net, means[rows] + stds[rows] * noise)
    other = _decoded(net, torch.randn((pool, means.shape[1]), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        discriminator = Discriminator(steps=net.steps)
    average = copy.deepcopy(discriminator)
    optimiser = torch.optim.AdamW(discriminator.parameters(), lr=lr, weight_decay=0.05)
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = lr * min(1.0, step / 200) * (0.02 + 0.49 * (1 + math.cos(math.pi * step / steps)))
        picked = torch.randint(pool - HELD_OUT, (2, batch), generator=generator)
        logits = discriminator(torch.cat([real[picked[0]], other[picked[1]]]))
        loss = F.softplus(-logits[:batch]).mean() + F.softplus(logits[batch:]).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        average_weights(average, discriminator, decay=min(0.995, step / (step + 10)))
        if step % 500 == 0:
            progress(ProgressLine(f"discriminator: step {step}/{steps}, loss {loss.item():.3f}", step, steps))
    average = average.requires_grad_(False).eval()
    held = torch.cat([real[-HELD_OUT:], other[-HELD_OUT:]])
    scores = torch.cat([average(part) for part in torch.split(held, PIECE)]).numpy()
    found = auc(scores, torch.arange(len(scores)).numpy() < HELD_OUT)
    assert found is not None  # both kinds are there
    return average, found


def _decoded(net: MelodyVAE, z: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([net.decode(part).argmax(dim=-1) for part in torch.split(z, PIECE)])
