"""Fit critics: label decoded samples, fit value functions.

A critic of one (model, measurement) is fitted once, on prior samples and on samples pushed towards both ends of the
measured value, so that values that are rare under the prior are seen too. `lc_core.fitting.refine` then refines it for
one whole energy, where the engine goes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from lc_core.bank.bank import Bank
from lc_core.common.progress import Progress
from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.evaluator import Evaluator, Measured
from lc_core.constraints.logic import only_value
from lc_core.critics.critic import Bins, Critic
from lc_core.critics.heads import Heads
from lc_core.critics.quality import calibration
from lc_core.energy.energy import Energy
from lc_core.models.latent_model import LatentModel, draw_prior
from lc_core.spec.values import FitSettings

__all__ = ["CriticFitter", "FitSettings", "draw_batches", "train_critic"]


HELD_OUT = "fit/held-out"
"""Purpose of the prior samples that no critic is fitted on."""

Batches = Callable[[], tuple[Tensor, Tensor]]


def train_critic(
    critic: Critic, batches: Batches, steps: int, lr: float, *, after_step: Callable[[], None] | None = None
) -> None:
    """Fit a critic's histogram to bin indices by cross-entropy, with Adam.

    Args:
        critic: The critic.
        batches: Draws latents `(B, *latent_shape)` and their bins, `(B,)` or `(B, V)` for V heads.
        steps: Training steps.
        lr: Learning rate. It rises and falls to zero, but stays as it is with `after_step`.
        after_step: Called after each step, to average the weights.
    """
    critic.requires_grad_(True)
    optimiser = torch.optim.Adam(critic.parameters(), lr=lr, betas=(0.9, 0.98 if after_step else 0.999))
    # Of at most ten steps the warm-up of a tenth would have no length, by which the schedule divides.
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, lr, total_steps=max(steps, 11), pct_start=0.1)
    for _ in range(steps):
        z, target = batches()
        loss = F.cross_entropy(critic.every(z).flatten(0, 1), target.to(z.device).flatten())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if after_step:
            after_step()
        else:
            schedule.step()
    critic.requires_grad_(False)
    critic.eval()


def draw_batches(parts: Sequence[tuple[Tensor, Tensor, int]], generator: torch.Generator) -> Batches:
    """Return a function that draws a batch: from each (latents, targets) part, so many rows."""

    def draw() -> tuple[Tensor, Tensor]:
        picks = [torch.randint(len(z), (count,), generator=generator) for z, _, count in parts]
        return (
            torch.cat([z[pick] for (z, _, _), pick in zip(parts, picks, strict=True)]),
            torch.cat([t[pick] for (_, t, _), pick in zip(parts, picks, strict=True)]),
        )

    return draw


def _push(
    critic: Critic, model: LatentModel, start: Tensor, direction: float, *, steps: int = 20, lr: float = 0.1
) -> Tensor:
    """Move latents up (+1) or down (-1) the expected value, each for a number of steps from 1 to `steps`."""
    z = start.clone()
    result = torch.empty_like(start)
    rows = torch.arange(len(start), device=start.device) % steps
    head = np.arange(len(start)) // steps % critic.heads
    for number in range(steps):
        z.requires_grad_()
        (gradient,) = torch.autograd.grad(critic.expected(z, head).sum(), z)
        size = gradient.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, *[1] * (z.dim() - 1))
        z = model.project(z.detach() + direction * lr * model.dimensions**0.5 * gradient / size, start)
        result[rows == number] = z[rows == number]
    return result


class CriticFitter:
    """Fits critics of single measurements for one model; prior samples are decoded once for all of them.

    Args:
        evaluator: Decodes and measures; its tree holds the constraints to be fitted.
        settings: Settings.
        progress: Called with a line of text now and then.
        bank: The first of its samples are those that are decoded and measured; its seed is that of the fit. Without
            one they are drawn anew, all at once.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        settings: FitSettings,
        progress: Progress = lambda _: None,
        *,
        bank: Bank | None = None,
    ) -> None:
        self.evaluator, self.settings, self.progress, self.bank = evaluator, settings, progress, bank

    def draw_prior(self, count: int, purpose: str) -> Tensor:
        """Draw prior samples `(count, *latent_shape)`: the same for the same fit seed and purpose."""
        return draw_prior(self.evaluator.model, count, block_generator(self.settings.seed, 0, purpose))

    @cached_property
    def prior(self) -> Measured:
        """The prior samples that every critic is fitted on."""
        return self._measured(self.settings.prior_samples, "fit")

    @cached_property
    def held_out(self) -> Measured:
        """Prior samples that no critic is fitted on."""
        return self._measured(self.settings.prior_samples // 4, HELD_OUT)

    def _measured(self, count: int, purpose: str) -> Measured:
        if self.bank is None:
            return Measured.of(self.evaluator, self.draw_prior(count, purpose))
        z, columns = self.bank.first(count, self.evaluator.variants, begin=self._begin(purpose))
        return Measured(z, self.evaluator.by_leaf(columns))

    def _begin(self, purpose: str) -> int:
        """Return the number of the first sample of the bank that is used for a purpose."""
        return self.settings.prior_samples if purpose == HELD_OUT else 0

    def fit(self, heads: Heads) -> tuple[Critic, np.ndarray]:
        """Fit the critic of some heads; what is wanted plays no part.

        Returns:
            The critic, and the lowest and highest value of each head on all that was decoded, `(2, H)`.
        """
        settings = self.settings
        self.progress(f"fitting a critic of {heads.name} on {settings.prior_samples} prior samples")
        generator = block_generator(settings.seed, 0, f"fit/{heads.name}")
        rough = _fit_one(self.prior, heads, settings, generator, steps=max(1, settings.steps // 4))
        starts = self.draw_prior(2 * settings.push_samples, "fit/push")
        up, down = starts.chunk(2)
        model = self.evaluator.model
        pushed = torch.cat([_push(rough, model, up, 1.0), _push(rough, model, down, -1.0)])
        extra = Measured.of(self.evaluator, pushed)
        critic = _fit_one(self.prior, heads, settings, generator, steps=settings.steps, extra=extra)
        seen = np.concatenate([heads.gather(part.values) for part in (self.prior, extra, self.held_out)])
        return critic, np.stack([np.fmin.reduce(seen), np.fmax.reduce(seen)])

    def constants(self, some: Sequence[Heads]) -> dict[str, float]:
        """Say before anything is fitted which measurements have one value on all prior samples.

        Returns:
            By label, the value of each measurement whose fit would see no other value. A critic that knows one value
            pushes nothing anywhere, so its fit sees these samples and two more sets of prior samples.
        """
        self.progress(f"decoding and measuring {self.settings.prior_samples} prior samples")
        texts = [text for heads in some for leaf in heads.leaves if (text := self._constant(leaf))]
        for text in dict.fromkeys(texts):
            self.progress(text)
        fixed = [heads for heads in some if _only([heads.gather(self.prior.values)]) is not None]
        if not fixed:
            return {}
        evaluator = Evaluator(self.evaluator.model, [leaf for heads in fixed for leaf in heads.leaves])
        starts = Measured.of(evaluator, self.draw_prior(2 * self.settings.push_samples, "fit/push"))
        values = {
            leaf.label: _only([part.values[leaf.label] for part in (self.prior, starts, self.held_out)])
            for leaf in evaluator.leaves
        }
        return {label: only for label, only in values.items() if only is not None}

    def _constant(self, leaf: Constraint) -> str:
        """Say of a measurement that it has one value on all prior samples; nothing if it has several."""
        values = self.prior.values[leaf.label]
        only = _only([values])
        if only is None:
            return ""
        value = "undefined" if np.isnan(only) else f"{only:g}"
        return (
            f"{leaf.measurement.name} is {value} on all of {len(values)} prior samples: a rule that is the same "
            "everywhere cannot guide, so check what it measures"
        )

    def cards(self, energy: Energy, held_out: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
        """Return for each leaf's label how well its critic is calibrated at what is wanted, on `held_out` values."""
        if not held_out:
            return {}
        count = len(next(iter(held_out.values())))
        if self.bank is None:
            z = self.draw_prior(count, HELD_OUT)
        else:
            z = self.bank.first(count, begin=self._begin(HELD_OUT))[0]
        own = energy.space.own()
        values = own.pick(held_out)
        fitted = [leaf for leaf in self.evaluator.leaves if leaf.label in held_out]
        with torch.no_grad():
            odds = energy.odds(z, [own.apply(leaf) for leaf in fitted])
        return {
            leaf.label: calibration(
                odds[leaf.label].yes.sigmoid().double().cpu().numpy(), leaf.want.met(values[leaf.label])
            )
            for leaf in fitted
        }


def _only(parts: Sequence[np.ndarray]) -> float | None:
    """Return the one value, NaN for undefined, that some arrays hold; None if there are several."""
    values = np.concatenate([part.ravel() for part in parts])
    return only_value(np.fmin.reduce(values), np.fmax.reduce(values))


def _fit_one(
    prior: Measured,
    heads: Heads,
    settings: FitSettings,
    generator: torch.Generator,
    *,
    steps: int,
    extra: Measured | None = None,
) -> Critic:
    replay = prior if extra is None else prior + extra
    values = heads.gather(replay.values)
    critic = _new_critic(replay.z[0].numel(), values, settings, generator)
    target = torch.from_numpy(critic.bins.index(values))
    split = len(prior)
    if extra is None:
        parts = [(replay.z, target, settings.batch)]
    else:
        half = settings.batch // 2
        parts = [(replay.z[:split], target[:split], half), (replay.z[split:], target[split:], half)]
    train_critic(critic, draw_batches(parts, generator), steps, settings.lr)
    return critic


def _new_critic(dimensions: int, values: np.ndarray, settings: FitSettings, generator: torch.Generator) -> Critic:
    """Return an untrained critic of values `(N, H)` whose weights are drawn from the fit's own generator."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
        return Critic(dimensions, Bins.of(values.ravel()), hidden=settings.hidden, heads=values.shape[1])
