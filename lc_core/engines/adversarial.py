"""The actor's training as published: against a critic that learns meanwhile (Engel, Hoffman, Roberts 2018).

The critic D(z, y), a logit, learns binary cross-entropy on three equal groups: (real, y) is 1, (fake, y) is 0, and
(real, labels of other examples) is 0; with a penalty on its gradient, 10 (||dD/dz|| - 1)^2, between real and fake. A
fake is a prior sample in a tenth of the steps, else G(z, y). After every ten such steps the actor takes one down
-log D(G(z, y), y) + distance * L_dist(G(z, y), z).

A rule has no labelled examples: here "real" are decoded prior samples that satisfy, each with what it was found to
satisfy. Where nothing is free there are no labels, and two groups. The notebook interpolates real with real, by a slip;
here real with fake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lc_core.common.nets import mlp
from lc_core.constraints.constraint import leaves
from lc_core.energy.targets import Targets
from lc_core.engines.actor import Actor
from lc_core.engines.losses import distance
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel, draw_prior

if TYPE_CHECKING:
    from lc_core.constraints.constraint import Entry
    from lc_core.constraints.evaluator import Measured
    from lc_core.energy.energy import Energy

__all__ = ["Adversary", "Labelled", "PaperActor", "critic_loss", "gradient_penalty"]

BATCH = 128
"""Real examples in a step."""
CRITIC_STEPS = 10
"""Steps of the critic for each of the actor."""
PRIOR_STEPS = 0.1
"""Share of the critic's steps whose fakes are prior samples."""
PENALTY = 10.0
DRAWS = 8
"""Times that labels are drawn for each prior sample, where something is free."""
FEWEST = 64
"""Fewest real examples to learn from."""


class Labelled(nn.Module):
    """MLP([z ; W y]) with ReLU: the paper's actor and critic. Input is `[z, y]` side by side, `(B, D + F)`.

    Args:
        dimensions: D.
        codes: F, how many numbers are the label y; without any there is no W.
        outputs: Values for each row.
        hidden: Width of the hidden layers, and of W y.
        layers: Hidden layers.
    """

    def __init__(self, dimensions: int, codes: int, outputs: int, *, hidden: int, layers: int) -> None:
        super().__init__()
        self.dimensions = dimensions
        self.label = nn.Linear(codes, hidden) if codes else None
        self.net = mlp(dimensions + (hidden if codes else 0), hidden, outputs, layers, activation=nn.ReLU)

    def forward(self, given: Tensor) -> Tensor:
        """Return `(B, outputs)`."""
        if self.label is not None:
            z, label = given[:, : self.dimensions], given[:, self.dimensions :]
            given = torch.cat([z, self.label(label)], dim=1)
        result: Tensor = self.net(given)
        return result


def critic_loss(critic: nn.Module, real: Tensor, fake: Tensor, mismatched: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of the groups, each `[z, y]` in rows; the last may be empty."""
    groups = [(real, 1.0), (fake, 0.0)] + ([(mismatched, 0.0)] if len(mismatched) else [])
    losses = []
    for rows, wanted in groups:
        logits = critic(rows).squeeze(1)
        losses.append(F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, wanted)))
    return torch.stack(losses).mean()


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, label: Tensor, share: Tensor) -> Tensor:
    """Return the mean of (||dD/dz||_2 - 1)^2 at interpolates, the gradient taken in z alone.

    Args:
        critic: `[z, y]` to logits `(B, 1)`.
        real: Latents `(B, D)`.
        fake: Latents `(B, D)`.
        label: y `(B, F)`.
        share: How much of each interpolate is real, `(B, 1)` in 0 to 1.
    """
    between = (share * real + (1 - share) * fake).detach().requires_grad_()
    logits = critic(torch.cat([between, label], dim=1))
    (gradient,) = torch.autograd.grad(logits.sum(), between, create_graph=True)
    norm = (gradient.square().sum(dim=1) + 1e-10).sqrt()
    result: Tensor = (norm - 1).square().mean()
    return result


@dataclass(frozen=True)
class _Real:
    """Prior samples that satisfy, `(N, D)`, what each wants of what is free, and what was measured on each."""

    z: Tensor
    targets: Targets
    values: dict[str, np.ndarray]


class Adversary:
    """An actor and a critic in training.

    Args:
        net: The actor's network.
        critic: The critic's.
        move: Returns G(z, y): `(net, z, y, model)` to latents.
        lr: Adam's learning rate, of both.
        distance: Weight of the distance from the start.
    """

    def __init__(
        self, net: nn.Module, critic: nn.Module, move: Callable[..., Tensor], *, lr: float, distance: float
    ) -> None:
        self.net, self.critic, self.move, self.distance = net, critic, move, distance
        self.optimiser = torch.optim.Adam(net.parameters(), lr=lr, betas=(0.0, 0.9))
        self.critic_optimiser = torch.optim.Adam(critic.parameters(), lr=lr, betas=(0.0, 0.9))
        self.steps = 0
        self._real: _Real | None = None
        self._conditions: tuple[Any, ...] = ()

    def study(self, energy: Energy, prior: Measured) -> None:
        """Keep the prior samples that satisfy every condition, with the labels that they satisfy it under.

        Raises:
            LCError: If they are too few to learn from.
        """
        self._conditions = tuple(entry for entry in energy.entries if entry.require)
        draws = DRAWS if energy.space.leaves else 1
        rows = np.tile(np.arange(len(prior)), draws)
        values = {label: found[rows] for label, found in prior.values.items()}
        targets = energy.space.draw(len(rows), torch.Generator().manual_seed(0))
        hits = np.flatnonzero(targets.met(self._conditions, values, len(rows)))
        if len(hits) < FEWEST:
            raise LCError(
                f"preset paper-2018 learns from prior samples that satisfy; {len(hits)} of {len(prior):,} do, and"
                f" {FEWEST} are needed",
                hint="use the default preset, which needs none",
            )
        z = prior.z[torch.from_numpy(rows[hits])].flatten(1)
        self._real = _Real(z, targets.take(hits), {label: found[hits] for label, found in values.items()})

    def learn(self, model: LatentModel, generator: torch.Generator, steps: int) -> None:
        """Take steps of the critic, and one of the actor after every ten.

        Args:
            model: Gives prior samples.
            generator: Draws them, and the examples.
            steps: Steps of the critic.
        """
        assert self._real is not None, "study comes first"
        for _ in range(steps):
            rows = torch.randint(len(self._real.z), (BATCH,), generator=generator).numpy()
            self._critic_step(rows, model, generator)
            self.steps += 1
            if self.steps % CRITIC_STEPS == 0:
                self._actor_step(self._real.targets.take(rows).code, model, generator)

    def _critic_step(self, rows: np.ndarray, model: LatentModel, generator: torch.Generator) -> None:
        assert self._real is not None
        real, targets = self._real.z[torch.from_numpy(rows)], self._real.targets.take(rows)
        label = targets.code.to(real.device)
        start = draw_prior(model, BATCH, generator)
        if torch.rand((), generator=generator) < PRIOR_STEPS:
            fake = start.flatten(1)
        else:
            with torch.no_grad():
                fake = self.move(self.net, start, label, model).flatten(1)
        other, apart = self._mismatched(rows)
        share = torch.rand((BATCH, 1), generator=generator).to(real.device)
        loss = critic_loss(
            self.critic,
            torch.cat([real, label], dim=1),
            torch.cat([fake, label], dim=1),
            torch.cat([real, other.to(real.device)], dim=1)[torch.from_numpy(apart).to(real.device)],
        )
        loss = loss + PENALTY * gradient_penalty(self.critic, real, fake, label, share)
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.critic_optimiser.step()

    def _mismatched(self, rows: np.ndarray) -> tuple[Tensor, np.ndarray]:
        """Return labels of other examples, and which rows do not satisfy under them as well: only these are wrong."""
        assert self._real is not None
        others = self._real.targets.take(np.roll(rows, 1))
        if not others.code.shape[1]:
            return others.code, np.zeros(len(rows), dtype=bool)
        values = {label: found[rows] for label, found in self._real.values.items()}
        return others.code, ~others.met(self._conditions, values, len(rows))

    def _actor_step(self, label: Tensor, model: LatentModel, generator: torch.Generator) -> None:
        z = draw_prior(model, BATCH, generator)
        moved = self.move(self.net, z, label.to(z.device), model)
        logits = self.critic(torch.cat([moved.flatten(1), label.to(z.device)], dim=1))
        loss = F.softplus(-logits).mean()
        if self.distance > 0:
            loss = loss + self.distance * distance(moved, z, model)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()


class PaperActor(Actor):
    """An actor that is built and trained as published. The paper's 200,000 critic steps are 41 rounds of 4,880.

    Args:
        hidden: Width of the hidden layers.
        layers: Hidden layers.
        distance: Weight of the distance from the start.
        kl: 0: the paper knows none.
        lr: Adam's learning rate.
        round_steps: Steps of the critic in a round of refinement; after every ten the actor takes one.
        block: Tries in a block; default 1,024, fewer where a decode is costly.
    """

    preset = "paper-2018"

    def __init__(
        self,
        *,
        hidden: int = 2_048,
        layers: int = 4,
        distance: float = 0.0,
        kl: float = 0.0,
        lr: float = 1e-4,
        round_steps: int = 4_880,
        block: int | None = None,
    ) -> None:
        super().__init__(
            hidden=hidden, layers=layers, distance=distance, kl=kl, lr=lr, round_steps=round_steps, block=block
        )

    def unfit(self, model: LatentModel, entries: Sequence[Entry], realism: float) -> str | None:
        """Return why the paper's training cannot serve a problem."""
        if (reason := super().unfit(model, entries, realism)) is not None:
            return reason
        if self.kl > 0:
            return "preset paper-2018 does not know kl"
        if not any(entry.require for entry in entries):
            return "preset paper-2018 learns from samples that satisfy, and no constraint is required"
        if any(leaf.guide == "decoder" for leaf in leaves(entries)):
            return "preset paper-2018 learns from samples and follows no gradient; guide: critic works"
        return None

    def unadvised(self, model: LatentModel, entries: Sequence[Entry], realism: float) -> str | None:
        """Return None: its critic keeps what it makes as varied as the samples that it learns from."""
        return None

    def note(self, entries: Sequence[Entry], realism: float) -> str | None:
        """Return what the paper's training leaves out."""
        if realism == 0 and all(entry.require for entry in entries):
            return None
        return "preset paper-2018 learns from prior samples that satisfy; realism and preferences are left out"

    def _projected(self, moved: Tensor, z: Tensor, model: LatentModel) -> Tensor:
        return moved

    def _networks(self, model: LatentModel, codes: int) -> Any:
        net = Labelled(model.dimensions, codes, 2 * model.dimensions, hidden=self.hidden, layers=self.layers)
        against = Labelled(model.dimensions, codes, 1, hidden=self.hidden, layers=self.layers)
        self._learning = Adversary(
            net.to(model.device), against.to(model.device), self._move, lr=self.lr, distance=self.distance
        )
        return net

    def study(self, energy: Energy, prior: Measured) -> None:
        """Keep the prior samples that satisfy: the critic is shown them as real."""
        self._learning.study(energy, prior)

    def learn(self, energy: Energy, model: LatentModel, generator: torch.Generator) -> None:
        """Take `round_steps` steps of the critic, and one of the actor after every ten."""
        self._learning.learn(model, generator, self.round_steps)
        self._net.load_state_dict(self._learning.net.state_dict())
