"""`lc train melody.folk-2bar`: train the VAE, then its realism critic, and write the folder that the package ships.

The loss is -log p(x|z) + beta * KL(q(z|x) || N(0, I)), summed over steps and dimensions, mean over the batch
(Engel, Hoffman, Roberts 2018, section 2), with a categorical likelihood for tokens. Every step draws its batch, its
transpositions and its noise from a generator of its own, (seed, step), so a run that was killed goes on exactly as
it would have.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from lc_core.errors import LCError
from lc_plugins.melody.corpus import Corpus, read_corpus

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lc_plugins.melody.network import MelodyVAE

__all__ = ["train"]

ARCHITECTURE = {"latent_dim": 128, "width": 640, "hidden": 640, "encoder_blocks": 3, "decoder_blocks": 3}
TRANSPOSE = (-6, 6)  # semitones, the upper end left out: twelve keys
WARM_UP, KL_WARM_UP = 300, 0.2  # steps; share of all steps
FLOOR = 0.02  # the learning rate ends at this share of its peak
DECAY = 0.999  # of the average of the weights
CHECKPOINT_EVERY = 250


def train(
    folder: Path,
    *,
    steps: Annotated[int, Field(ge=1)] = 11_000,
    seed: Annotated[int, Field(ge=0)] = 0,
    beta: Annotated[float, Field(ge=0)] = 0.3,
    window: Annotated[int, Field(ge=16, multiple_of=16)] = 32,
    batch: Annotated[int, Field(ge=2)] = 512,
    lr: Annotated[float, Field(gt=0)] = 1e-3,
    realism_steps: Annotated[int, Field(ge=1)] = 9_000,
    progress: Callable[[str], None] = print,
) -> None:
    """Train a melody VAE and its realism critic on the tunes that come with music21.

    Args:
        folder: Where checkpoints, curves and the finished model go. A run that was stopped goes on from there.
        steps: Training steps.
        seed: Seed of weights, batches and noise.
        beta: Weight of the KL term.
        window: Length of a melody in sixteenths.
        batch: Windows in a step.
        lr: Peak learning rate of AdamW.
        realism_steps: Training steps of the realism critic.
        progress: Called with a line of text now and then.
    """
    from lc_plugins.melody.export import finish

    folder.mkdir(parents=True, exist_ok=True)
    corpus = read_corpus(steps=window)
    progress(f"{len(corpus.windows)} windows from {corpus.tunes} tunes; {int(corpus.is_test.sum())} held out")
    settings = {"steps": steps, "seed": seed, "beta": beta, "window": window, "batch": batch, "lr": lr}
    trainer = _Trainer(folder, corpus, settings)
    trainer.run(progress)
    settings["seconds"] = trainer.seconds
    finish(folder, trainer.average, corpus, settings, progress, realism_steps=realism_steps)


class _Trainer:
    """The training loop of the VAE, with its checkpoints."""

    def __init__(self, folder: Path, corpus: Corpus, settings: dict[str, Any]) -> None:
        import torch

        from lc_plugins.melody.network import MelodyVAE

        self.folder, self.settings = folder, settings
        self.windows = torch.from_numpy(corpus.windows[~corpus.is_test])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings["seed"])
            self.net = MelodyVAE(steps=settings["window"], **ARCHITECTURE)
        self.average = MelodyVAE(steps=settings["window"], **ARCHITECTURE)
        self.average.load_state_dict(self.net.state_dict())
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=settings["lr"], betas=(0.9, 0.98), weight_decay=0.01
        )
        self.step, self.seconds = 0, 0.0
        self.curves: list[list[float]] = []  # step, reconstruction, KL
        self._load()

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint.pt"

    def _load(self) -> None:
        import torch

        if not self.checkpoint.exists():
            return
        try:
            saved = torch.load(self.checkpoint, weights_only=True)
            found = saved["settings"]
        except Exception as error:
            raise LCError(
                f"the checkpoint {self.checkpoint} cannot be read: {error!r}", hint="delete it to train from the start"
            ) from error
        if found != self.settings:
            raise LCError(
                f"{self.folder} holds a training with other settings: {found}; asked for {self.settings}",
                hint="give the same settings to go on, or another folder",
            )
        self.net.load_state_dict(saved["net"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.seconds, self.curves = saved["step"], saved["seconds"], saved["curves"]

    def _save(self) -> None:
        import torch

        partial = self.checkpoint.with_suffix(".partial")
        torch.save(
            {
                "settings": self.settings,
                "net": self.net.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
                "curves": self.curves,
            },
            partial,
        )
        os.replace(partial, self.checkpoint)
        (self.folder / "curves.json").write_text(json.dumps(self.curves))

    def run(self, progress: Callable[[str], None]) -> None:
        total = self.settings["steps"]
        began = time.monotonic() - self.seconds
        while self.step < total:
            self.step += 1
            reconstruction, kl = self._update()
            if self.step % 50 == 0 or self.step == total:
                self.curves.append([self.step, reconstruction, kl])
            self.seconds = time.monotonic() - began
            if self.step % CHECKPOINT_EVERY == 0 or self.step == total:
                self._save()
                each = self.seconds / self.step
                left = (total - self.step) * each / 60
                progress(
                    f"step {self.step}/{total}: reconstruction {reconstruction:.2f}, KL {kl:.1f} nats, "
                    f"{each * 1000:.0f} ms a step, {left:.0f} min left"
                )

    def _batch(self, generator: torch.Generator) -> Tensor:
        import torch

        from lc_plugins.melody.network import tokens_to_classes

        size = self.settings["batch"]
        rows = torch.randint(len(self.windows), (size,), generator=generator)
        shift = torch.randint(*TRANSPOSE, (size, 1), generator=generator)
        tokens = self.windows[rows]
        return tokens_to_classes(torch.where(tokens < 128, tokens + shift, tokens))

    def _update(self) -> tuple[float, float]:
        import torch
        from torch.nn import functional as F

        from lc_core.latent_model import block_generator

        done = self.step / self.settings["steps"]
        warm = min(1.0, self.step / WARM_UP)
        rate = self.settings["lr"] * warm * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        generator = block_generator(self.settings["seed"], self.step, "train")
        classes = self._batch(generator)
        noise = torch.randn((len(classes), self.net.latent_dim), generator=generator)
        with torch.autocast("cpu", torch.bfloat16):
            mean, std = self.net.encode(classes)
            logits = self.net.decode(mean + std * noise)
        surprise = F.cross_entropy(logits.float().flatten(0, 1), classes.flatten(), reduction="sum")
        reconstruction = surprise / len(classes)
        kl = kl_nats(mean, std).sum(1).mean()
        loss = reconstruction + self.settings["beta"] * min(1.0, done / KL_WARM_UP) * kl
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
        self.optimiser.step()
        _average(self.average, self.net, min(DECAY, (1 + self.step) / (10 + self.step)))
        return reconstruction.item(), kl.item()


def kl_nats(mean: Tensor, std: Tensor) -> Tensor:
    """KL(N(mean, diag std^2) || N(0, I)) of each dimension, in nats."""
    return 0.5 * (mean.square() + std.square() - 1) - std.log()


def _average(average: MelodyVAE, net: MelodyVAE, decay: float) -> None:
    import torch

    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(net.parameters()), 1 - decay)
