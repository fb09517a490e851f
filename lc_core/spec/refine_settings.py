"""How critics are refined: every number that was tuned, with its default."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RefineSettings"]


@dataclass(frozen=True)
class RefineSettings:
    """How refinement chooses its rounds and what it learns from; see `lc_core.fitting.refine`.

    Attributes:
        threshold_share: An entry that a smaller share of the tries meets has a looser curriculum threshold.
        average: What a training step keeps of the averaged weights.
        window: Rounds over which the share of tries that satisfy is averaged.
        most_over_own: A round counts for at most this multiple of its own share: after better rounds it may be far
            below their average.
        fair: Share of tries from which a long lack of progress ends refinement.
        good: Share from which a shorter lack of progress ends it.
        enough: Share at which it ends at once.
        progress: Progress is that this share fewer of the tries fail, or correspondingly more succeed; less is as
            likely to be chance.
        preference_score: What meeting every preference is worth in the choice of a round, where satisfying every
            condition is worth 1.
        visits: Latents of a try that are decoded in a round, the last included.
        nearest: Latents that come nearest, which are copied if none satisfies.
        redrawn: Share of a copy's values that are drawn anew from the prior, to begin with.
    """

    threshold_share: float = 0.1
    average: float = 0.99
    window: int = 3
    most_over_own: float = 1.25
    fair: float = 0.5
    good: float = 0.9
    enough: float = 0.995
    progress: float = 0.2
    preference_score: float = 0.2
    visits: int = 8
    nearest: int = 64
    redrawn: float = 0.2
