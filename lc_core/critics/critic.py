"""The critic: what a measurement's value will be, told from the latent alone.

A critic predicts the *distribution* of a measured value over `K` bins and one more for "undefined". It has no
threshold: any want (`at_least`, `between`, ...) becomes a pair of log odds by adding up bins, so one fit serves
every want, and regions far from the wanted one still have a slope to climb (a histogram loss, as in Imani and White,
*Improving Regression Performance with Distributional Losses*, 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from lc_core.constraint import SLACK, Want

__all__ = ["Bins", "Critic", "Odds", "mlp"]


@dataclass(frozen=True)
class Odds:
    """Log odds that an entry is met (`yes`) and that its negation is met (`no`), each `(B,)`.

    `no` is `-yes` but for values that are undefined, which meet neither.
    """

    yes: Tensor
    no: Tensor


@dataclass(frozen=True)
class Bins:
    """Bins of a measured value, `K` of them in rising order: bin k holds values in `[low[k], high[k]]`.

    A bin with `low == high` is an atom: one exact value, such as the 1.0 of a rule that holds.
    """

    low: np.ndarray
    high: np.ndarray

    def __len__(self) -> int:
        return len(self.low)

    @classmethod
    def of(cls, values: np.ndarray, count: int = 40) -> Bins:
        """Choose bins for observed values: an atom for each if they are few, else about equal shares."""
        values = np.sort(values[~np.isnan(values)])
        if not len(values):
            return cls(np.zeros(1), np.zeros(1))
        distinct = np.unique(values)
        if len(distinct) <= count:
            return cls(distinct, distinct)
        starts = np.unique(np.concatenate([np.quantile(values, np.linspace(0, 1, count + 1)[:-1]), distinct[-1:]]))
        owner = np.searchsorted(starts, distinct, side="right") - 1
        first = np.searchsorted(owner, np.arange(len(starts)), side="left")
        last = np.searchsorted(owner, np.arange(len(starts)), side="right") - 1
        return cls(distinct[first], distinct[last])

    def index(self, values: np.ndarray) -> np.ndarray:
        """Return the bin of each value `(N,)`; a NaN goes to bin K, a value between bins to the nearer one."""
        edges = (self.high[:-1] + self.low[1:]) / 2
        return np.where(np.isnan(values), len(self), np.searchsorted(edges, values, side="right"))

    def share(self, want: Want) -> np.ndarray:
        """Return the share `(K,)` of each bin that lies inside a want.

        If no bin does, the nearest one counts as inside: the best that was ever seen is where to go.
        """
        width = self.high - self.low
        inside = np.minimum(self.high, want.high + SLACK) - np.maximum(self.low, want.low - SLACK)
        atom = width <= 0
        share = np.where(atom, inside >= 0, inside / np.where(atom, 1, width))
        share = np.clip(share, 0.0, 1.0)
        if not share.any():
            distance = np.maximum(self.low - want.high, want.low - self.high)
            share[int(distance.argmin())] = 1.0
        return share


def mlp(inputs: int, hidden: int, outputs: int, layers: int = 2) -> nn.Sequential:
    """Return a perceptron with `layers` hidden layers of SiLU units."""
    sizes = [inputs] + [hidden] * layers
    parts: list[nn.Module] = []
    for before, after in zip(sizes, sizes[1:], strict=False):
        parts += [nn.Linear(before, after), nn.SiLU()]
    return nn.Sequential(*parts, nn.Linear(sizes[-1], outputs))


class Critic(nn.Module):
    """A histogram of one measurement's value for each latent.

    Args:
        dimensions: D, values in one latent; latents of any shape are flattened.
        bins: Bins of the value.
        hidden: Width of the two hidden layers.
    """

    def __init__(self, dimensions: int, bins: Bins, *, hidden: int = 256) -> None:
        super().__init__()
        self.bins = bins
        self.hidden = hidden
        self.net = mlp(dimensions, hidden, len(bins) + 1)
        self._shares: dict[Want, tuple[Tensor, Tensor]] = {}

    def forward(self, z: Tensor) -> Tensor:
        """Return log probabilities `(B, K + 1)` of the bins and of "undefined"."""
        logits: Tensor = self.net(z.flatten(1))
        return logits.log_softmax(dim=1)

    def expected(self, z: Tensor) -> Tensor:
        """Return the expected value `(B,)`, given that it is defined."""
        centre = torch.from_numpy((self.bins.low + self.bins.high) / 2).to(z.device, z.dtype)
        logits: Tensor = self.net(z.flatten(1))
        return logits[:, :-1].softmax(dim=1) @ centre

    def odds(self, z: Tensor, want: Want) -> Odds:
        """Return the log odds `(B,)` that the value is wanted, and that it is defined and not wanted."""
        inside, outside = self._log_shares(want, z)
        logits: Tensor = self.net(z.flatten(1))
        none = logits[:, -1]
        yes = torch.logsumexp(logits[:, :-1] + inside, dim=1)
        no = torch.logsumexp(logits[:, :-1] + outside, dim=1)
        return Odds(yes - torch.logaddexp(no, none), no - torch.logaddexp(yes, none))

    def _log_shares(self, want: Want, z: Tensor) -> tuple[Tensor, Tensor]:
        if want not in self._shares:
            share = torch.from_numpy(self.bins.share(want)).to(z.device, z.dtype)
            # A floor under the shares would hide the slope where the odds are small, so what is outside is -inf.
            self._shares[want] = (share.log(), (1 - share).log())
        return self._shares[want]
