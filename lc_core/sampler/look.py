"""What a predictor sees of latents: how probable each want is, and which way it becomes more so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lc_core.common.guard import blaming
from lc_core.common.nets import training_autocast
from lc_core.common.seeds import block_generator
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel, draw_prior
from lc_core.sampler.network import Predictor, want_logs

__all__ = ["Look", "check_features", "look"]


@dataclass(frozen=True)
class Look:
    """What a predictor sees of latents.

    Attributes:
        logs: Log probability of each want, `(B, L)`.
        gradient: Of their sum, `(B, D)`.
    """

    logs: Tensor
    gradient: Tensor


def look(
    model: LatentModel,
    predictor: Predictor,
    z: Tensor,
    rules: Sequence[int],
    codes: Tensor,
    at: Tensor,
    present: Tensor,
    masks: Tensor,
) -> Look:
    """Predict the wants of latents `(B, *latent_shape)`, and how they change with these.

    Args:
        model: The model.
        predictor: The predictor.
        z: Latents.
        rules: The rule of each of C columns.
        codes: Their settings `(C, S)`.
        at: Which columns a row wants, `(B, L)`.
        present: 1 where there is a want, `(B, L)`.
        masks: Which bins, `(B, L, BINS + 1)`.
    """
    with torch.enable_grad(), training_autocast(model.device):
        here = z.detach().requires_grad_(True)
        with blaming(f"features of {model.name}"):
            features = model.features(here)
        every = predictor(features, rules, codes)
        rows = torch.arange(len(z), device=z.device)[:, None]
        logs = want_logs(every[rows, at], masks) * present
        (gradient,) = torch.autograd.grad(logs.sum(), here)
    return Look(logs.detach(), gradient.float().flatten(1))


def check_features(model: LatentModel) -> None:
    """Refuse a model whose `features` no sampler could read.

    Raises:
        LCError: If they raise, have another shape than `(B, F)`, are not finite, or no gradient comes back.
    """
    z = draw_prior(model, 2, block_generator(0, 0, "sanity")).requires_grad_(True)
    who = f"features of {model.name}"
    with torch.enable_grad(), blaming(who):
        found = model.features(z)
        if found.ndim != 2 or len(found) != len(z):
            raise LCError(f"{who} returned shape {tuple(found.shape)} for 2 latents; expected (2, F)")
        if not bool(torch.isfinite(found).all()):
            raise LCError(f"{who} returned a value that is not finite")
        gradient = torch.autograd.grad(found.sum(), z, allow_unused=True)[0] if found.requires_grad else None
    if gradient is None or not bool(torch.isfinite(gradient).all()):
        raise LCError(
            f"no gradient comes back through the {who}",
            hint="leave features out: then a sampler reads the latents themselves",
        )
