"""An amortised actor (Engel, Hoffman, Roberts 2018): a network that moves a prior sample to where constraints hold.

G(z, y) = (1 - sigmoid(g)) * z + sigmoid(g) * dz with (dz, g) = MLP(z, y), trained once to lower the energy of G(z, y);
a sample is then a single forward pass. y tells what is wanted of that which the constraints leave free. Distances are
measured as L(z', z) = mean(log(1 + (z' - z)^2) / sigma_bar^2).

The paper's actor and critic play against each other, and the actor learns to fool its critic. Here critics predict
what the rule measures on the actor's own decoded outputs, round after round (`lc_core.refining`), the actor learns
from averages of their weights, and the round that satisfies most is kept.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from lc_core.engines.base import Engine
from lc_core.errors import LCError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lc_core.conditioning import Space
    from lc_core.energy import Energy
    from lc_core.latent_model import LatentModel

__all__ = ["Actor"]

AVERAGE = 0.99
"""What a training step keeps of the averaged weights."""
BATCH = 512
GATE = -2.0
"""The gates' first bias: an actor starts by moving little."""


class Actor(Engine):
    """One forward pass of a network that is trained for the spec; the cheapest engine once it is fitted.

    Args:
        hidden: Width of the hidden layers.
        layers: Hidden layers.
        distance: Weight of the distance from the start, in units of sigma_bar. At 0 all starts are moved to nearly
            one place; more keeps more of a start, and satisfies less often.
        lr: Adam's learning rate.
        round_steps: Training steps of the actor in a round of refinement.
        block: Tries in a block.
    """

    amortised: ClassVar[bool] = True

    def __init__(
        self,
        *,
        hidden: Annotated[int, Field(ge=1, le=8_192)] = 512,
        layers: Annotated[int, Field(ge=1, le=8)] = 2,
        distance: Annotated[float, Field(ge=0, le=1_000)] = 0.1,
        lr: Annotated[float, Field(gt=0, le=1)] = 1e-3,
        round_steps: Annotated[int, Field(ge=1, le=100_000)] = 80,
        block: Annotated[int, Field(ge=1, le=65_536)] = 1024,
    ) -> None:
        self.hidden, self.layers, self.distance = hidden, layers, distance
        self.lr, self.round_steps, self.block = lr, round_steps, block
        self.steps = 1
        self._net: Any = None
        self._learning: Any = None

    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        """Return G(z), moved back to where the prior has its mass."""
        import torch

        if self._net is None:
            raise LCError("this actor is not fitted", hint="prepare fits it; lc sample and lc_core.sample do so")
        with torch.inference_mode():
            moved = self._move(self._net, state[0], energy.code, model)
        return (moved.clone(),)

    def _move(self, net: Any, z: Tensor, code: Tensor | None, model: LatentModel) -> Tensor:
        import torch

        flat = z.flatten(1)
        told = flat if code is None else torch.cat([flat, code.to(flat.device).expand(len(flat), -1)], dim=1)
        target, gate = net(told).chunk(2, dim=1)
        return model.project(torch.lerp(flat, target, gate.sigmoid()).view_as(z), z)

    def begin(self, model: LatentModel, space: Space, generator: torch.Generator) -> Actor:
        """Return an actor for a model and what is free that has learned nothing yet."""
        import torch

        from lc_core.critics.critic import mlp

        actor = copy.copy(self)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
            net = mlp(model.dimensions + space.size, self.hidden, 2 * model.dimensions, self.layers)
        with torch.no_grad():
            list(net.parameters())[-1][model.dimensions :] = GATE
        net.to(model.device)
        actor._net = copy.deepcopy(net).requires_grad_(False)
        actor._learning = net, torch.optim.Adam(net.parameters(), lr=self.lr, betas=(0.9, 0.98))
        return actor

    def learn(self, energy: Energy, model: LatentModel, generator: torch.Generator) -> None:
        """Take some steps down the mean energy of G(z, y), z from the prior and y from what is free."""
        import torch

        from lc_core.latent_model import draw_prior

        net, optimiser = self._learning
        sigma = getattr(model, "sigma_bar", None)
        scale = 1.0 if sigma is None else sigma.to(model.device).flatten().square()
        for _ in range(self.round_steps):
            z = draw_prior(model, BATCH, generator)
            wanted = energy.at(energy.space.draw(BATCH, generator))
            moved = self._move(net, z, wanted.code, model)
            loss = wanted(moved).total.mean()
            if self.distance > 0:
                loss = loss + self.distance * ((moved - z).flatten(1).square().log1p() / scale).mean()
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
        import torch

        actor = self.begin(model, space, torch.Generator().manual_seed(0))
        actor._net.load_state_dict(tensors)
        actor._learning = None
        return actor
