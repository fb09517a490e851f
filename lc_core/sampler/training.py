"""Training of a sampler: once for a model and a set of rules, for any spec of these.

At every step the step network moves prior samples towards random wants, a few times; what it made is decoded and
measured, and the predictor learns from that and from prior samples. The step network learns through the predictor,
which for its turn stays as it is.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.common.nets import training_autocast
from lc_core.common.seeds import block_generator
from lc_core.constraints.measurement import measure_all
from lc_core.models.latent_model import LatentModel, decode_array, draw_prior
from lc_core.sampler.look import Look, look
from lc_core.sampler.network import Predictor, StepNetwork
from lc_core.sampler.rules import Rule, Rules, bins_of, measured_bins
from lc_core.sampler.wants import Batch, Table, draw_wants

__all__ = ["SamplerSettings", "Trainer", "tabulate"]


@dataclass(frozen=True)
class SamplerSettings:
    """How a sampler is trained. Defaults are for latents of a hundred values and some twenty rules.

    Attributes:
        steps: Training steps.
        batch: Rows in a step.
        iterations: Times that the step network moves a row in training.
        distance: Weight of the squared distance from the start, in the prior's units.
        lr: Adam's learning rate of both networks.
        samples: Prior samples that wants are drawn from.
        settings: Most settings of one rule that are measured on these.
        sizes: How likely a row has 1, 2, ... wants.
        width: Width of both networks.
        hidden: Width inside the step network's blocks.
        seed: Seed of the training.
    """

    steps: int = 20_000
    batch: int = 256
    iterations: int = 3
    distance: float = 0.01
    lr: float = 7e-4
    samples: int = 65_536
    settings: int = 128
    sizes: tuple[float, ...] = (0.12, 0.2, 0.24, 0.24, 0.2)
    width: int = 384
    hidden: int = 512
    seed: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return them as plain data."""
        return {key: list(one) if isinstance(one, tuple) else one for key, one in asdict(self).items()}


def tabulate(
    model: LatentModel,
    rules: Sequence[Rule],
    settings: SamplerSettings,
    outputs: Iterator[np.ndarray],
) -> tuple[Rules, Table]:
    """Measure prior samples under many settings of every rule, and choose the bins of its values.

    Args:
        model: The model.
        rules: The rules, without bins.
        settings: How many samples, and how many settings.
        outputs: Decoded prior samples, in pieces.
    """
    rng = np.random.default_rng(settings.seed)
    some = Rules(tuple(rules))
    columns = [tuple(some.draw(number, settings.settings, rng)) for number in range(len(rules))]
    values: list[list[np.ndarray]] = [[] for _ in rules]
    for piece in outputs:
        for number, own in enumerate(columns):
            values[number].append(np.stack(measure_all([one.measurement for one in own], piece)))
    found, bins = [], []
    for rule, parts in zip(rules, values, strict=True):
        table = np.concatenate(parts, axis=1)
        edges, quantiles = bins_of(table)
        found.append(replace(rule, edges=edges, quantiles=quantiles))
        bins.append(found[-1].bin_of(table).astype(np.uint8))
    return Rules(tuple(found)), Table(tuple(columns), tuple(bins))


class Trainer:
    """The state of a training, which can be saved and taken up again.

    Args:
        model: The model.
        rules: Rules with their bins.
        table: Measured prior samples.
        settings: How to train.
    """

    WARM, RAMP, DECAY = 400, 200, 0.6
    """Steps of the predictor alone; steps in which learning rates rise; share of steps after which they fall."""

    def __init__(self, model: LatentModel, rules: Rules, table: Table, settings: SamplerSettings) -> None:
        self.model, self.rules, self.table, self.settings = model, rules, table, settings
        self.step = 0
        self.rng = np.random.default_rng(settings.seed + 1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            features = model.features(draw_prior(model, 2, block_generator(0, 0))).shape[1]
            self.predictor = Predictor(
                features=features,
                codes=[rule.size for rule in rules.rules],
                width=settings.width,
                hidden=settings.width,
            )
            self.network = StepNetwork(
                dimensions=model.dimensions,
                columns=rules.width,
                trunk=settings.width,
                width=settings.width,
                hidden=settings.hidden,
            )
        self.parts = nn.ModuleDict({"predictor": self.predictor, "network": self.network}).to(model.device)
        self.averages = copy.deepcopy(self.parts).requires_grad_(False)
        self.optimisers = {
            "predictor": torch.optim.AdamW(self.predictor.parameters(), 1.4 * settings.lr, weight_decay=1e-4),
            "network": torch.optim.AdamW(self.network.parameters(), settings.lr, betas=(0.9, 0.98), weight_decay=1e-4),
        }
        self._rates = {name: one.param_groups[0]["lr"] for name, one in self.optimisers.items()}
        self.figures: dict[str, float] = {}

    def state(self) -> dict[str, Any]:
        """Return all that a training needs to go on."""
        return {
            "step": self.step,
            "parts": self.parts.state_dict(),
            "averages": self.averages.state_dict(),
            "optimisers": {name: one.state_dict() for name, one in self.optimisers.items()},
            "rng": self.rng.bit_generator.state,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.step = state["step"]
        self.parts.load_state_dict(state["parts"])
        self.averages.load_state_dict(state["averages"])
        for name, one in self.optimisers.items():
            one.load_state_dict(state["optimisers"][name])
        self.rng.bit_generator.state = state["rng"]

    def run(self, *, steps: int | None = None, progress: Callable[[Trainer], None] = lambda _: None) -> None:
        """Train until `settings.steps`, or for so many steps."""
        until = self.settings.steps if steps is None else min(self.step + steps, self.settings.steps)
        since, sums = time.monotonic(), {"loss": 0.0, "satisfied": 0.0, "distance": 0.0}
        number = 0
        while self.step < until:
            self.step += 1
            for name, value in self._one().items():
                sums[name] += value
            number += 1
            if number % 100 == 0 or self.step == until:
                self.figures = {name: value / number for name, value in sums.items()}
                self.figures["seconds"] = time.monotonic() - since
                sums, number = dict.fromkeys(sums, 0.0), 0
                progress(self)

    def _one(self) -> dict[str, float]:
        """Take one training step."""
        rate = self._rate()
        for name, one in self.optimisers.items():
            one.param_groups[0]["lr"] = self._rates[name] * rate
        batch = draw_wants(self.rules, self.table, self.settings.batch, self.settings.sizes, self.rng)
        asked = self._asked(batch)
        generator = block_generator(self.settings.seed, self.step, "sampler")
        moved: list[Tensor] = []
        distance = 0.0
        if self.step > self.WARM:
            start = draw_prior(self.model, self.settings.batch, generator)
            moved, distance = self._move(start, asked, batch)
        half = self.settings.batch // 2
        fresh = draw_prior(self.model, self.settings.batch if not moved else half, generator)
        latents = torch.cat([*([moved[-1], self._any(moved)[:half]] if moved else []), fresh])
        with training_autocast(self.model.device):
            outputs = decode_array(self.model, latents)
        loss, bins = self._learn(latents, outputs, batch, asked)
        self._average()
        satisfied = self._met(bins, batch).mean() if moved else 0.0
        return {"loss": loss, "satisfied": float(satisfied), "distance": distance}

    def _rate(self) -> float:
        """Return the learning rate as a share of its highest."""
        done = self.step / self.settings.steps
        falling = 1.0 if done < self.DECAY else (1.0 - done) / (1.0 - self.DECAY) + 0.02
        return min(1.0, self.step / self.RAMP) * falling

    def _asked(self, batch: Batch) -> dict[str, Any]:
        """Return a batch's columns and wants as `look` and the step network take them."""
        device = self.model.device
        codes = torch.from_numpy(np.stack([one.code for one in batch.columns])).to(device)
        told = torch.from_numpy(self.rules.told(batch.columns)).to(device)
        at = torch.from_numpy(batch.wants.at).to(device)
        return {
            "rules": [one.rule for one in batch.columns],
            "codes": codes,
            "columns": told[at],
            "at": at,
            "present": torch.from_numpy(batch.wants.present).to(device),
            "masks": torch.from_numpy(batch.wants.masks).to(device),
        }

    def _look(self, z: Tensor, asked: Mapping[str, Any]) -> Look:
        return look(
            self.model, self.predictor, z, asked["rules"], asked["codes"], asked["at"], asked["present"], asked["masks"]
        )

    def _move(self, start: Tensor, asked: Mapping[str, Any], batch: Batch) -> tuple[list[Tensor], float]:
        """Train the step network on one batch; return where it moved the starts, in turn."""
        self.predictor.requires_grad_(False)
        self.optimisers["network"].zero_grad()
        z, found = start, []
        seen = self._look(z, asked)
        for _ in range(self.settings.iterations):
            with training_autocast(self.model.device):
                move = self.network(
                    z.flatten(1), seen.gradient, seen.trunk, asked["columns"], asked["masks"], seen.logs,
                    asked["present"],
                )  # fmt: skip
            moved = self.model.project(z + move.view_as(z), start)
            seen = self._look(moved, asked)
            away = (moved.detach() - start).flatten(1)
            slope = (2 * self.settings.distance * away - seen.gradient) / len(z)
            torch.autograd.backward(moved, slope.view_as(moved))
            z = moved.detach()
            found.append(z)
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimisers["network"].step()
        self.predictor.requires_grad_(True)
        return found, float((z - start).flatten(1).square().sum(1).mean())

    def _any(self, moved: Sequence[Tensor]) -> Tensor:
        """Return for each row one of the latents that it came through."""
        pick = torch.from_numpy(self.rng.integers(len(moved), size=len(moved[0])))
        return torch.stack(list(moved))[pick, torch.arange(len(pick))]

    def _learn(
        self, latents: Tensor, outputs: np.ndarray, batch: Batch, asked: Mapping[str, Any]
    ) -> tuple[float, np.ndarray]:
        """Train the predictor on what latents decoded to; return its loss, and the bins of all columns `(N, C)`."""
        bins = measured_bins(self.rules, batch.columns, outputs)
        self.optimisers["predictor"].zero_grad()
        with training_autocast(self.model.device):
            with torch.no_grad():
                features = self.model.features(latents)
            every, _ = self.predictor(features, asked["rules"], asked["codes"])
            target = torch.from_numpy(bins).to(self.model.device)
            each = F.nll_loss(every.flatten(0, 1), target.flatten(), reduction="none").view_as(target)
            # Every rule counts once, however many of its settings are among the columns.
            shares = torch.tensor([1 / asked["rules"].count(one) for one in asked["rules"]], device=each.device)
            loss = (each * shares).sum(1).mean()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.predictor.parameters(), 5.0)
        self.optimisers["predictor"].step()
        return float(loss.detach()), bins

    def _met(self, bins: np.ndarray, batch: Batch) -> np.ndarray:
        """Return which of the first rows met their wants, `(B,)` bool."""
        wants, rows = batch.wants, np.arange(len(batch.rows))[:, None]
        own = bins[: len(batch.rows)][rows, wants.at]
        share = np.take_along_axis(wants.masks, own[..., None], -1)[..., 0]
        met: np.ndarray = ((share > 0) | (wants.present == 0)).all(1)
        return met

    @torch.no_grad()
    def _average(self) -> None:
        """Take the new weights into the averages."""
        share = max(0.002, 1 / (self.step - self.WARM + 9)) if self.step > self.WARM else 1.0
        for mean, new in zip(self.averages.parameters(), self.parts.parameters(), strict=True):
            mean.lerp_(new, share)
