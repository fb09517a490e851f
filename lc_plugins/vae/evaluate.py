"""What is measured of any trained VAE for its card: its posterior, its realism critic, and latents to decode."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core import Posterior
from lc_core.common import block_generator
from lc_core.critics import auc
from lc_core.engines import Gradient, run_engine
from lc_plugins.vae.loss import kl_nats

if TYPE_CHECKING:
    from torch import Tensor

    from lc_plugins.vae.model import VAEModel

__all__ = ["REFINING", "posterior_and_realism", "refined", "sample_latents"]

REFINING = 40
"""Steps of the gradient engine that refine prior samples."""


def sample_latents(model: VAEModel, posterior: Posterior, *, count: int) -> dict[str, Tensor]:
    """Return latents: one sample of each `posterior`, `count` of the `prior`, and these `refined` by realism alone."""
    import torch

    noise = torch.randn(posterior.mean.shape, generator=block_generator(0, 0, "evaluate/posterior"))
    prior = model.sample_prior(count, block_generator(0, 0, "evaluate/prior"))
    return {"posterior": posterior.mean + posterior.std * noise, "prior": prior, "refined": refined(model, prior)}


def refined(model: VAEModel, prior: Tensor) -> Tensor:
    """Return prior samples moved by the model's flow; without one, up the realism critic by the gradient engine."""
    import torch

    from lc_core.energy import Energy

    if flow := model.flow():
        with torch.no_grad():
            moved: Tensor = flow(prior)
        return moved
    energy = Energy((), realism=model.realism(), realism_weight=1.0)
    return run_engine(Gradient(steps=REFINING, check_every=0), model, prior, energy).z


def posterior_and_realism(model: VAEModel, posterior: Posterior, latents: dict[str, Tensor]) -> dict[str, Any]:
    """Return the part `posterior` of figures (KL in nats, active dimensions), and `realism` (AUC against the prior).

    Args:
        model: The model.
        posterior: Of held-out data.
        latents: From `sample_latents`.
    """
    import torch

    critic, kinds = model.realism(), ("posterior", "prior")
    with torch.inference_mode():
        scores = torch.cat([critic(latents[kind]) for kind in kinds]).numpy()
    kl = kl_nats(posterior.mean, posterior.std)
    return {
        "posterior": {"KL nats": float(kl.sum(1).mean()), "active dimensions": int((kl.mean(0) > 0.02).sum())},
        "realism": {"held-out AUC": auc(scores, np.arange(len(scores)) < len(latents["posterior"]))},
    }
