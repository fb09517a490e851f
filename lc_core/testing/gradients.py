"""A gradient that is claimed, against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from lc_core.common.seeds import block_generator
from lc_core.constraints.measurement import Measurement

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["OFF", "form_fault", "gradient_off"]

OFF = 0.05
"""Largest share by which a gradient may differ from finite differences."""
AGREE = 0.1
"""Largest mean difference of the two forms of a measurement, in standard deviations; as `guide: decoder` has it."""


def gradient_off(height: Callable[[Tensor], Tensor], at: Tensor) -> float:
    """Return by what share a gradient is off from finite differences along a random direction.

    Args:
        height: A function of a batch, one number for each row.
        at: The batch `(B, ...)`.
    """
    import torch

    direction = torch.randn(at.shape, generator=block_generator(0, 0, "check/direction")).to(at)
    with torch.enable_grad():
        start = at.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(height(start).sum(), start)
    claimed = (gradient * direction).flatten(1).sum(1).double()
    off = []
    with torch.no_grad():
        # One step is too wide for curves, another too fine for float32; a real gradient fits one of them.
        for step in (0.1, 0.01, 0.001):
            slope = (height(at + step * direction) - height(at - step * direction)).double() / (2 * step)
            off.append(float((slope - claimed).norm() / torch.maximum(slope.norm(), claimed.norm()).clamp_min(1e-12)))
    return min(off)


def form_fault(measurement: Measurement, outputs: np.ndarray, values: np.ndarray) -> str | None:
    """Return what is wrong with a measurement's differentiable form, or None."""
    import torch

    from lc_core.energy.decoder_guide import values_of

    known = ~np.isnan(values)
    batch = torch.as_tensor(outputs[known]).double()[:16]
    if not len(batch):
        return None
    with torch.enable_grad():
        found = values_of(measurement, batch.clone().requires_grad_())
    if not found.requires_grad:
        return "it is declared differentiable, but no gradient comes back"
    off = float(np.abs(found.detach().numpy() - values[known][:16]).mean())
    if off > AGREE * values[known].std() + 1e-6:
        return f"its differentiable form returns other values: off by {off:.3g} on average"
    share = gradient_off(lambda at: values_of(measurement, at), batch)
    return f"the gradient is off from finite differences by {share:.0%}" if share > OFF else None
