"""What the edits of one block have found so far, and how a place is assessed: decoded and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.logic import distance
from lc_core.constraints.measurement import measure_all
from lc_core.energy.energy import Energy
from lc_core.energy.preserved import Preserved
from lc_core.models.encodings import Encodings

__all__ = ["BlockState", "Edited", "sigma_distance"]


@dataclass(frozen=True)
class Edited:
    """Edited latents.

    Attributes:
        z: `(N, *latent_shape)`.
        met: Which satisfied every condition when decoded on the way, `(N,)` bool.
        steps: The step at which each stopped, `(N,)`; 0 if it satisfied already.
        tries: Tries of each, `(N,)`; the third comes back from another encoding.
    """

    z: Tensor
    met: np.ndarray
    steps: np.ndarray
    tries: np.ndarray


def sigma_distance(after: Tensor, before: Tensor, sigma_bar: Tensor) -> np.ndarray:
    """Return the root mean square of (after - before) / sigma_bar, `(N,)`."""
    moved: np.ndarray = ((after - before) / sigma_bar).flatten(1).square().mean(dim=1).sqrt().cpu().numpy()
    return moved.astype(np.float64)


class BlockState:
    """The best place of each example of a block, which is filled up with copies of its first to `size`.

    Args:
        model: Decodes; gives sigma_bar.
        evaluator: Measures what is asked.
        energy: What the engine descends.
        kept: What is held near what it was.
        before: What each kept measurement was, `(N,)` by label.
        z0: Encodings `(N, *latent_shape)`, at most `size`.
        size: The engine's block.

    Attributes:
        best: The place of each that satisfies and preserves most, then is nearest; or that misses least.
        best_kept: How many things are preserved there, `(N,)`; -1 where it does not satisfy.
        steps, tries: See `Edited`.
    """

    def __init__(
        self,
        model: Encodings,
        evaluator: Evaluator,
        energy: Energy,
        kept: Sequence[Preserved],
        before: Mapping[str, np.ndarray],
        z0: Tensor,
        size: int,
    ) -> None:
        self.model, self.evaluator, self.energy = model, evaluator, energy
        self.kept, self.before, self.count = tuple(kept), before, len(z0)
        self.real = energy.realism is not None and energy.realism_weight > 0
        self.spare = size - len(z0)
        self.z0 = torch.cat([z0, z0[:1].expand(self.spare, *z0.shape[1:])])
        self.best, self.best_kept = self.z0.clone(), np.full(self.count, -1)
        self.steps, self.tries = np.zeros(self.count, dtype=np.int64), np.zeros(self.count, dtype=np.int64)
        self._away = np.full(self.count, np.inf)

    @property
    def met(self) -> np.ndarray:
        """Which examples satisfy, `(N,)` bool."""
        found: np.ndarray = self.best_kept >= 0
        return found

    @property
    def all_kept(self) -> int:
        """How many things can be preserved: the kept measurements and, with realism, being called real."""
        return len(self.kept) + self.real

    def edited(self) -> Edited:
        """Return what was found."""
        return Edited(self.best[: self.count], self.met, self.steps, self.tries)

    def weighted(self, weight: float) -> Energy:
        """Return the energy with what is asked weighing so many times as much."""
        asked = tuple(replace(entry, weight=weight * entry.weight) for entry in self.energy.entries)
        return replace(self.energy, entries=asked)

    def assess(self, z: Tensor, rows: np.ndarray, step: int) -> None:
        """Decode and measure some rows; note those that satisfy and preserve more than before, or come nearer.

        Args:
            z: A place for each row of the block.
            rows: Which rows to look at.
            step: The step of the try, to be noted with what is better.
        """
        met, kept, away = self.measured(z, rows)
        far, best = (sigma_distance(one[rows], self.z0[rows], self.model.sigma_bar) for one in (z, self.best))
        more = (kept > self.best_kept[rows]) | ((kept == self.best_kept[rows]) & (far < best))
        better = np.where(met, more, ~self.met[rows] & (away < self._away[rows]))
        at = rows[better]
        self.best[at] = z[at]
        self.best_kept[at] = np.where(met, kept, -1)[better]
        self._away[at], self.steps[at] = away[better], step

    def accept(self, z: Tensor, rows: np.ndarray) -> np.ndarray:
        """Take places for those rows that satisfy there and preserve as much; return which, `(rows,)` bool."""
        met, kept, _ = self.measured(z, rows)
        good: np.ndarray = met & (kept >= self.best_kept[rows])
        self.best[rows[good]], self.best_kept[rows[good]] = z[rows[good]], kept[good]
        return good

    def measured(self, z: Tensor, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which rows satisfy, how many things each preserves, and how far each misses; each `(rows,)`."""
        outputs = self.evaluator.decode(z[rows])
        values = self.evaluator.measure(outputs)
        met = self.evaluator.satisfied(values, len(rows))
        kept, away = self._realistic(z)[rows].astype(np.int64), np.zeros(len(rows))
        found = measure_all([one.measurement for one in self.kept], outputs)
        for one, after in zip(self.kept, found, strict=True):
            kept += one.unchanged(self.before[one.label][rows], after)
        for entry in self.evaluator.conditions:
            away += distance(entry, values)
        return met, kept, away

    def _realistic(self, z: Tensor) -> np.ndarray:
        """Return which rows of the block the realism critic calls real, `(block,)`: one more thing to preserve."""
        if not self.real:
            return np.zeros(len(z), dtype=bool)
        assert self.energy.realism is not None
        with torch.no_grad():
            real: np.ndarray = (self.energy.realism(z) > 0).cpu().numpy()
        return real
