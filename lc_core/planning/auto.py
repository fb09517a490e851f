"""The engine `auto`, the default: exact tries first, then what serves the spec soonest."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lc_core.engines.base import Engine
from lc_core.engines.edit import Edit
from lc_core.errors import LCError

if TYPE_CHECKING:
    from torch import Tensor

    from lc_core.constraints.constraint import Entry
    from lc_core.constraints.evaluator import Evaluator
    from lc_core.energy.energy import Energy
    from lc_core.models.latent_model import LatentModel
    from lc_core.planning.plan import Plan

__all__ = ["Auto"]


class Auto(Engine):
    """Whatever serves a spec soonest: prior samples first, then the model's sampler, or gradients of fitted critics.

    It looks at the first 4,096 prior samples. Where enough of them meet all conditions it tries more, which is exact.
    Elsewhere these are tried first, and the others come from an engine that moves latents. `lc show` prints the plan.
    """

    def __init__(self) -> None:
        self._plan: Plan | None = None

    @property
    def plan(self) -> Plan | None:
        """What it does; None until a problem is prepared."""
        return self._plan

    def for_edits(self, *, named: bool) -> Engine:
        """Return the engine that edits."""
        return Edit()

    def weights(self, model: LatentModel) -> str:
        """Return which weights the model's sampler has, if it has one."""
        from lc_core.sampler.engine import Sampler

        return Sampler().weights(model)

    def unfit(self, model: LatentModel, entries: Sequence[Entry], realism: float) -> str | None:
        """Return None: there is something for any problem."""
        return None

    def ready(
        self, evaluator: Evaluator, realism: float, progress: Callable[[str], None], **more: Any
    ) -> tuple[Energy | None, Engine, dict[str, Any]]:
        """Make the plan, and fit or read what it needs."""
        from dataclasses import replace

        from lc_core.fitting.critics import FitSettings
        from lc_core.fitting.prepare import prepare
        from lc_core.planning.plan import plan

        found = plan(evaluator, realism=realism, base=more.get("base", "prior"), cache=more.get("cache"))
        for reason in found.reasons:
            progress(f"plan: {reason}")
        settings = more.get("settings") or FitSettings()
        settings = settings if found.refined else replace(settings, rounds=0)
        prepared = prepare(
            evaluator,
            found.engine.sized_for(evaluator.model),
            realism=realism,
            settings=settings,
            cache=more.get("cache"),
            progress=progress,
            base=more.get("base", "prior"),
        )
        ready = copy.copy(self)
        ready._plan = replace(found, engine=prepared.engine)
        ready.block = found.exact.block if found.exact_blocks else prepared.engine.block
        return prepared.energy, ready, {"plan": found.card(), **prepared.card}

    def part(self, number: int) -> tuple[Engine, int]:
        """Return rejection for the first blocks, then the other engine."""
        assert self._plan is not None, "prepare makes the plan"
        first, exact = self._plan.exact_blocks, self._plan.exact
        if number < first:
            return exact, number * exact.block
        return self._plan.engine, first * exact.block + (number - first) * self._plan.engine.block

    def settings(self) -> dict[str, Any]:
        """Return the settings of what the plan chose."""
        return {} if self._plan is None else {"plan": self._plan.names, **self._plan.engine.settings()}

    def step(self, state: tuple[Tensor, ...], energy: Energy, model: LatentModel, number: int) -> tuple[Tensor, ...]:
        """Raise: the engines of the plan take the steps."""
        raise LCError("no plan is made yet", hint="prepare makes it; lc sample and lc_core.sample do so")
