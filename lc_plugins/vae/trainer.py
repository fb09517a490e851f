"""The loop that trains the shipped models: AdamW, a cosine schedule, averaged weights, checkpoints.

Every step draws all its chance from a generator of its own, (seed, step), so a training that was killed goes on from
its last checkpoint exactly as it would have.
"""

from __future__ import annotations

import copy
import inspect
import io
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lc_core import LCError
from lc_core.common import ProgressLine, block_generator, write_atomically

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = ["Loss", "Trainer", "average_weights", "training_commands"]

WARM_UP = 300  # steps
FLOOR = 0.02  # the learning rate ends at this share of its peak
DECAY = 0.999  # of the average of the weights

Loss = Callable[[Any, "torch.Generator", float], "tuple[Tensor, float, float]"]


class Trainer:
    """Trains a VAE and keeps an average of its weights.

    Args:
        folder: Where checkpoints and curves go. A training of the same settings that is there already goes on; more
            steps than it had prolong it, with the learning rate of the longer schedule.
        build: Makes the network; its first weights are drawn from the seed.
        settings: Tells the checkpoint apart; `steps`, `seed`, `lr` and `clip` are used here.
        loss: Given the network, the step's generator and the share of steps done, the loss to descend, and the
            reconstruction term and the KL in nats to be told.
        device: Where it trains.
        checkpoint_every: Steps from one checkpoint to the next.

    Attributes:
        average: The network with averaged weights.
        seconds: How long it trained, interruptions left out.
        stages: The `steps` that were asked for one after the other; more than one if a training was prolonged.

    Raises:
        LCError: If the folder holds a training with other settings, or a damaged checkpoint.
    """

    def __init__(
        self,
        folder: Path,
        build: Callable[[], nn.Module],
        settings: dict[str, Any],
        loss: Loss,
        *,
        device: str = "cpu",
        checkpoint_every: int = 250,
    ) -> None:
        import torch

        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.settings, self.loss, self.checkpoint_every = folder, settings, loss, checkpoint_every
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings["seed"])
            self.net = build().to(device)
        self.average: Any = copy.deepcopy(self.net)
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), lr=settings["lr"], betas=(0.9, 0.98), weight_decay=0.01
        )
        self.step, self.seconds = 0, 0.0
        self.curves: list[list[float]] = []  # step, reconstruction, KL
        self.stages: list[int] = [settings["steps"]]
        self._load()

    @property
    def checkpoint(self) -> Path:
        """The file of the last checkpoint."""
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
        asked = self.settings["steps"]
        if found != self.settings | {"steps": min(found["steps"], asked)}:
            raise LCError(
                f"{self.folder} holds a training with other settings: {found}; asked for {self.settings}",
                hint="give the same settings to go on (more steps prolong it), or another folder",
            )
        self.net.load_state_dict(saved["net"])
        self.average.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.step, self.seconds, self.curves = saved["step"], saved["seconds"], saved["curves"]
        stages = saved["stages"]
        self.stages = stages if stages[-1] == asked else [*stages, asked]

    def _save(self) -> None:
        import torch

        buffer = io.BytesIO()
        torch.save(
            {
                "settings": self.settings,
                "net": self.net.state_dict(),
                "average": self.average.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
                "stages": self.stages,
                "curves": self.curves,
            },
            buffer,
        )
        # The checkpoint comes last: after it the curves would not be written again.
        write_atomically(self.folder / "curves.json", json.dumps(self.curves).encode())
        write_atomically(self.checkpoint, buffer.getvalue())

    def run(self, progress: Callable[[str], None]) -> None:
        """Train to the last step.

        Args:
            progress: Called with a line of text after the first step and at each checkpoint.
        """
        total = self.settings["steps"]
        began = time.monotonic() - self.seconds
        first = self.step + 1
        while self.step < total:
            self.step += 1
            reconstruction, kl = self._update()
            if self.step % 50 == 0 or self.step == total:
                self.curves.append([self.step, reconstruction, kl])
            self.seconds = time.monotonic() - began
            checkpoint = self.step % self.checkpoint_every == 0 or self.step == total
            if checkpoint:
                self._save()
            if checkpoint or self.step == first:
                each = self.seconds / self.step
                left = (total - self.step) * each / 60
                told = (
                    f"step {self.step}/{total}: reconstruction {reconstruction:.2f}, KL {kl:.1f} nats, "
                    f"{each * 1000:.0f} ms a step, {left:.0f} min left"
                )
                progress(ProgressLine(told, self.step, total))

    def _update(self) -> tuple[float, float]:
        import torch

        done = self.step / self.settings["steps"]
        warm = min(1.0, self.step / WARM_UP)
        rate = self.settings["lr"] * warm * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        generator = block_generator(self.settings["seed"], self.step, "train")
        loss, reconstruction, kl = self.loss(self.net, generator, done)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), self.settings.get("clip", 10.0))
        self.optimiser.step()
        average_weights(self.average, self.net, decay=min(DECAY, (1 + self.step) / (10 + self.step)))
        return reconstruction, kl


def average_weights(average: nn.Module, net: nn.Module, *, decay: float) -> None:
    """Move an exponential average of weights on: it keeps the share `decay` of what it was."""
    import torch

    with torch.no_grad():
        torch._foreach_lerp_(list[Any](average.parameters()), list[Any](net.parameters()), 1 - decay)


def training_commands(recipe: str, train: Callable[..., None], settings: dict[str, Any]) -> str:
    """Return the commands that train again, a line each: seed and steps, and what differs from the recipe's defaults.

    Args:
        recipe: Name of the recipe.
        train: Its function.
        settings: The settings that it had; `stages` tells of a training that was prolonged in the same folder.
    """
    words = []
    for name, parameter in inspect.signature(train).parameters.items():
        if name in settings and name not in ("seed", "steps") and settings[name] != parameter.default:
            words.append(f" --set {name}={settings[name]}")
    begin = f"lc train {recipe} --seed {settings['seed']} --steps "
    return "\n".join(f"{begin}{steps}{''.join(words)}" for steps in settings.get("stages", [settings["steps"]]))
