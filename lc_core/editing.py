"""Moves encodings the least that makes conditions hold.

Each example stops at its engine's first step that satisfies, and is then drawn back to its start as far as it still
satisfies: along the straight way, by the engine with a heavier weight of distance, along what leaves the asked values
as they are, where these have a gradient through the decoder, and a part of its coordinates at a time. Where two ways
out of its encoding do not satisfy, the next comes from the other side: from another encoding that does, back towards
its own. A last way out, by large steps, is for what no other encoding satisfies.

An example's result depends on its own start alone: blocks have a fixed size, and examples that are done stay in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lc_core.engines.base import EditingEngine, Engine
from lc_core.errors import LCError
from lc_core.latent_model import block_generator, draw_prior
from lc_core.measuring import measure_all
from lc_core.nearest import distance
from lc_core.verify import Verifier

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lc_core.encodings import Encodings
    from lc_core.energy import Energy
    from lc_core.keeping import Kept

__all__ = ["Edited", "edit_encodings", "sigma_distance"]

FASTER = (1.0, 3.0, 10.0)
"""Step sizes of an example's tries out of its encoding, as multiples of the engine's own; the last is a last resort."""
HEAVIER = (1.0, 4.0, 16.0)
"""Weights of what is asked in an example's tries, as multiples of its own: what is kept holds some examples back."""
JITTER = 0.25
"""Share of sigma_bar by which the start of a further try is off the encoding."""
PATIENCE, LEAST = 2, 20
"""Where something is kept, an example goes on to so many times the step that first satisfied, and so many more."""
HALVINGS = 6
"""Halvings of the way back to the start, in search of the nearest place that still satisfies."""
CLOSER, CLOSER_STEPS = ((4.0, 4.0), (16.0, 8.0)), 60
"""What the weights of distance and of what is asked are multiplied by on the way back, and the steps of each."""
SLIDES, FRESH = 32, 2
"""Moves towards the start along what leaves the asked values as they are, and how many share one gradient."""
SLIDE, LONGEST, SHORTEST = 0.3, 0.6, 0.004
"""How much of such a way the first move goes, and the most and the least that one goes."""
LONGER, SHORTER = 1.5, 0.5
"""What a move is multiplied by after one that still satisfied, and after one that did not."""
SPENT = 0.05
"""Share of what a move gains in squared distance that is spent on going deeper into what is asked: ways are curved."""
PARTS, PART = 128, 0.1
"""Times that a random part of an example's coordinates is brought halfway back, and how large a part."""
TINY = 1e-30
"""Least length that a gradient is divided by; one that is zero leads nowhere."""
OTHERS, BACK = 2_048, 80
"""Encodings among which the try from the other side looks for one that satisfies, and its steps back."""


@dataclass(frozen=True)
class Edited:
    """Edited latents.

    Attributes:
        z: `(N, *latent_shape)`.
        met: Which satisfied every condition when decoded on the way, `(N,)` bool.
        steps: The step at which each stopped, `(N,)`; 0 if it satisfied already.
        tries: Tries of each, `(N,)`; the third is that from the other side.
    """

    z: Tensor
    met: np.ndarray
    steps: np.ndarray
    tries: np.ndarray


def sigma_distance(after: Tensor, before: Tensor, sigma_bar: Tensor) -> np.ndarray:
    """Return the root mean square of (after - before) / sigma_bar, `(N,)`."""
    moved: np.ndarray = ((after - before) / sigma_bar).flatten(1).square().mean(dim=1).sqrt().cpu().numpy()
    return moved.astype(np.float64)


def edit_encodings(
    model: Encodings,
    verifier: Verifier,
    engine: Engine,
    energy: Energy,
    z0: Tensor,
    *,
    kept: Sequence[Kept] = (),
    before: Mapping[str, np.ndarray] | None = None,
    through: Energy | None = None,
    seed: int = 0,
    progress: Callable[[int], None] = lambda _: None,
) -> Edited:
    """Edit encodings, block by block.

    Args:
        model: Decodes; gives sigma_bar.
        verifier: Measures what is asked.
        engine: Moves latents; fitted, if it is amortised.
        energy: What it descends.
        z0: Encodings `(N, *latent_shape)`.
        kept: What is held near what it was; guides an `EditingEngine`, and chooses among steps that satisfy.
        before: What each kept measurement was, `(N,)` by label.
        through: What is asked, followed through the decoder, where that has a gradient (`guiding.through_decoder`).
        seed: Of the starts of further tries.
        progress: Called with the number of examples that are done, after each block.
    """
    import torch

    parts = []
    for first in range(0, len(z0), engine.block):
        rows = slice(first, first + engine.block)
        was = {one.label: (before or {})[one.label][rows] for one in kept}
        block = _Block(model, verifier, engine, energy, kept, was, through, z0[rows])
        parts.append(block.run(seed, first // engine.block))
        progress(min(first + engine.block, len(z0)))
    return Edited(
        torch.cat([part.z for part in parts]),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("met", "steps", "tries")),
    )


class _Block:
    """One block of examples, filled up with copies of the first to the engine's size."""

    def __init__(
        self,
        model: Encodings,
        verifier: Verifier,
        engine: Engine,
        energy: Energy,
        kept: Sequence[Kept],
        before: Mapping[str, np.ndarray],
        through: Energy | None,
        z0: Tensor,
    ) -> None:
        import torch

        self.model, self.verifier, self.energy, self.through = model, verifier, energy, through
        self.kept, self.before, self.count = tuple(kept), before, len(z0)
        self.real = energy.realism is not None and energy.realism_weight > 0
        spare = engine.block - len(z0)
        self.z0 = torch.cat([z0, z0[:1].expand(spare, *z0.shape[1:])])
        self.engine, self.editing = engine, engine.editing()
        if self.editing is not None:
            padded = {label: np.concatenate([one, one[:1].repeat(spare)]) for label, one in before.items()}
            self.engine = self.editing = self.editing.keeping(kept, padded)
        self.best, self.best_kept = self.z0.clone(), np.full(self.count, -1)
        self.away = np.full(self.count, np.inf)
        self.steps, self.tries = np.zeros(self.count, dtype=np.int64), np.zeros(self.count, dtype=np.int64)

    @property
    def met(self) -> np.ndarray:
        return self.best_kept >= 0

    def run(self, seed: int, number: int) -> Edited:
        import torch

        self._judge(self.z0, np.arange(self.count), 0)
        if bool(self.met.all()):
            return self._edited()
        generator = block_generator(seed, number, "transform")
        already = self.met
        for attempt, (factor, weight) in enumerate(zip(FASTER, HEAVIER, strict=True)):
            if attempt == len(FASTER) - 1:
                self._from_others(np.flatnonzero(~self.met), seed, number)
            rows = np.flatnonzero(~self.met)
            if not len(rows) or (attempt and self.editing is None):
                break
            noise = JITTER * self.model.sigma_bar * torch.randn(self.z0.shape, generator=generator).to(self.z0)
            self.tries[rows] += 1
            self._try(self.z0 + noise if attempt else self.z0, rows, factor, weight)
        found = np.flatnonzero(self.met & ~already)
        self._shrink(found)
        if self.through is not None:
            self._slide(self.through, found)
        elif self.editing is not None and len(found):
            stopped = self.steps.copy()
            for far, asked in CLOSER:
                self._follow(self.editing.nearer(far), self.best.clone(), found, asked, CLOSER_STEPS)
            self.steps = stopped
            self._shrink(found)
        self._tighten(found, generator)
        return self._edited()

    def _edited(self) -> Edited:
        return Edited(self.best[: self.count], self.met, self.steps, self.tries)

    def _try(self, start: Tensor, rows: np.ndarray, factor: float, weight: float) -> None:
        """Run the engine from `start` until each of some rows is done."""
        energy = self._weighted(weight)
        engine = self.engine if self.editing is None else self.editing.faster(factor)
        state = engine.init(start, self.model)
        for number in range(1, engine.steps + 1):
            state = engine.step(state, energy, self.model, number)
            if number not in engine.checks and number != engine.steps:
                continue
            z = state[0].detach()
            if not bool(z.isfinite().all()):
                name = type(engine).__name__.lower()
                raise LCError(f"engine {name} reached a latent that is not finite", hint="try smaller steps")
            self._judge(z, rows, number)
            rows = rows[~self._done(rows, number)]
            if not len(rows):
                return

    def _from_others(self, rows: np.ndarray, seed: int, number: int) -> None:
        """Move some rows to other encodings that satisfy, to those that keep most, and from there back to their own."""
        if not len(rows) or self.editing is None:
            return
        self.tries[rows] += 1
        others = draw_prior(self.model, OTHERS, block_generator(seed, number, "transform/others"))
        values = self.verifier.measure(outputs := self.verifier.decode(others))
        good = np.flatnonzero(self.verifier.satisfied(values, OTHERS))
        if not len(good):
            return
        found = measure_all([one.measurement for one in self.kept], outputs[good])
        start = self.z0.clone()
        for row in rows:
            kept = np.zeros(len(good), dtype=np.int64)
            for one, after in zip(self.kept, found, strict=True):
                kept += one.unchanged(np.broadcast_to(self.before[one.label][row], len(good)), after)
            near = sigma_distance(others[good], self.z0[row], self.model.sigma_bar)
            start[row] = others[good[np.lexsort((near, -kept))[0]]]
        self._judge(start, rows, 0)
        self._follow(self.editing, start, rows, 1.0, BACK)

    def _follow(self, engine: EditingEngine, start: Tensor, rows: np.ndarray, weight: float, steps: int) -> None:
        """Let some rows follow an engine from `start` for all of its steps, kept near their own encodings."""
        energy = self._weighted(weight)
        state = engine.init(start, self.model, anchor=self.z0)
        for step in range(1, steps + 1):
            state = engine.step(state, energy, self.model, step)
            if step in engine.checks:
                self._judge(state[0].detach(), rows, step)

    def _weighted(self, weight: float) -> Energy:
        """Return the energy with what is asked weighing so many times as much."""
        asked = tuple(replace(entry, weight=weight * entry.weight) for entry in self.energy.entries)
        return replace(self.energy, entries=asked)

    def _done(self, rows: np.ndarray, number: int) -> np.ndarray:
        """Return which rows need no further step: what is asked is met, and all is kept or has had its time."""
        found = self.best_kept[rows]
        late = number >= PATIENCE * self.steps[rows] + LEAST
        done: np.ndarray = (found == len(self.kept) + self.real) | ((found >= 0) & late)
        return done

    def _judge(self, z: Tensor, rows: np.ndarray, number: int) -> None:
        """Decode and measure some rows; note those that satisfy and keep more than before, or come nearer."""
        met, kept, away = self._measured(z, rows)
        far, best = (sigma_distance(one[rows], self.z0[rows], self.model.sigma_bar) for one in (z, self.best))
        more = (kept > self.best_kept[rows]) | ((kept == self.best_kept[rows]) & (far < best))
        better = np.where(met, more, ~self.met[rows] & (away < self.away[rows]))
        at = rows[better]
        self.best[at] = z[at]
        self.best_kept[at] = np.where(met, kept, -1)[better]
        self.away[at], self.steps[at] = away[better], number

    def _measured(self, z: Tensor, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return which rows satisfy, how many things each keeps, and how far it is from satisfying; each `(rows,)`."""
        outputs = self.verifier.decode(z[rows])
        values = self.verifier.measure(outputs)
        met = self.verifier.satisfied(values, len(rows))
        kept, away = self._realistic(z)[rows].astype(np.int64), np.zeros(len(rows))
        found = measure_all([one.measurement for one in self.kept], outputs)
        for one, after in zip(self.kept, found, strict=True):
            kept += one.unchanged(self.before[one.label][rows], after)
        for entry in self.verifier.conditions:
            away += distance(entry, values)
        return met, kept, away

    def _realistic(self, z: Tensor) -> np.ndarray:
        """Return which rows of the block the realism critic calls real, `(block,)`: one more thing that is kept."""
        import torch

        if not self.real:
            return np.zeros(len(z), dtype=bool)
        assert self.energy.realism is not None
        with torch.no_grad():
            real: np.ndarray = (self.energy.realism(z) > 0).cpu().numpy()
        return real

    def _shrink(self, rows: np.ndarray) -> None:
        """Draw rows that satisfy back towards their starts, by halving, as far as they satisfy and keep as much."""
        import torch

        if not len(rows):
            return
        far, low, high = self.best.clone(), np.zeros(len(rows)), np.ones(len(rows))
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            share = torch.zeros(len(far), dtype=far.dtype, device=far.device)
            share[rows] = torch.from_numpy(middle).to(far)
            z = torch.lerp(self.z0, far, share.view(-1, *[1] * (far.dim() - 1)))
            met, kept, _ = self._measured(z, rows)
            good = met & (kept >= self.best_kept[rows])
            self.best[rows[good]], self.best_kept[rows[good]] = z[rows[good]], kept[good]
            low, high = np.where(good, low, middle), np.where(good, middle, high)

    def _slide(self, through: Energy, rows: np.ndarray) -> None:
        """Move rows nearer along what leaves the asked values as they are, by their gradient through the decoder.

        In units of sigma_bar the nearest place on a plane where something asked has one value lies along its gradient;
        the rest of the way that was gone is given up a share at a time, wherever the row then still satisfies and keeps
        as much. These are steps of projected gradient descent on the squared distance, with a share for each row.
        """
        import torch

        if not len(rows):
            return
        at, unit = torch.from_numpy(rows).to(self.z0.device), self.model.sigma_bar
        share = torch.full((len(rows),), SLIDE).to(self.z0)
        for move in range(SLIDES):
            if move % FRESH == 0:
                up = -_gradient(through, self.best)[at] * unit  # of a whole block: products round by its size
                up = (up.flatten(1) / up.flatten(1).norm(dim=1, keepdim=True).clamp_min(TINY)).view_as(up)
            gone = (self.best[at] - self.z0[at]) / unit
            along = _dot(gone, up).clamp_min(0)
            less = gone - _times(share, gone - _times(along, up))
            spent = SPENT * (_dot(gone, gone) - _dot(less, less)).clamp_min(0)
            inward = _dot(less, up)
            less = less + _times((inward.square() + spent).sqrt() - inward, up)
            z = self.best.clone()
            z[at] = self.z0[at] + less * unit
            met, kept, _ = self._measured(z, rows)
            good = met & (kept >= self.best_kept[rows])
            self.best[rows[good]], self.best_kept[rows[good]] = z[rows[good]], kept[good]
            factor = torch.from_numpy(np.where(good, LONGER, SHORTER)).to(share)
            share = (share * factor).clamp(SHORTEST, LONGEST)

    def _tighten(self, rows: np.ndarray, generator: torch.Generator) -> None:
        """Bring random parts of rows' coordinates halfway back, wherever they then still satisfy and keep as much."""
        import torch

        if not len(rows):
            return
        for _ in range(PARTS):
            part = (torch.rand(self.z0.shape[1:], generator=generator) < PART).to(self.z0.device)
            z = torch.where(part, (self.best + self.z0) / 2, self.best)
            met, kept, _ = self._measured(z, rows)
            good = met & (kept >= self.best_kept[rows])
            self.best[rows[good]], self.best_kept[rows[good]] = z[rows[good]], kept[good]


def _gradient(energy: Energy, z: Tensor) -> Tensor:
    """Return the gradient of an energy at latents, of their shape; 0, which leads nowhere, where it is not finite."""
    import torch

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
