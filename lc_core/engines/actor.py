"""An amortised actor (Engel, Hoffman, Roberts 2018): a network that moves a prior sample to where constraints hold.

G(z, y) = (1 - sigmoid(g)) * z + sigmoid(g) * dz with (dz, g) = MLP(z, y), trained once to lower the energy of G(z, y);
a sample is then a single forward pass. y holds what is wanted of what the constraints leave free. Distances are
measured as L(z', z) = mean(log(1 + (z' - z)^2) / sigma_bar^2).

The paper's actor and critic play against each other, and the actor learns to fool its critic. Here critics predict
what the rule measures on the actor's own decoded outputs, round after round (`lc_core.fitting.refine`), the actor
learns from averages of their weights, and the round that satisfies most is kept. `lc_core.engines.adversarial` trains
as the paper does; the round that satisfies most is kept there too.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from lc_core.common.nets import mlp, training_autocast
from lc_core.engines.base import Engine
from lc_core.engines.losses import distance, divergence
from lc_core.errors import LCError
from lc_core.models.latent_model import draw_prior

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lc_core.constraints.constraint import Entry
    from lc_core.energy.energy import Energy
    from lc_core.energy.targets import Space
    from lc_core.models.latent_model import LatentModel

__all__ = ["Actor"]

AVERAGE = 0.99
"""What a training step keeps of the averaged weights."""
BATCH = 512
GATE = -2.0
"""The gates' first bias: an actor starts by moving little."""


class Actor(Engine):
    """One forward pass of a network that is trained for the spec.

    Args:
        hidden: Width of the hidden layers.
        layers: Hidden layers.
        distance: Weight of the distance from the start, in units of sigma_bar.
        kl: Weight of the Kullback-Leibler divergence, in nats, of a batch of moved latents from the prior; both are
            taken as normal.
        lr: Adam's learning rate.
        round_steps: Training steps in a round of refinement.
        block: Tries in a block; default 1,024, fewer where a decode is costly.
    """

    amortised: ClassVar[bool] = True
    preset: ClassVar[str] = "default"

    def __init__(
        self,
        *,
        hidden: int = 512,
        layers: int = 2,
        distance: float = 0.1,
        kl: float = 0.0,
        lr: float = 1e-3,
        round_steps: int = 80,
        block: int | None = None,
    ) -> None:
        self.choose_block(block, 1_024)
        self.hidden, self.layers, self.round_steps = hidden, layers, round_steps
        self.distance, self.kl, self.lr = distance, kl, lr
        self.steps = 1
        self._net: Any = None
        self._learning: Any = None

    def unfit(self, model: LatentModel, entries: Sequence[Entry], realism: float) -> str | None:
        """Return why kl cannot serve a model."""
        if self.kl > 0 and not model.on_shell:
            return f"kl is for models with a standard normal prior, and {model.name} has another"
        return None

    def unadvised(self, model: LatentModel, entries: Sequence[Entry], realism: float) -> str | None:
        """Return that it can repeat itself: with realism in its energy, or without a weight of distance."""
        if self.kl > 0:
            return None
        if realism > 0:
            return (
                f"with realism (here {realism:g}) an actor can move many starts to a few places, so that outputs are"
                " alike; realism 0 keeps them apart, and so does the actor's kl"
            )
        return "with distance 0 an actor moves all starts to nearly one place" if self.distance == 0 else None

    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        """Return G(z), moved back to where the prior has its mass."""
        import torch

        if self._net is None:
            raise LCError("this actor is not fitted", hint="prepare fits it; lc sample and lc_core.sample do so")
        with torch.inference_mode(), training_autocast(model.device):
            moved = self._move(self._net, state[0], energy.code, model)
        return (moved.clone(),)

    def _move(self, net: Any, z: Tensor, code: Tensor | None, model: LatentModel) -> Tensor:
        import torch

        flat = z.flatten(1)
        given = flat if code is None else torch.cat([flat, code.to(flat.device).expand(len(flat), -1)], dim=1)
        target, gate = net(given).float().chunk(2, dim=1)
        return self._projected(torch.lerp(flat, target, gate.sigmoid()).view_as(z), z, model)

    def _projected(self, moved: Tensor, z: Tensor, model: LatentModel) -> Tensor:
        return model.project(moved, z)

    def begin(self, model: LatentModel, space: Space, generator: torch.Generator) -> Actor:
        """Return an actor for a model and what is free that has learned nothing yet."""
        return self._begun(model, space.size, generator)

    def _begun(self, model: LatentModel, codes: int, generator: torch.Generator) -> Actor:
        import torch

        actor = copy.copy(self)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
            net = actor._networks(model, codes)
        actor._net = copy.deepcopy(net).requires_grad_(False)
        return actor

    def _networks(self, model: LatentModel, codes: int) -> Any:
        """Return the network on the model's device, with `codes` numbers of input beside the latent; begin learning."""
        import torch

        net = mlp(model.dimensions + codes, self.hidden, 2 * model.dimensions, self.layers)
        with torch.no_grad():
            list(net.parameters())[-1][model.dimensions :] = GATE
        net.to(model.device)
        self._learning = net, torch.optim.Adam(net.parameters(), lr=self.lr, betas=(0.9, 0.98))
        return net

    def learn(self, energy: Energy, model: LatentModel, generator: torch.Generator) -> None:
        """Take some steps down the mean energy of G(z, y), z from the prior and y from what is free."""
        import torch

        net, optimiser = self._learning
        for _ in range(self.round_steps):
            z = draw_prior(model, BATCH, generator)
            wanted = energy.at(energy.space.draw(BATCH, generator))
            moved = self._move(net, z, wanted.code, model)
            loss = wanted(moved).total.mean()
            if self.distance > 0:
                loss = loss + self.distance * distance(moved, z, model)
            if self.kl > 0:
                loss = loss + self.kl * divergence(moved)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            with torch.no_grad():
                torch._foreach_lerp_(list(self._net.parameters()), list(net.parameters()), 1 - AVERAGE)

    def tensors(self) -> dict[str, Tensor]:
        """Return copies of the weights that sampling uses."""
        return {name: tensor.detach().clone() for name, tensor in self._net.state_dict().items()}

    def with_tensors(self, tensors: dict[str, Tensor], model: LatentModel, space: Space) -> Actor:
        """Return an actor with the weights that `tensors` gave."""
        return self.restored(tensors, model, space.size)

    def restored(self, tensors: dict[str, Tensor], model: LatentModel, codes: int) -> Actor:
        """Return an actor with the weights that `tensors` gave, given what is free as so many numbers."""
        import torch

        actor = self._begun(model, codes, torch.Generator().manual_seed(0))
        actor._net.load_state_dict(tensors)
        actor._learning = None
        return actor
