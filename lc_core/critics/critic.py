"""The critic: what a measurement's value will be, predicted from the latent alone.

A critic predicts the *distribution* of a measured value over `K` bins and one more for "undefined". It has no
threshold: any want (`at_least`, `between`, ...) becomes a pair of log odds by adding up bins, so one fit serves
every want, and regions far from the wanted one still have a slope to climb (a histogram loss, as in Imani and White,
*Improving Regression Performance with Distributional Losses*, 2018).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lc_core.common.nets import mlp
from lc_core.constraints.free import EachWant
from lc_core.constraints.want import SLACK, Want

__all__ = ["Bins", "Critic", "Odds", "critic_tensors", "load_critic"]

FLOOR = 1e-300
"""Stands for a share of 0 where every row has shares of its own."""


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
        """Choose bins for observed values: an atom for each if they are few, else about equal shares.

        The lowest and the highest value, and each that many samples share, are atoms in any case: that is where
        rules like to have their bounds.
        """
        values = np.sort(values[~np.isnan(values)])
        if not len(values):
            return cls(np.zeros(1), np.zeros(1))
        distinct, held = np.unique(values, return_counts=True)
        if len(distinct) <= count:
            return cls(distinct, distinct)
        atom = held * count >= len(values)
        atom[[0, -1]] = True
        begins = atom.copy()
        begins[1:] |= atom[:-1]
        begins[np.searchsorted(distinct, values[np.arange(count) * len(values) // count])] = True
        first = np.flatnonzero(begins)
        return cls(distinct[first], distinct[np.append(first[1:], len(distinct)) - 1])

    def split(self, edge: float, values: np.ndarray) -> tuple[Bins, int, float] | None:
        """Split the bin that holds an edge, if values lie in it on both sides.

        Args:
            edge: Values below it go to the left part, all others to the right.
            values: Observed values `(N,)`; they give the two parts their new bounds.

        Returns:
            The new bins, the number of the bin that was split, and the share of its values that go left; None if one
            side would be empty.
        """
        at = int(self.index(np.array([edge]))[0])
        inside = values[self.index(values) == at]
        left, right = inside[inside < edge], inside[inside >= edge]
        if not len(left) or not len(right):
            return None
        low = np.concatenate([self.low[:at], [left.min(), right.min()], self.low[at + 1 :]])
        high = np.concatenate([self.high[:at], [left.max(), right.max()], self.high[at + 1 :]])
        return Bins(low, high), at, len(left) / len(inside)

    def index(self, values: np.ndarray) -> np.ndarray:
        """Return the bin of each value `(N,)`; a NaN goes to bin K, a value between bins to the nearer one."""
        edges = (self.high[:-1] + self.low[1:]) / 2
        return np.where(np.isnan(values), len(self), np.searchsorted(edges, values, side="right"))

    def share(self, want: Want) -> np.ndarray:
        """Return the share `(K,)` of each bin that lies inside a want.

        If no bin does, the nearest one counts as inside: the best that was ever seen is where to go.
        """
        share = self._overlap(want.low, want.high)
        if not share.any():
            distance = np.maximum(self.low - want.high, want.low - self.high)
            share[int(distance.argmin())] = 1.0
        return share

    def share_outside(self, want: Want) -> np.ndarray:
        """Return the share `(K,)` of each bin that lies outside a want; the one nearest to a bound if none does."""
        share = 1.0 - self._overlap(want.low, want.high)
        if not share.any():
            depth = np.minimum(self.low - want.low, want.high - self.high)
            share[int(depth.argmin())] = 1.0
        return share

    def shares_each(self, want: EachWant) -> tuple[np.ndarray, np.ndarray]:
        """Return `share` and `share_outside` of each row's want, `(B, K)` each."""
        low, high = want.lows[:, None], want.highs[:, None]
        overlap = self._overlap(low, high)
        inside, outside = overlap.copy(), 1.0 - overlap
        for share, away in (
            (inside, np.maximum(self.low - high, low - self.high)),
            (outside, np.minimum(self.low - low, high - self.high)),
        ):
            rows = np.flatnonzero(~share.any(axis=1))
            share[rows, np.broadcast_to(away, share.shape)[rows].argmin(axis=1)] = 1.0
        return inside, outside

    def _overlap(self, low: Any, high: Any) -> np.ndarray:
        width = self.high - self.low
        inside = np.minimum(self.high, high + SLACK) - np.maximum(self.low, low - SLACK)
        atom = width <= 0
        share: np.ndarray = np.where(atom, inside >= 0, inside / np.where(atom, 1, width))
        return share.clip(0.0, 1.0)


class Critic(nn.Module):
    """A histogram of one measurement's value for each latent.

    Args:
        dimensions: D, values in one latent; latents of any shape are flattened.
        bins: Bins of the value.
        hidden: Width of the two hidden layers.
        heads: V, histograms for each latent: one for every combination of the measurement's free parameters.
    """

    def __init__(self, dimensions: int, bins: Bins, *, hidden: int = 256, heads: int = 1) -> None:
        super().__init__()
        self.bins = bins
        self.hidden = hidden
        self.heads = heads
        self.net = mlp(dimensions, hidden, heads * (len(bins) + 1))
        self._shares: dict[Want, tuple[Tensor | None, ...]] = {}

    def every(self, z: Tensor) -> Tensor:
        """Return the logits `(B, V, K + 1)` of all heads."""
        logits: Tensor = self.net(z.flatten(1))
        return logits.view(len(z), self.heads, -1)

    def logits(self, z: Tensor, head: np.ndarray | int = 0) -> Tensor:
        """Return the logits `(B, K + 1)` of the bins and of "undefined", of one head or of each row's own `(B,)`."""
        return _own(self.every(z), head)

    def expected(self, z: Tensor, head: np.ndarray | int = 0) -> Tensor:
        """Return the expected value `(B,)`, given that it is defined."""
        centre = torch.from_numpy((self.bins.low + self.bins.high) / 2).to(z.device, z.dtype)
        return self.logits(z, head)[:, :-1].softmax(dim=1) @ centre

    def split(self, edge: float, values: np.ndarray) -> Critic:
        """Return a critic with the bin at an edge split in two, each with its share of the bin's probability.

        Args:
            edge: Where to split.
            values: Observed values `(N,)` that give the shares.

        Returns:
            The new critic; this one if it has the edge already, or nothing was seen on one side of it.
        """
        found = self.bins.split(edge, values)
        if found is None:
            return self
        bins, at, share = found
        state = self.state_dict()
        first = state["net.0.weight"]
        with torch.random.fork_rng(devices=[]):  # the weights it starts with are replaced
            critic = Critic(first.shape[1], bins, hidden=self.hidden, heads=self.heads).to(first.device, first.dtype)
        last = len(self.net) - 1
        for name in (f"net.{last}.weight", f"net.{last}.bias"):
            parts = state[name].unflatten(0, (self.heads, -1))
            row = parts[:, at : at + 1]
            state[name] = torch.cat([parts[:, :at], row, row, parts[:, at + 1 :]], dim=1).flatten(0, 1)
        bias = state[f"net.{last}.bias"].unflatten(0, (self.heads, -1))
        bias[:, at] += math.log(share)
        bias[:, at + 1] += math.log1p(-share)
        critic.load_state_dict(state)
        return critic.requires_grad_(False).eval()

    def odds(self, every: Tensor, want: Want) -> Odds:
        """Return the log odds `(B,)` that the value is wanted, and that it is defined and not wanted.

        Args:
            every: Logits `(B, V, K + 1)` of heads, the measurement's first head first.
            want: What is wanted, of all rows or of each.
        """
        logits = _own(every, want.variant if isinstance(want, EachWant) else 0)
        bins, none = logits[:, :-1], logits[:, -1]
        inside, outside, *others = (_log_sum(bins, share) for share in self._log_shares(want, every))
        # Where the nearest bin stands in for a side that has none, it is still part of the other side as well.
        not_inside, not_outside = others or (outside, inside)
        return Odds(inside - torch.logaddexp(not_inside, none), outside - torch.logaddexp(not_outside, none))

    def _log_shares(self, want: Want, z: Tensor) -> tuple[Tensor | None, ...]:
        if isinstance(want, EachWant):
            if len(want.lows) > 1 or len(want.highs) > 1:
                return self._log_shares_each(want, z)
            want = _one_want(float(want.lows[0]), float(want.highs[0]))
        if want not in self._shares:
            inside, outside = self.bins.share(want), self.bins.share_outside(want)
            shares: tuple[np.ndarray, ...] = (inside, outside)
            if (inside + outside > 1.5).any():
                shares += (1 - inside, 1 - outside)
            # A floor under the shares would hide the slope where the odds are small, so a share of 0 is -inf.
            self._shares[want] = tuple(
                torch.from_numpy(share).to(z.device, z.dtype).log() if share.any() else None for share in shares
            )
        return self._shares[want]

    def _log_shares_each(self, want: EachWant, z: Tensor) -> tuple[Tensor, ...]:
        """Return four shares `(B, K)` as above, each row's own; a row with no share of any has a floor instead."""
        inside, outside = self.bins.shares_each(want)
        parts = (inside, outside, 1 - inside, 1 - outside)
        return tuple(torch.from_numpy(np.log(part.clip(FLOOR))).to(z.device, z.dtype) for part in parts)


def _one_want(low: float, high: float) -> Want:
    if low == -math.inf:
        return Want(at_most=high)
    return Want(at_least=low) if high == math.inf else Want(between=(low, high))


def _own(every: Tensor, head: np.ndarray | int) -> Tensor:
    """Pick from logits `(B, V, K + 1)` those of one head, or of each row's own `(B,)`."""
    if isinstance(head, int) or len(head) == 1:
        return every[:, int(head if isinstance(head, int) else head[0])]
    return every[torch.arange(len(every), device=every.device), torch.from_numpy(head).to(every.device)]


def _log_sum(logits: Tensor, log_share: Tensor | None) -> Tensor:
    """Add up the shares `(K,)` of bins `(B, K)`. None, no share of any, is -inf without log-sum-exp's NaN gradient."""
    if log_share is None:
        return logits.new_full((len(logits),), -torch.inf)
    return torch.logsumexp(logits + log_share, dim=1)


def critic_tensors(critic: Critic) -> dict[str, Tensor]:
    """Return a critic's weights and bins, ready to be saved."""
    low, high = (torch.tensor(edge) for edge in (critic.bins.low, critic.bins.high))  # copies: atoms share one array
    bins = {"bins.low": low, "bins.high": high}
    return {**critic.state_dict(), **bins}


def load_critic(tensors: Mapping[str, Tensor], hidden: int) -> Critic:
    """Return the critic that `critic_tensors` described."""
    bins = Bins(tensors["bins.low"].numpy(), tensors["bins.high"].numpy())
    weights = {name: tensor for name, tensor in tensors.items() if not name.startswith("bins.")}
    with torch.random.fork_rng(devices=[]):  # the weights it starts with are replaced
        outputs = len(weights[max(weights)])  # the last layer's
        critic = Critic(weights["net.0.weight"].shape[1], bins, hidden=hidden, heads=outputs // (len(bins) + 1))
    critic.load_state_dict(weights)
    return critic.requires_grad_(False).eval()
