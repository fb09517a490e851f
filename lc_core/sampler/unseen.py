"""Rules that a sampler was not trained on: each gets a critic, which is fitted on prior samples and not refined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lc_core.common.cache import Cache
from lc_core.common.progress import Progress
from lc_core.constraints.constraint import Entry
from lc_core.constraints.evaluator import Evaluator
from lc_core.energy.energy import Energy
from lc_core.engines.gradient import Gradient
from lc_core.fitting.prepare import prepare
from lc_core.spec.values import FitSettings

__all__ = ["SamplerEnergy", "energy_of_unseen"]


@dataclass
class _Count:
    """How many latents were read through the decoder."""

    latents: int = 0


@dataclass(frozen=True)
class SamplerEnergy(Energy):
    """What a sampler was asked. Only rules that it was not trained on have a term.

    Args:
        seen: Counts latents that were read through the decoder.
    """

    seen: _Count = field(default_factory=_Count)

    @property
    def decodes(self) -> int:
        """Latents that were read through the decoder, or decoded to follow constraints through it."""
        return super().decodes + self.seen.latents


def energy_of_unseen(
    evaluator: Evaluator,
    entries: Sequence[Entry],
    progress: Progress,
    *,
    settings: FitSettings | None = None,
    cache: Cache | None = None,
) -> SamplerEnergy:
    """Return the energy of entries that a sampler was not trained on; without any it has no terms.

    Args:
        evaluator: The model and all entries.
        entries: Those that it was not trained on.
        progress: Called with a line of text now and then.
        settings: How critics are fitted; they are not refined in any case.
        cache: Where critics are kept; None keeps none.
    """
    if not entries:
        return SamplerEnergy(())
    problem, unrefined = Evaluator(evaluator.model, entries), replace(settings or FitSettings(), rounds=0)
    found = prepare(problem, Gradient(), settings=unrefined, cache=cache, progress=progress).energy
    assert found is not None, "the engine gradient needs an energy"
    return SamplerEnergy(**{name: getattr(found, name) for name in Energy.__dataclass_fields__})
