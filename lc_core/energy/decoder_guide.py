"""Guidance through the decoder: what is wanted of a measurement, followed along its own gradient and the model's.

No critic is fitted for such a constraint. Its log odds are how far the value lies inside what is wanted, in units of
the value's standard deviation over prior samples; the energy's -log sigmoid of that is a hinge with a rounded corner.
They combine with those of critics by all / any / not, and what is delivered is measured as everything is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from lc_core.common.cache import Cache, key_of
from lc_core.common.seeds import block_generator
from lc_core.common.words import counted
from lc_core.constraints.constraint import Constraint, Entry, leaves
from lc_core.constraints.digest import code_digest, measurement_digest
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import Want
from lc_core.critics.critic import Odds
from lc_core.errors import LCError, PluginFault
from lc_core.models.cost import share_of_block
from lc_core.models.gradient_path import gradient_path
from lc_core.models.latent_model import LatentModel, decode_outputs, draw_prior

__all__ = ["DecoderGuide", "Spread", "check_guides", "guided", "spreads_of"]

SLOPE = 20.0
"""Log odds of a value that lies one standard deviation inside what is wanted."""
FAR = 1e3
"""Minus the log odds of a value that is undefined."""
ROUNDING = 1e-6
"""How far, as a share of a bound, the differentiable form may differ from what decides, by rounding."""
SAMPLES, FEWEST = 1_024, 64
"""Prior samples that a standard deviation is taken over, and the fewest where a decode is costly. That of 64 is off by
about 9 %, and so is the slope of a hinge, on which the steps of an engine depend little."""
TRIED = 16
"""Prior samples that gradients and values are checked on."""
AGREE = 0.1
"""Largest mean difference of the two forms of a measurement, in standard deviations."""
INSTEAD = "guide: critic works: a critic is fitted to what is measured on decoded outputs"


def guided(entries: Sequence[Entry]) -> list[Constraint]:
    """Return the constraints that are followed through the decoder."""
    return [leaf for leaf in leaves(entries) if leaf.guide == "decoder"]


@dataclass(frozen=True)
class Spread:
    """Of a measurement over prior samples: standard deviation, lowest and highest value; NaN if none is defined."""

    std: float
    low: float
    high: float

    @property
    def unit(self) -> float:
        """What distances are divided by: the standard deviation, or 1 where there is none."""
        return self.std if self.std > 0 else 1.0


@dataclass
class DecoderGuide:
    """Log odds of constraints from what a model decodes, with a gradient with respect to the latents.

    Attributes:
        model: The model.
        spreads: For each constraint's label, the spread of its measurement.
        decodes: Outputs that were decoded so far.
    """

    model: LatentModel
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    decodes: int = 0

    def odds(self, z: Tensor, constraints: Sequence[Constraint]) -> dict[str, Odds]:
        """Return the log odds `(B,)` of constraints for latents `(B, *latent_shape)`, by label; all from one decode."""
        outputs = self.model.decode(z)
        self.decodes += len(z)
        return {leaf.label: self._odds(leaf, outputs) for leaf in constraints}

    def _odds(self, leaf: Constraint, outputs: Tensor) -> Odds:
        values = values_of(leaf.measurement, outputs)
        none = values.isnan()
        inside = depth(leaf.want, torch.where(none, torch.zeros_like(values), values))
        yes = SLOPE / self.spreads[leaf.label].unit * inside
        # An undefined value meets neither the constraint nor its negation.
        return Odds(yes.masked_fill(none, -FAR), (-yes).masked_fill(none, -FAR))


def depth(want: Want, values: Tensor) -> Tensor:
    """Return how far values `(B,)` lie inside what is wanted, below 0 outside."""
    sides = [
        sign * (values - bound) + ROUNDING * max(1.0, abs(bound))
        for sign, bound in ((1.0, want.low), (-1.0, want.high))
        if np.isfinite(bound)
    ]
    return torch.stack(sides).amin(dim=0)


def values_of(measurement: Measurement, outputs: Tensor) -> Tensor:
    """Measure a tensor of outputs by the differentiable form, `(B,)`.

    Raises:
        PluginFault: If it raises, or returns something else than one number for each output.
    """
    form = measurement.info.differentiable
    assert form, "asked for where it is declared"
    function = measurement.function if form is True else form
    who = f"the differentiable form of {measurement.name}"
    try:
        seen, params = measurement.seen(outputs), measurement.own_params
        if form is True and measurement.info.per_sample:
            values = torch.stack([function(one, **params) for one in seen])
        else:
            values = function(seen, **params)
    except LCError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginFault(f"{who} raised {type(error).__name__}: {error}", hint=INSTEAD) from error
    if not torch.is_tensor(values) or values.shape != (len(outputs),):
        found = f"shape {tuple(values.shape)}" if torch.is_tensor(values) else type(values).__name__
        raise PluginFault(f"{who} returned {found}; expected a tensor of shape ({len(outputs)},)", hint=INSTEAD)
    return values


def check_guides(model: LatentModel, entries: Sequence[Entry]) -> None:
    """Refuse what cannot be followed through a model's decoder, by a real gradient on prior samples.

    Raises:
        LCError: If the decoder gives no gradient, or makes whole numbers; or if a measurement's differentiable form
            gives none, or other values than the measurement.
    """
    some = guided(entries)
    if not some:
        return
    inner = model.unwrapped
    z = draw_prior(inner, TRIED, block_generator(0, 0, "guide"))
    if not inner.differentiable:
        raise LCError(f"guide: decoder of {some[0].label}: {_why_no_gradient(inner, z)}", hint=INSTEAD)
    with torch.enable_grad():
        for leaf in some:
            if leaf.measurement.accepts(inner.output_type):  # else the evaluator says so
                _check_form(inner, leaf, z)


def _why_no_gradient(model: LatentModel, z: Tensor) -> str:
    note = f"; {model.note}" if model.note else ""
    return f"{model.name} is a black box: {gradient_path(model, z[:2]).reason}{note}"


def _check_form(model: LatentModel, leaf: Constraint, z: Tensor) -> None:
    at = z.clone().requires_grad_()
    outputs = model.decode(at)
    values = values_of(leaf.measurement, outputs)
    who = f"guide: decoder of {leaf.label}: the differentiable form of {leaf.measurement.name}"
    known = ~values.isnan()
    gradient = None
    if values.requires_grad and bool(known.any()):
        (gradient,) = torch.autograd.grad(values[known].sum(), at, allow_unused=True)
    if gradient is None or not bool(gradient.isfinite().all()) or not bool((gradient != 0).any()):
        found = "none" if gradient is None else "a gradient that is zero or not finite everywhere"
        raise LCError(f"{who} gives {found} on {counted(len(z), 'prior sample')}", hint=INSTEAD)
    measured = leaf.measurement(outputs.detach().cpu().numpy())
    both = ~np.isnan(measured) & known.cpu().numpy()
    off = np.abs(values.detach().double().cpu().numpy() - measured)[both]
    if len(off) and off.mean() > AGREE * measured[both].std() + ROUNDING * np.abs(measured[both]).max():
        raise LCError(f"{who} returns other values than the measurement: off by {off.mean():.3g} on average")


def spreads_of(model: LatentModel, entries: Sequence[Entry], seed: int, cache: Cache | None) -> dict[str, Spread]:
    """Return the spread of each constraint that is followed through the decoder, by label.

    How many prior samples it is taken over follows what a decode costs, as the default block of an engine does.

    Args:
        model: Gives the prior samples.
        entries: Top-level entries.
        seed: Seed of the fit.
        cache: Where they are kept.
    """
    some = guided(entries)
    if not some:
        return {}

    count = max(FEWEST, int(SAMPLES * share_of_block(model.unwrapped.operations, model.device)))

    def fit() -> tuple[dict[str, str], dict[str, Tensor]]:
        outputs = decode_outputs(model, draw_prior(model, count, block_generator(seed, 0, "guide/spread")))
        found = np.stack([_spread(leaf.measurement(outputs)) for leaf in some])
        names = ", ".join(dict.fromkeys(leaf.measurement.name for leaf in some))
        return {"what": f"spread of {names} for {model.name}"}, {"spreads": torch.from_numpy(found)}

    digests = [measurement_digest(leaf.measurement) for leaf in some]
    if cache is None or None in digests:
        _, tensors = fit()
    else:
        key = key_of(
            {
                "model": model.digest,
                "measurements": digests,
                "samples": count,
                "seed": seed,
                "code": code_digest(__name__),
            }
        )
        _, tensors, _ = cache.get_or_fit("spread", key, fit)
    rows = tensors["spreads"].tolist()
    return {leaf.label: Spread(*row) for leaf, row in zip(some, rows, strict=True)}


def _spread(values: np.ndarray) -> np.ndarray:
    known = values[~np.isnan(values)]
    return np.array([known.std(), known.min(), known.max()]) if len(known) else np.array([0.0, np.nan, np.nan])
