"""Ways back: brings examples that satisfy nearer to where they began, as far as they still satisfy."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lc_core.editing.settings import EditSettings
from lc_core.editing.state import BlockState
from lc_core.energy.energy import Energy
from lc_core.engines.base import EditingEngine

__all__ = ["follow", "shrink", "slide", "tighten"]

TINY = 1e-30  # least length that a gradient is divided by; one that is zero leads nowhere


def follow(
    state: BlockState, engine: EditingEngine, start: Tensor, rows: np.ndarray, *, weight: float, steps: int
) -> None:
    """Let some rows follow an engine from `start` for all of its steps, kept near their own encodings.

    Args:
        state: Assesses each place at the engine's checks.
        engine: The engine.
        start: Where to begin, a place for each row of the block.
        rows: Which rows are assessed.
        weight: Of what is asked, as a multiple of its own.
        steps: How many.
    """
    energy = state.weighted(weight)
    now = engine.init(start, state.model, anchor=state.z0)
    for step in range(1, steps + 1):
        now = engine.step(now, energy, state.model, step)
        if step in engine.checks:
            state.assess(now[0].detach(), rows, step)


def shrink(state: BlockState, rows: np.ndarray, settings: EditSettings) -> None:
    """Draw rows straight back towards their starts, by halving."""
    if not len(rows):
        return
    far, low, high = state.best.clone(), np.zeros(len(rows)), np.ones(len(rows))
    for _ in range(settings.halvings):
        middle = (low + high) / 2
        share = torch.zeros(len(far), dtype=far.dtype, device=far.device)
        share[rows] = torch.from_numpy(middle).to(far)
        good = state.accept(torch.lerp(state.z0, far, share.view(-1, *[1] * (far.dim() - 1))), rows)
        low, high = np.where(good, low, middle), np.where(good, middle, high)


def slide(state: BlockState, through: Energy, rows: np.ndarray, settings: EditSettings) -> None:
    """Move rows nearer along what leaves the asked values as they are, by their gradient through the decoder.

    In units of sigma_bar the nearest place on a plane where something asked has one value lies along its gradient; the
    rest of the way that was gone is given up a share at a time. These are steps of projected gradient descent on the
    squared distance, with a share for each row.
    """
    if not len(rows):
        return
    at, unit = torch.from_numpy(rows).to(state.z0.device), state.model.sigma_bar
    share = torch.full((len(rows),), settings.slide).to(state.z0)
    for move in range(settings.slides):
        if move % settings.slides_per_gradient == 0:
            up = -_gradient(through, state.best)[at] * unit  # of a whole block: products round by its size
            up = (up.flatten(1) / up.flatten(1).norm(dim=1, keepdim=True).clamp_min(TINY)).view_as(up)
        gone = (state.best[at] - state.z0[at]) / unit
        along = _dot(gone, up).clamp_min(0)
        less = gone - _times(share, gone - _times(along, up))
        spent = settings.slide_spent * (_dot(gone, gone) - _dot(less, less)).clamp_min(0)
        inward = _dot(less, up)
        less = less + _times((inward.square() + spent).sqrt() - inward, up)
        z = state.best.clone()
        z[at] = state.z0[at] + less * unit
        good = state.accept(z, rows)
        factor = torch.from_numpy(np.where(good, settings.slide_longer, settings.slide_shorter)).to(share)
        share = (share * factor).clamp(settings.slide_shortest, settings.slide_longest)


def tighten(state: BlockState, rows: np.ndarray, generator: torch.Generator, settings: EditSettings) -> None:
    """Bring random parts of rows' coordinates halfway back."""
    if not len(rows):
        return
    for _ in range(settings.parts):
        part = (torch.rand(state.z0.shape[1:], generator=generator) < settings.part).to(state.z0.device)
        state.accept(torch.where(part, (state.best + state.z0) / 2, state.best), rows)


def _gradient(energy: Energy, z: Tensor) -> Tensor:
    """Return the gradient of an energy at latents, of their shape; 0, which leads nowhere, where it is not finite."""
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(energy(z).total.sum(), z)
    return gradient.nan_to_num(0.0, 0.0, 0.0)


def _dot(first: Tensor, second: Tensor) -> Tensor:
    """Return the inner products of rows, `(B,)`."""
    return (first * second).flatten(1).sum(dim=1)


def _times(factor: Tensor, rows: Tensor) -> Tensor:
    """Return rows, each multiplied by its factor `(B,)`."""
    return factor.view(-1, *[1] * (rows.dim() - 1)) * rows
