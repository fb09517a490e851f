"""Training of a sampler: once for a model and a set of rules, for any spec of these.

At every step latents are brought towards random wants by guided steps, a few of them; what they came to is decoded and
measured, and the predictor learns from that and from prior samples. Half of the latents begin as prior samples. The
other half begin as samples that meet their wants: where the steps lead these astray, the predictor is wrong.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from lc_core.sampler.asked import Asked
from lc_core.sampler.guide import guided
from lc_core.sampler.network import Predictor
from lc_core.sampler.rules import Rule, Rules, bins_of, measured_bins
from lc_core.sampler.settings import SamplerSettings
from lc_core.sampler.wants import Batch, Table, draw_wants, met

__all__ = ["Trainer", "tabulate"]

TOLD = 100
"""Steps after which progress is told, or `SECONDS` if these are over before."""
SECONDS = 20.0


def tabulate(
    rules: Sequence[Rule],
    settings: SamplerSettings,
    samples: Iterable[tuple[Tensor, np.ndarray]],
) -> tuple[Rules, Table]:
    """Measure prior samples under many settings of every rule, and choose the bins of its values.

    Args:
        rules: The rules, without bins.
        settings: How many samples, and how many settings.
        samples: Prior samples and what they decode to, in pieces.
    """
    rng = np.random.default_rng(settings.seed)
    some = Rules(tuple(rules))
    columns = [tuple(some.draw(number, settings.settings, rng)) for number in range(len(rules))]
    values: list[list[np.ndarray]] = [[] for _ in rules]
    latents = []
    for z, piece in samples:
        latents.append(z.cpu())
        for number, own in enumerate(columns):
            values[number].append(np.stack(measure_all([one.measurement for one in own], piece)))
    found, bins = [], []
    for rule, parts in zip(rules, values, strict=True):
        table = np.concatenate(parts, axis=1)
        edges, quantiles = bins_of(table, rule.want)
        found.append(replace(rule, edges=edges, quantiles=quantiles))
        bins.append(found[-1].bin_of(table).astype(np.uint8))
    complete = some.complete(columns, settings.settings)
    return Rules(tuple(found)), Table(tuple(columns), tuple(bins), complete, torch.cat(latents))


class Trainer:
    """The state of a training, which can be saved and taken up again.

    Args:
        model: The model.
        rules: Rules with their bins.
        table: Measured prior samples.
        settings: How to train.
        carried: Latents `(N, *latent_shape)` where data are, from which half the rows start; None for prior samples
            alone.
    """

    DECAY = 0.6
    """Share of the training after which learning rates fall; they rise in the first half of the warm steps."""

    def __init__(
        self,
        model: LatentModel,
        rules: Rules,
        table: Table,
        settings: SamplerSettings,
        carried: Tensor | None = None,
    ) -> None:
        self.model, self.rules, self.table, self.settings, self.carried = model, rules, table, settings, carried
        self.step, self.seconds = 0, 0.0
        self.rng = np.random.default_rng(settings.seed + 1)
        some = draw_prior(model, 2, block_generator(0, 0))
        self._choices = decode_array(model, some).dtype.kind in "biu"  # such outputs bear a coarser decode
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.predictor = Predictor(
                features=model.features(some).shape[1],
                codes=[rule.size for rule in rules.rules],
                width=settings.width,
                blocks=settings.blocks,
            ).to(model.device)
        self.average = copy.deepcopy(self.predictor).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(self.predictor.parameters(), settings.lr, weight_decay=1e-4)
        self.figures: dict[str, float] = {}

    def state(self) -> dict[str, Any]:
        """Return all that a training needs to go on."""
        return {
            "step": self.step,
            "seconds": self.seconds,
            "predictor": self.predictor.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "rng": self.rng.bit_generator.state,
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.step, self.seconds = state["step"], state["seconds"]
        self.predictor.load_state_dict(state["predictor"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
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
                predictor's `loss`, and the share of rows `satisfied` where guided steps ended.
        """
        until = math.inf if steps is None else self.step + steps
        sums, number, since = {"loss": 0.0, "satisfied": 0.0}, 0, time.monotonic()
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
        self.optimiser.param_groups[0]["lr"] = self.settings.lr * self._rate()
        batch = draw_wants(self.rules, self.table, self.settings.batch, self.settings.sizes, self.rng)
        asked = Asked.of_wants(batch.columns, batch.wants, self.model.device)
        generator = block_generator(self.settings.seed, self.step, "sampler")
        count, path = self.settings.batch, []
        if self.step > self.settings.warm:
            start = self._draw(count, generator)
            start[1::2] = self.table.latents[batch.rows[1::2]].to(start)
            path = self._follow(start, asked, generator)
        fresh = self._draw(count // 2 if path else count, generator)
        latents = torch.cat([*([path[-1], self._any(path)[: count // 2]] if path else []), fresh])
        with training_autocast(self.model.device) if self._choices else nullcontext():
            outputs = decode_array(self.model, latents)
        loss, bins = self._learn(latents, outputs, batch, asked)
        self._average()
        return {"loss": loss, "satisfied": float(met(bins[:count], batch.wants).mean()) if path else 0.0}

    def _rate(self) -> float:
        """Return the learning rate as a share of its highest."""
        done = min(1.0, self.done)
        falling = 1.0 if done < self.DECAY else (1.0 - done) / (1.0 - self.DECAY) + 0.02
        return min(1.0, self.step / max(1, self.settings.warm // 2)) * falling

    def _draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Return latents `(count, *latent_shape)`: prior samples, or every second one where data are."""
        found = draw_prior(self.model, count, generator)
        if self.carried is not None:
            pick = torch.from_numpy(self.rng.integers(len(self.carried), size=len(found[::2])))
            found[::2] = self.carried[pick].to(found)
        return found

    def _follow(self, start: Tensor, asked: Asked, generator: torch.Generator) -> list[Tensor]:
        """Take guided steps; return where each led. The first half of the rows is cooled in the last third of them."""
        z, found = start, []
        count, steps = len(start), self.settings.iterations
        rows = torch.arange(count, device=z.device)  # odd ones begin where their wants are met
        self.predictor.requires_grad_(False)
        for number in range(1, steps + 1):
            gradient = asked.look(self.model, self.predictor, z, rows).gradient
            counted = torch.where(rows % 2 == 1, 1.0, min(1.0, 2 * number / steps))
            noise = torch.randn(count, self.model.dimensions, generator=generator).to(z.device)
            warm = guided(self.model, z, gradient * counted[:, None], noise, 1.0)
            if (heat := min(1.0, 3 * (steps - number) / steps)) < 1:
                cool = guided(self.model, z, gradient * counted[:, None], noise, heat)
                warm[: count // 2] = cool[: count // 2]
            z = warm
            found.append(z)
        self.predictor.requires_grad_(True)
        return found

    def _any(self, moved: Sequence[Tensor]) -> Tensor:
        """Return for each row one of the latents that it came through."""
        pick = torch.from_numpy(self.rng.integers(len(moved), size=len(moved[0])))
        return torch.stack(list(moved))[pick, torch.arange(len(pick))]

    def _learn(self, latents: Tensor, outputs: np.ndarray, batch: Batch, asked: Asked) -> tuple[float, np.ndarray]:
        """Train the predictor on what latents decoded to; return its loss, and the bins of all columns `(N, C)`."""
        bins = measured_bins(self.rules, batch.columns, outputs)
        self.optimiser.zero_grad()
        with training_autocast(self.model.device):
            with torch.no_grad():
                features = self.model.features(latents)
            every = self.predictor(features, asked.rules, asked.codes)
            target = torch.from_numpy(bins).to(self.model.device)
            each = F.nll_loss(every.flatten(0, 1), target.flatten(), reduction="none").view_as(target)
            # Every rule counts once, however many of its settings are among the columns.
            shares = torch.tensor([1 / asked.rules.count(one) for one in asked.rules], device=each.device)
            loss = (each * shares).sum(1).mean()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.predictor.parameters(), 5.0)
        self.optimiser.step()
        return float(loss.detach()), bins

    @torch.no_grad()
    def _average(self) -> None:
        """Take the new weights into the average."""
        share = max(0.002, 1 / (self.step - self.settings.warm + 9)) if self.step > self.settings.warm else 1.0
        for mean, new in zip(self.average.parameters(), self.predictor.parameters(), strict=True):
            mean.lerp_(new, share)
