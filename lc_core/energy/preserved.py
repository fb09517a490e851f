"""What an edit must not change: measurements that are held near what they were on the input.

A kept measurement is held in one of two ways. With a tolerance, its value stays within the tolerance of what it was.
Without one, it is met or not met as its want says, and stays so: that is how attributes are kept, and every
measurement that has a default want. An undefined value is to stay undefined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common.seeds import block_generator
from lc_core.constraints.constraint import Constraint
from lc_core.constraints.free import EachWant
from lc_core.constraints.measurement import Measurement
from lc_core.constraints.want import SLACK, Want
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel, decode_outputs, draw_prior

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.critics.critic import Critic

__all__ = ["Preserved", "preserved"]

SHARE = 0.25
"""A kept value without a want or a tolerance stays within this share of its standard deviation over encodings."""
SPREAD_OVER = 1_024
"""Encodings that the standard deviation is taken over."""
ANYTHING = Want(at_least=-1e300)
FLOOR = 1e-6


@dataclass(frozen=True)
class Preserved:
    """A measurement that is to stay as it was.

    Args:
        measurement: The measurement.
        label: Its name in reports.
        want: It stays met or not met, if there is no tolerance.
        tolerance: Its value stays within this of what it was.
    """

    measurement: Measurement
    label: str
    want: Want | None = None
    tolerance: float | None = None

    def __post_init__(self) -> None:
        if self.want is None and self.tolerance is None:
            raise LCError(f"{self.label}: a kept measurement needs a want or a tolerance")
        if self.tolerance is not None and not 0 <= self.tolerance < np.inf:
            raise LCError(f"{self.label}: tolerance must be a number, 0 or more; found {self.tolerance}")

    @property
    def entry(self) -> Constraint:
        """The constraint that has its critic fitted and followed, without a weight of its own in the energy."""
        want = self.want if self.want is not None and self.tolerance is None else ANYTHING
        return Constraint(self.measurement, want=want, weight=0.0, require=False, label=self.label)

    def as_dict(self) -> dict[str, Any]:
        """Return how it is kept, as plain data."""
        if self.tolerance is not None:
            return {"tolerance": self.tolerance}
        assert self.want is not None
        return {"verdict": self.want.as_dict()}

    def unchanged(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """Return which values `(B,)` count as what they were before, `(B,)` bool."""
        none = np.isnan(before)
        if self.tolerance is not None:
            same = np.abs(after - before) <= self.tolerance + SLACK
        else:
            assert self.want is not None
            same = (self.want.met(before) == self.want.met(after)) & ~np.isnan(after)
        kept: np.ndarray = np.where(none, np.isnan(after), same)
        return kept

    def loss(self, critic: Critic, logits: Tensor, before: np.ndarray) -> Tensor:
        """Return minus the log probability `(B,)`, by the critic, that the value counts as what it was.

        Args:
            critic: Of the measurement.
            logits: What it gives for the latents, `(B, K + 1)`.
            before: What each was, `(B,)`.
        """
        import torch

        share = torch.from_numpy(self._shares(critic, before)).to(logits.device, logits.dtype)
        log_share = share.clamp_min(FLOOR).log()
        return -torch.logsumexp(logits.log_softmax(dim=1) + log_share, dim=1)

    def _shares(self, critic: Critic, before: np.ndarray) -> np.ndarray:
        """Return the share `(B, K + 1)` of each bin, "undefined" the last, that counts as what it was."""
        bins, none = critic.bins, np.isnan(before)
        share = np.zeros((len(before), len(bins) + 1))
        if self.tolerance is not None:
            value = np.where(none, 0.0, before)
            one = EachWant(lows=value - self.tolerance, highs=value + self.tolerance, variant=np.array([0]))
            share[:, :-1] = bins.shares_each(one)[0]
        else:
            assert self.want is not None
            share[:, :-1] = np.where(
                self.want.met(before)[:, None], bins.share(self.want), bins.share_outside(self.want)
            )
        share[none] = np.eye(len(bins) + 1)[-1]
        return share


def preserved(
    measurement: Measurement, model: LatentModel, *, label: str = "", tolerance: float | None = None
) -> Preserved:
    """Return a measurement as one that is kept, in the way that suits it.

    With a tolerance its value is kept; without one, its default want's verdict if it has a default, else its value
    within a quarter of its standard deviation over encodings.

    Args:
        measurement: The measurement.
        model: Gives the encodings that the standard deviation is taken over.
        label: Its name in reports; default the measurement's name.
        tolerance: Largest change that counts as none.

    Raises:
        LCError: If it does not accept the model's outputs.
    """
    label = label or measurement.name
    if not measurement.accepts(model.output_type):
        accepted = ", ".join(measurement.info.accepts)
        raise LCError(f"keep: {measurement.name} measures {accepted}, but {model.name} decodes to {model.output_type}")
    if tolerance is None and measurement.info.want is None:
        starts = draw_prior(model, SPREAD_OVER, block_generator(0, 0, "keep"))
        values = measurement(decode_outputs(model, starts))
        defined = values[~np.isnan(values)]
        tolerance = SHARE * float(defined.std()) if len(defined) else 0.0
    return Preserved(measurement, label, measurement.info.want, tolerance)
