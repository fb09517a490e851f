"""Training of a sampler: once for a model and a set of rules, for any spec of these.

At every step the step network moves prior samples towards random wants, a few times; what it made is decoded and
measured, and the predictor learns from that and from prior samples. The step network learns through the predictor,
which for its turn stays as it is.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
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
from lc_core.sampler.settings import SamplerSettings
from lc_core.sampler.wants import Batch, Table, draw_wants

__all__ = ["Trainer", "tabulate"]

TOLD = 100
"""Steps after which progress is told, or `SECONDS` if these are over before."""
SECONDS = 20.0


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
    return Rules(tuple(found)), Table(tuple(columns), tuple(bins), some.complete(columns, settings.settings))


class Trainer:
    """The state of a training, which can be saved and taken up again.

    Args:
        model: The model.
        rules: Rules with their bins.
        table: Measured prior samples.
        settings: How to train.
    """

    DECAY = 0.6
    """Share of the training after which learning rates fall; they rise in the first half of the warm steps."""

    def __init__(self, model: LatentModel, rules: Rules, table: Table, settings: SamplerSettings) -> None:
        self.model, self.rules, self.table, self.settings = model, rules, table, settings
        self.step, self.seconds = 0, 0.0
        self.rng = np.random.default_rng(settings.seed + 1)
        some = draw_prior(model, 2, block_generator(0, 0))
        self._choices = decode_array(model, some).dtype.kind in "biu"  # such outputs bear a coarser decode
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            features = model.features(some).shape[1]
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
            "seconds": self.seconds,
            "parts": self.parts.state_dict(),
            "averages": self.averages.state_dict(),
            "optimisers": {name: one.state_dict() for name, one in self.optimisers.items()},
            "rng": self.rng.bit_generator.state,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.step, self.seconds = state["step"], state.get("seconds", 0.0)
        self.parts.load_state_dict(state["parts"])
        self.averages.load_state_dict(state["averages"])
        for name, one in self.optimisers.items():
            one.load_state_dict(state["optimisers"][name])
        self.rng.bit_generator.state = state["rng"]

    @property
    def done(self) -> float:
        """Share of the training that is done, by steps or by time; 1 or more at the end."""
        by_time = self.seconds / 60 / self.settings.minutes if self.settings.minutes else 0.0
        return max(self.step / self.settings.steps, by_time)

    def run(self, *, steps: int | None = None, progress: Callable[[Trainer], None] = lambda _: None) -> None:
        """Train to the end, or for so many steps.

        Args:
            steps: How many at most.
            progress: Called now and then, and at the end; `figures` then has the means since the last call of the
                predictor's `loss`, the share of rows `satisfied`, and the squared `distance` from the starts.
        """
        until = math.inf if steps is None else self.step + steps
        sums, number, since = {"loss": 0.0, "satisfied": 0.0, "distance": 0.0}, 0, time.monotonic()
        while self.done < 1 and self.step < until:
            began = time.monotonic()
            self.step += 1
            for name, value in self._one().items():
                sums[name] += value
            number += 1
            self.seconds += time.monotonic() - began
            last = self.done >= 1 or self.step >= until
            if number == TOLD or last or time.monotonic() - since > SECONDS:
                self.figures = {name: value / number for name, value in sums.items()}
                sums, number, since = dict.fromkeys(sums, 0.0), 0, time.monotonic()
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
        if self.step > self.settings.warm:
            start = draw_prior(self.model, self.settings.batch, generator)
            moved, distance = self._move(start, asked, batch)
        half = self.settings.batch // 2
        fresh = draw_prior(self.model, self.settings.batch if not moved else half, generator)
        latents = torch.cat([*([moved[-1], self._any(moved)[:half]] if moved else []), fresh])
        with training_autocast(self.model.device) if self._choices else nullcontext():
            outputs = decode_array(self.model, latents)
        loss, bins = self._learn(latents, outputs, batch, asked)
        self._average()
        satisfied = self._met(bins, batch).mean() if moved else 0.0
        return {"loss": loss, "satisfied": float(satisfied), "distance": distance}

    def _rate(self) -> float:
        """Return the learning rate as a share of its highest."""
        done = min(1.0, self.done)
        falling = 1.0 if done < self.DECAY else (1.0 - done) / (1.0 - self.DECAY) + 0.02
        return min(1.0, self.step / max(1, self.settings.warm // 2)) * falling

    def _asked(self, batch: Batch) -> dict[str, Any]:
        """Return a batch's columns and wants as `look` and the step network take them."""
        device = self.model.device
        codes = torch.from_numpy(np.stack([one.code for one in batch.columns])).to(device)
        told = torch.from_numpy(self.rules.rows(batch.columns)).to(device)
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
        share = max(0.002, 1 / (self.step - self.settings.warm + 9)) if self.step > self.settings.warm else 1.0
        for mean, new in zip(self.averages.parameters(), self.parts.parameters(), strict=True):
            mean.lerp_(new, share)
