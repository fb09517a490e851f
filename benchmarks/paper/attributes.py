"""Avatars under full vectors of attributes, by the paper's optimiser: what E5 and E6 generate with.

The critic is the paper's for the optimiser: one logit for each attribute, trained on posterior samples of training
pictures with their labels. What something hides in a picture is asked of no latent. The judge has no part in it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.tables import say
from lc_core.common.cache import Cache, key_of
from lc_core.common.nets import mlp
from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.energy.energy import EnergyValue
from lc_core.engines.gradient import Gradient
from lc_core.engines.loop import run_engine
from lc_core.models.latent_model import LatentModel
from lc_plugins.avatars.attributes import NAMES, visible
from lc_plugins.avatars.dataset import read_avatars
from lc_plugins.images.arrays import from_pixels

Generate = Callable[[np.ndarray], np.ndarray]
"""Given which attributes are wanted, `(N, 30)` bool, returns as many pictures, `(N, 3, 64, 64)` float32."""

FIT: dict[str, Any] = {"version": 1, "pictures": 40_000, "hidden": 512, "steps": 2_000, "batch": 512, "lr": 1e-3}
BLOCK = 500


@dataclass(frozen=True)
class AttributeEnergy:
    """Cross-entropy of every attribute that can be seen, summed, and realism.

    Args:
        critic: Latents `(B, D)` to logits `(B, 30)`.
        realism: Latents to logits `(B,)`.
        weight: Weight of realism.
        wanted: Which attributes each row is to have, `(B, 30)` bool.
    """

    critic: nn.Module
    realism: nn.Module
    weight: float
    wanted: Tensor
    seen: Tensor

    def __call__(self, z: Tensor) -> EnergyValue:
        """Return the energy of latents `(B, D)` and its two terms."""
        each = F.binary_cross_entropy_with_logits(self.critic(z), self.wanted.float(), reduction="none")
        terms = {"attributes": (each * self.seen).sum(1), "realism": self.weight * F.softplus(-self.realism(z))}
        return EnergyValue(terms["attributes"] + terms["realism"], terms)


def attribute_critic(model: LatentModel) -> nn.Module:
    """Return the critic of all attributes for a model, fitted when first needed and kept in the cache folder."""

    def fit() -> tuple[dict[str, Any], dict[str, Tensor]]:
        say(f"attribute critic of {model.name}: encoding {FIT['pictures']} pictures")
        return {"what": f"critic of all attributes for {model.name}"}, _fit(model).state_dict()

    key = key_of({"attributes": FIT, "model": model.digest})
    _, tensors, _ = Cache().get_or_fit("attributes", key, fit, progress=say)
    net = _net(model)
    net.load_state_dict(tensors)
    return net.requires_grad_(False).eval()


def _net(model: LatentModel) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net: nn.Module = mlp(model.dimensions, FIT["hidden"], len(NAMES), 2)
    return net


def _fit(model: LatentModel) -> nn.Module:
    train = read_avatars("train", progress=say)
    pictures, labels = train.pictures[: FIT["pictures"]], train.held[: FIT["pictures"]]
    parts = np.split(pictures, range(BLOCK, len(labels), BLOCK))
    encoded = [model.encode(from_pixels(np.asarray(part))) for part in parts]
    mean, std = (torch.cat([getattr(one, name) for one in encoded]).clone() for name in ("mean", "std"))
    held, seen = torch.from_numpy(labels).float(), torch.from_numpy(visible(labels))
    net = _net(model)
    optimiser = torch.optim.AdamW(net.parameters(), lr=FIT["lr"], weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, FIT["steps"])
    for step in range(1, FIT["steps"] + 1):
        generator = block_generator(0, step, "attribute critic")
        rows = torch.randint(len(mean), (FIT["batch"],), generator=generator)
        z = mean[rows] + std[rows] * torch.randn((len(rows), model.dimensions), generator=generator)
        each = F.binary_cross_entropy_with_logits(net(z), held[rows], reduction="none")
        loss = (each * seen[rows]).sum() / seen[rows].sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if step % 500 == 0:
            say(f"attribute critic: step {step}/{FIT['steps']}, loss {loss.item():.4f}")
    return net


def descend(
    model: LatentModel, wanted: np.ndarray, *, visit: Sequence[int], realism: float, lr: float, seed: int = 0
) -> list[Tensor]:
    """Return latents `(N, D)` after each of some steps of the gradient engine; the last of them is its end.

    Args:
        model: The model.
        wanted: Attributes, `(N, 30)` bool.
        visit: Numbers of steps, rising; 0 is the prior sample.
        realism: Weight of realism.
        lr: The engine's learning rate.
        seed: Seed of the prior samples.
    """
    critic, realistic = attribute_critic(model), model.realism()
    if realistic is None:
        raise ValueError(f"{model.name} has no realism critic")
    engine = Gradient(steps=visit[-1], lr=lr, check_every=0)
    parts = []
    for number, rows in enumerate(np.split(np.arange(len(wanted)), range(BLOCK, len(wanted), BLOCK))):
        some = torch.from_numpy(wanted[rows])
        energy: Any = AttributeEnergy(critic, realistic, realism, some, torch.from_numpy(visible(wanted[rows])))
        z = model.sample_prior(len(rows), block_generator(seed, number, "attributes"))
        later = run_engine(engine, model, z, energy, visit=[step for step in visit if step]).visited
        parts.append([z, *later] if 0 in visit else list(later))
    return [torch.cat(step) for step in zip(*parts, strict=True)]


def optimiser(model: LatentModel, *, steps: int = 100, realism: float = 8.0, lr: float = 0.1) -> Generate:
    """Return what generates pictures by the gradient engine from prior samples."""

    def generate(wanted: np.ndarray) -> np.ndarray:
        (z,) = descend(model, wanted, visit=[steps], realism=realism, lr=lr)
        return Evaluator(model, ()).decode(z)

    return generate
