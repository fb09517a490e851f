"""Moves encodings the least that makes conditions hold.

Each example stops at its engine's first step that satisfies, and is then brought back towards its start as far as it
still satisfies (`lc_core.editing.way_back`). Where two tries from its own encoding do not satisfy, the third begins at
another encoding that does, and comes back. The last try takes large steps, for what no other encoding satisfies.

An example's result depends on its own start alone: blocks have a fixed size, and examples that are done stay in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from lc_core.common.seeds import block_generator
from lc_core.constraints.evaluator import Evaluator
from lc_core.constraints.measurement import measure_all
from lc_core.editing.settings import EditSettings
from lc_core.editing.state import BlockState, Edited, sigma_distance
from lc_core.editing.way_back import follow, shrink, slide, tighten
from lc_core.energy.energy import Energy
from lc_core.energy.preserved import Preserved
from lc_core.engines.base import EditingEngine, Engine
from lc_core.errors import LCError
from lc_core.models.encodings import Encodings
from lc_core.models.latent_model import draw_prior

__all__ = ["blocks_of", "edit_block", "together"]


def edit_block(
    model: Encodings,
    evaluator: Evaluator,
    engine: Engine,
    energy: Energy,
    z0: Tensor,
    number: int,
    *,
    kept: Sequence[Preserved] = (),
    before: Mapping[str, np.ndarray] | None = None,
    through: Energy | None = None,
    seed: int = 0,
    settings: EditSettings | None = None,
) -> Edited:
    """Edit the encodings of one block; what it returns depends on these alone.

    Args:
        model: Decodes; gives sigma_bar.
        evaluator: Measures what is asked.
        engine: Moves latents; fitted, if it is amortised.
        energy: What it descends.
        z0: Encodings of all examples, `(N, *latent_shape)`.
        number: Number of the block, from 0.
        kept: What is held near what it was; guides an `EditingEngine`, and chooses among steps that satisfy.
        before: What each kept measurement was, `(N,)` by label.
        through: What is asked, followed through the decoder, where that has a gradient (`through_decoder`).
        seed: Of the starts of further tries.
        settings: How far it searches.
    """
    rows = slice(number * engine.block, (number + 1) * engine.block)
    was = {one.label: (before or {})[one.label][rows] for one in kept}
    state = BlockState(model, evaluator, energy, kept, was, z0[rows], engine.block)
    return _Tries(state, engine, settings or EditSettings(), seed, number).run(through)


def blocks_of(count: int, engine: Engine) -> int:
    """Return in how many blocks so many examples are edited."""
    return -(-count // engine.block)


def together(parts: Sequence[Edited]) -> Edited:
    """Return edited blocks as one."""
    return Edited(
        torch.cat([part.z for part in parts]),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("met", "steps", "tries")),
    )


class _Tries:
    """The tries of one block."""

    def __init__(self, state: BlockState, engine: Engine, settings: EditSettings, seed: int, number: int) -> None:
        self.state, self.settings, self.seed, self.number = state, settings, seed, number
        self.engine, self.editing = engine, engine.editing()
        if self.editing is not None:
            padded = {key: np.concatenate([one, one[:1].repeat(state.spare)]) for key, one in state.before.items()}
            self.engine = self.editing = self.editing.keeping(state.kept, padded)

    def run(self, through: Energy | None) -> Edited:
        """Go out until each example satisfies or its tries are spent, and come back."""
        state, settings = self.state, self.settings
        state.assess(state.z0, np.arange(state.count), 0)
        if bool(state.met.all()):
            return state.edited()
        generator = block_generator(self.seed, self.number, "transform")
        already = state.met
        for attempt, (factor, weight) in enumerate(zip(settings.step_sizes, settings.weights, strict=True)):
            if attempt == len(settings.step_sizes) - 1:
                self._from_others(np.flatnonzero(~state.met))
            rows = np.flatnonzero(~state.met)
            if not len(rows) or (attempt and self.editing is None):
                break
            noise = (
                settings.jitter * state.model.sigma_bar * torch.randn(state.z0.shape, generator=generator).to(state.z0)
            )
            state.tries[rows] += 1
            self._out(state.z0 + noise if attempt else state.z0, rows, factor, weight)
        self._back(np.flatnonzero(state.met & ~already), through, generator)
        return state.edited()

    def _out(self, start: Tensor, rows: np.ndarray, factor: float, weight: float) -> None:
        """Run the engine from `start` until each of some rows is done."""
        energy = self.state.weighted(weight)
        engine = self.engine if self.editing is None else self.editing.faster(factor)
        now = engine.init(start, self.state.model)
        for step in range(1, engine.steps + 1):
            now = engine.step(now, energy, self.state.model, step)
            if step not in engine.checks and step != engine.steps:
                continue
            z = now[0].detach()
            if not bool(z.isfinite().all()):
                name = type(engine).__name__.lower()
                raise LCError(f"engine {name} reached a latent that is not finite", hint="try smaller steps")
            self.state.assess(z, rows, step)
            rows = rows[~self._done(rows, step)]
            if not len(rows):
                return

    def _done(self, rows: np.ndarray, step: int) -> np.ndarray:
        """Return which rows need no further step: what is asked is met, and all is preserved or has had its time."""
        found = self.state.best_kept[rows]
        late = step >= self.settings.patience * self.state.steps[rows] + self.settings.patience_steps
        done: np.ndarray = (found == self.state.all_kept) | ((found >= 0) & late)
        return done

    def _from_others(self, rows: np.ndarray) -> None:
        """Move some rows to other encodings that satisfy, to those that preserve most, and from there back."""
        state, settings = self.state, self.settings
        if not len(rows) or self.editing is None or not settings.others:
            return
        state.tries[rows] += 1
        generator = block_generator(self.seed, self.number, "transform/others")
        others = draw_prior(state.model, settings.others, generator)
        values = state.evaluator.measure(outputs := state.evaluator.decode(others))
        good = np.flatnonzero(state.evaluator.satisfied(values, settings.others))
        if not len(good):
            return
        found = measure_all([one.measurement for one in state.kept], outputs[good])
        start = state.z0.clone()
        for row in rows:
            kept = np.zeros(len(good), dtype=np.int64)
            for one, after in zip(state.kept, found, strict=True):
                kept += one.unchanged(np.broadcast_to(state.before[one.label][row], len(good)), after)
            near = sigma_distance(others[good], state.z0[row], state.model.sigma_bar)
            start[row] = others[good[np.lexsort((near, -kept))[0]]]
        state.assess(start, rows, 0)
        follow(state, self.editing, start, rows, weight=1.0, steps=settings.others_steps)

    def _back(self, rows: np.ndarray, through: Energy | None, generator: torch.Generator) -> None:
        """Bring rows that satisfy back towards their starts."""
        state, settings = self.state, self.settings
        shrink(state, rows, settings)
        if through is not None:
            slide(state, through, rows, settings)
        elif self.editing is not None and len(rows):
            self._follow_back(self.editing, rows)
        tighten(state, rows, generator, settings)

    def _follow_back(self, editing: EditingEngine, rows: np.ndarray) -> None:
        state, settings = self.state, self.settings
        stopped = state.steps.copy()
        for far, asked in settings.nearer:
            engine = editing.nearer(far)
            follow(state, engine, state.best.clone(), rows, weight=asked, steps=settings.nearer_steps)
        state.steps = stopped
        shrink(state, rows, settings)
