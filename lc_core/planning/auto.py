"""The engine `auto`, the default: exact tries first, then what serves the spec soonest."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from lc_core.engines.base import Engine
from lc_core.engines.edit import Edit
from lc_core.errors import LCError
from lc_core.sampler.engine import Sampler
from lc_core.spec.values import FitSettings

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.constraints.constraint import Entry
    from lc_core.constraints.evaluator import Evaluator
    from lc_core.energy.energy import Energy
    from lc_core.fitting.prepare import Prepared
    from lc_core.models.latent_model import LatentModel
    from lc_core.planning.plan import Plan

__all__ = ["Auto"]


class Auto(Engine):
    """Whatever serves a spec soonest: prior samples first, then the model's sampler, or gradients of fitted critics.

    It looks at the first 4,096 prior samples. Where enough of them meet all conditions it tries more, which is exact.
    Elsewhere these are tried first, and the others come from an engine that moves latents. `lc show` prints the plan.

    Args:
        exact: Samples that are tried as they are before an engine moves others, rounded up to whole blocks; by default
            16,384 where the sampler knows every rule, else 4,096; a 16th or a 64th of that where a decode is costly.
            More of them give more exact outputs, and take longer unless a bank holds them.
    """

    def __init__(self, *, exact: Annotated[int, Field(ge=0, le=100_000_000)] | None = None) -> None:
        self.exact = exact
        self._plan: Plan | None = None
        self._prepare: Callable[[], Prepared] | None = None
        self._card: dict[str, Any] = {}
        self._prepared: Prepared | None = None
        self._seconds = 0.0

    @classmethod
    def default_budget(cls, count: int, settings: Mapping[str, Any] | None = None) -> int:
        """Return most tries: the exact ones that are asked for come on top."""
        return super().default_budget(count) + int((settings or {}).get("exact") or 0)

    @property
    def plan(self) -> Plan | None:
        """What it does; None until a problem is prepared."""
        return self._plan

    def for_edits(self, *, named: bool) -> Engine:
        """Return the engine that edits."""
        return Edit()

    def weights(self, model: LatentModel) -> str:
        """Return which weights the model's sampler has, if it has one."""
        return Sampler().weights(model)

    def unfit(self, model: LatentModel, entries: Sequence[Entry], realism: float) -> str | None:
        """Return None: there is something for any problem."""
        return None

    def moves_to_data(self, model: LatentModel, entries: Sequence[Entry]) -> bool:
        """Return whether the model has a sampler that can serve this, of which moves can be made."""
        sampler = Sampler()
        return sampler.unfit(model, entries, 0.0) is None and sampler.moves_to_data(model, entries)

    def ready(
        self, evaluator: Evaluator, realism: float, progress: Callable[[str], None], **more: Any
    ) -> tuple[Energy | None, Engine, dict[str, Any]]:
        """Make the plan; fit or read what it needs, unless prior samples are tried first."""
        from lc_core.fitting.prepare import prepare
        from lc_core.planning.pilot import SELDOM, pilot
        from lc_core.planning.plan import make_plan

        found = make_plan(
            evaluator,
            realism=realism,
            base=more.get("base", "prior"),
            exact=self.exact,
            cache=more.get("cache"),
            bank=more.get("bank"),
            progress=progress,
        )
        for reason in found.reasons:
            progress(f"plan: {reason}")
        settings, base = more.get("settings") or FitSettings(), more.get("base", "prior")
        engine = found.engine.sized_for(evaluator.model)
        ready = copy.copy(self)
        ready._plan, ready._card = replace(found, engine=engine), {"plan": found.card()}
        vars(ready)["amortised"] = engine.amortised
        ready.block = found.exact.block if found.exact_blocks else engine.block

        def fit(*, refined: bool) -> Prepared:
            return prepare(
                evaluator,
                engine,
                realism=realism,
                settings=settings if refined else replace(settings, rounds=0),
                cache=more.get("cache"),
                progress=progress,
                base=base,
            )

        def complete() -> Prepared:
            made = fit(refined=found.refined)
            if found.refined or not made.card.get("held_out") or settings.rounds == 0:
                return made  # there are no critics that could be refined
            share = pilot(evaluator, made, realism=realism, base=base)
            if share >= SELDOM:
                return made
            progress(
                f"plan: {share:.1%} of {made.engine.block} first tries satisfy: the critics are refined for this spec"
            )
            return fit(refined=True)

        ready._prepare = complete
        if not found.exact_blocks:
            ready.complete()
        return None, ready, ready._card

    def complete(self) -> Prepared:
        """Fit or read what the plan needs, if that is not done yet; the report's card then says what was fitted.

        It is done when the first tries are not enough, so that what they deliver costs no fit.
        """
        assert self._prepare is not None, "prepare makes the plan"
        if self._prepared is None:
            began = time.monotonic()
            self._prepared = self._prepare()
            self._card |= self._prepared.card
            self._seconds = time.monotonic() - began
        return self._prepared

    def fit_seconds(self) -> float:
        """Return the seconds that fits took while tries were going on; of others `prepare` tells."""
        late = self._plan is not None and self._plan.exact_blocks > 0
        return self._seconds if late else 0.0

    def at_work(self, number: int, energy: Energy | None) -> tuple[Engine, Energy | None]:
        """Return rejection for the first blocks, then the other engine, prepared."""
        assert self._plan is not None, "prepare makes the plan"
        if number < self._plan.exact_blocks:
            return self._plan.exact, None
        return self.complete().engine, self.complete().energy

    def part(self, number: int) -> tuple[Engine, int]:
        """Return rejection for the first blocks, then the other engine."""
        assert self._plan is not None, "prepare makes the plan"
        first, exact = self._plan.exact_blocks, self._plan.exact
        if number < first:
            return exact, number * exact.block
        return self._plan.engine, first * exact.block + (number - first) * self._plan.engine.block

    def settings(self) -> dict[str, Any]:
        """Return the settings of what the plan chose."""
        if self._plan is None:
            return {}
        engine = self._prepared.engine if self._prepared else self._plan.engine
        return {"plan": self._plan.names, **engine.settings()}

    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        """Raise: the engines of the plan take the steps."""
        raise LCError("no plan is made yet", hint="prepare makes it; lc sample and lc_core.sample do so")
