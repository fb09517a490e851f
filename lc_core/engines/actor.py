"""An amortised actor (Engel, Hoffman, Roberts 2018): a network that moves a prior sample to where constraints hold.

G(z, y) = (1 - sigmoid(g)) * z + sigmoid(g) * dz with (dz, g) = MLP(z, y), trained once to lower the energy of G(z, y);
a sample is then a single forward pass. y tells what is wanted of that which the constraints leave free. Distances are
measured as L(z', z) = mean(log(1 + (z' - z)^2) / sigma_bar^2).

The paper's actor and critic play against each other, and the actor learns to fool its critic. Here critics predict
what the rule measures on the actor's own decoded outputs, round after round (`lc_core.refining`), the actor learns
from averages of their weights, and the round that satisfies most is kept. The preset `paper-2018` trains as the paper
does (`lc_core.engines.adversarial`); the round that satisfies most is kept there too.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from lc_core.constraint import leaves
from lc_core.engines.base import Engine
from lc_core.errors import LCError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lc_core.conditioning import Space
    from lc_core.constraint import Entry
    from lc_core.energy import Energy
    from lc_core.fitting import Replay
    from lc_core.latent_model import LatentModel

__all__ = ["Actor"]

PRESETS: Mapping[str, Mapping[str, Any]] = {
    "default": {"hidden": 512, "layers": 2, "distance": 0.1, "lr": 1e-3, "round_steps": 80},
    "paper-2018": {"hidden": 2_048, "layers": 4, "distance": 0.0, "lr": 1e-4, "round_steps": 4_880},
}
"""What a setting is that is not given. The paper's 200,000 critic steps are 41 rounds of 4,880."""

AVERAGE = 0.99
"""What a training step keeps of the averaged weights."""
BATCH = 512
RIDGE = 1e-3
"""Added to variances, so that a direction in which a batch does not vary costs much and not all."""
GATE = -2.0
"""The gates' first bias: an actor starts by moving little."""


class Actor(Engine):
    """One forward pass of a network that is trained for the spec; the cheapest engine once it is fitted.

    A setting that is None has the preset's value; the default preset's is told first.

    Args:
        preset: How it is built and trained: `default`, sized for latents of a few hundred values, or `paper-2018`,
            against a critic as published: for whoever has latents of the paper's size (1,024) and a day.
        hidden: Width of the hidden layers (512; paper-2018 2,048).
        layers: Hidden layers (2; paper-2018 4).
        distance: Weight of the distance from the start, in units of sigma_bar (0.1; paper-2018 0). At 0 all starts
            are moved to nearly one place; more keeps more of a start, and satisfies less often.
        kl: Weight of the Kullback-Leibler divergence of what it makes of a batch from the prior, both taken as normal.
            With realism an actor moves many starts to one place, and this keeps them apart: 0.03 to 0.1, for a
            standard normal prior. Not of paper-2018.
        lr: Adam's learning rate (0.001; paper-2018 0.0001).
        round_steps: Training steps in a round of refinement: the actor's (80), or in paper-2018 its critic's (4,880),
            of which every tenth is followed by one of the actor's. There are at most 41 rounds.
        block: Tries in a block; default 1,024, fewer where a decode is costly.
        folder: A folder that `lc fit --out` wrote: its actor is used instead of one being fitted. All settings but
            `block` are then its own.
    """

    amortised: ClassVar[bool] = True

    def __init__(
        self,
        *,
        preset: Literal["default", "paper-2018"] = "default",
        hidden: Annotated[int, Field(ge=1, le=8_192)] | None = None,
        layers: Annotated[int, Field(ge=1, le=8)] | None = None,
        distance: Annotated[float, Field(ge=0, le=1_000)] | None = None,
        kl: Annotated[float, Field(ge=0, le=1_000)] = 0.0,
        lr: Annotated[float, Field(gt=0, le=1)] | None = None,
        round_steps: Annotated[int, Field(ge=1, le=1_000_000)] | None = None,
        block: Annotated[int, Field(ge=1, le=65_536)] | None = None,
        folder: str = "",
    ) -> None:
        if preset not in PRESETS:
            raise LCError(f"preset must be {' or '.join(PRESETS)}; found {preset!r}")
        given = {"hidden": hidden, "layers": layers, "distance": distance, "lr": lr, "round_steps": round_steps}
        told = [key for key, value in given.items() if value is not None] + ["preset"] * (preset != "default")
        told += ["kl"] * (kl != 0)
        if folder and told:
            raise LCError(
                f"an actor from a folder has its own {', '.join(told)}",
                hint="leave out folder, or all settings but block",
            )
        filled: dict[str, Any] = {key: PRESETS[preset][key] if value is None else value for key, value in given.items()}
        self.preset, self.folder = preset, folder
        self.choose_block(block, 1_024)
        self.hidden, self.layers, self.round_steps = filled["hidden"], filled["layers"], filled["round_steps"]
        self.distance, self.kl, self.lr = filled["distance"], kl, filled["lr"]
        self.steps = 1
        self._net: Any = None
        self._learning: Any = None

    def settings(self) -> dict[str, Any]:
        """Return what decides its weights: of one from a folder, which weights these are."""
        found = super().settings()
        folder = found.pop("folder")
        if folder:
            from lc_core.actor_folder import read_config

            return {"block": self.block, "weights": read_config(folder)["weights_sha256"]}
        # What was fitted before there were these settings is still good.
        if self.preset == "default":
            del found["preset"]
        if self.kl == 0:
            del found["kl"]
        return found

    def unfit(self, model: LatentModel, entries: Sequence[Entry], realism: float) -> str | None:
        """Return why the paper's training, or kl, cannot serve a problem."""
        if self.kl > 0 and not model.on_shell:
            return f"kl is for models with a standard normal prior, and {model.name} has another"
        if self.kl > 0 and self.preset == "paper-2018":
            return "preset paper-2018 does not know kl"
        if self.preset == "paper-2018" and not any(entry.require for entry in entries):
            return "preset paper-2018 learns from samples that satisfy, and no constraint is required"
        if self.preset == "paper-2018" and any(leaf.guide == "decoder" for leaf in leaves(entries)):
            return "preset paper-2018 learns from samples and follows no gradient; guide: critic works"
        return None

    def unadvised(self, model: LatentModel, entries: Sequence[Entry], realism: float) -> str | None:
        """Return that it can repeat itself: with realism in its energy, or with nothing that keeps it near its starts.

        An actor from a folder is not judged: its model card tells the share of its outputs that are distinct.
        """
        if self.folder or self.kl > 0 or self.preset == "paper-2018":
            return None
        if realism > 0:
            return (
                f"with realism (here {realism:g}) an actor can move many starts to a few places, so that outputs are"
                " alike; realism 0 keeps them apart, and so does the actor's kl"
            )
        return "with distance 0 an actor moves all starts to nearly one place" if self.distance == 0 else None

    def note(self, entries: Sequence[Entry], realism: float) -> str | None:
        """Return what the paper's training leaves out."""
        if self.preset != "paper-2018" or (realism == 0 and all(entry.require for entry in entries)):
            return None
        return "preset paper-2018 learns from prior samples that satisfy; realism and preferences are left out"

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
        moved = torch.lerp(flat, target, gate.sigmoid()).view_as(z)
        return moved if self.preset == "paper-2018" else model.project(moved, z)

    def begin(self, model: LatentModel, space: Space, generator: torch.Generator) -> Actor:
        """Return an actor for a model and what is free that has learned nothing yet."""
        return self._begun(model, space.size, generator)

    def _begun(self, model: LatentModel, codes: int, generator: torch.Generator) -> Actor:
        import torch

        from lc_core.critics.critic import mlp

        actor = copy.copy(self)
        paper = self.preset == "paper-2018"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
            if paper:
                from lc_core.engines.adversarial import Adversary, Labelled

                net: Any = Labelled(
                    model.dimensions, codes, 2 * model.dimensions, hidden=self.hidden, layers=self.layers
                )
                against = Labelled(model.dimensions, codes, 1, hidden=self.hidden, layers=self.layers)
                against.to(model.device)
            else:
                net = mlp(model.dimensions + codes, self.hidden, 2 * model.dimensions, self.layers)
                with torch.no_grad():
                    list(net.parameters())[-1][model.dimensions :] = GATE
        net.to(model.device)
        actor._net = copy.deepcopy(net).requires_grad_(False)
        if paper:
            actor._learning = Adversary(net, against, self._move, lr=self.lr, distance=self.distance)
        else:
            actor._learning = net, torch.optim.Adam(net.parameters(), lr=self.lr, betas=(0.9, 0.98))
        return actor

    def study(self, energy: Energy, prior: Replay) -> None:
        """Keep the prior samples that satisfy: the paper's critic is shown them as real."""
        if self.preset == "paper-2018":
            self._learning.study(energy, prior)

    def learn(self, energy: Energy, model: LatentModel, generator: torch.Generator) -> None:
        """Take some steps down the mean energy of G(z, y), z from the prior and y from what is free."""
        import torch

        from lc_core.latent_model import draw_prior

        if self.preset == "paper-2018":
            self._learning.learn(model, generator, self.round_steps)
            self._net.load_state_dict(self._learning.net.state_dict())
            return
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
        """Return an actor with the weights that `tensors` gave, told of what is free by so many numbers."""
        import torch

        actor = self._begun(model, codes, torch.Generator().manual_seed(0))
        actor._net.load_state_dict(tensors)
        actor._learning = None
        return actor


def distance(moved: Tensor, z: Tensor, model: LatentModel) -> Tensor:
    """Return L_dist, mean(log(1 + (z' - z)^2) / sigma_bar^2), over a batch of latents."""
    sigma = getattr(model, "sigma_bar", None)
    scale = 1.0 if sigma is None else sigma.to(z.device).flatten().square()
    result: Tensor = ((moved - z).flatten(1).square().log1p() / scale).mean()
    return result


def divergence(moved: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence, in nats, of the normal with a batch's moments from the standard one."""
    import torch

    flat = moved.flatten(1)
    mean = flat.mean(dim=0)
    centred = flat - mean
    ridge = RIDGE * torch.eye(flat.shape[1], dtype=flat.dtype, device=flat.device)
    covariance = centred.T @ centred / len(flat) + ridge
    spread = covariance.diagonal().sum() + mean.square().sum() - flat.shape[1]
    result: Tensor = (spread - torch.linalg.slogdet(covariance)[1]) / 2
    return result
