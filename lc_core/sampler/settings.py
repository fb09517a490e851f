"""How a sampler is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from pydantic import Field

from lc_core.errors import LCError
from lc_core.plugins.registry import Registered

__all__ = ["SamplerSettings"]


@dataclass(frozen=True)
class SamplerSettings:
    """How a sampler is trained. Defaults are for latents of a hundred values and some twenty rules.

    Attributes:
        steps: Training steps.
        minutes: Most minutes of training, after which it ends as if its steps were done; 0 for no limit.
        batch: Rows in a step.
        warm: First steps, in which the predictor learns from prior samples alone.
        iterations: Guided steps that are taken from a start in one step of the training.
        lr: Adam's learning rate.
        samples: Prior samples that wants are drawn from.
        settings: Most settings of one rule that are measured on these.
        sizes: How likely a row has 1, 2, ... wants.
        width: Width of the predictor.
        blocks: Its residual blocks.
        compositions: Random compositions that the sampler is measured on when it is trained.
        seed: Seed of the training.
    """

    steps: Annotated[int, Field(ge=1)] = 10_000
    minutes: Annotated[float, Field(ge=0)] = 0.0
    batch: Annotated[int, Field(ge=2)] = 256
    warm: Annotated[int, Field(ge=0)] = 400
    iterations: Annotated[int, Field(ge=1)] = 12
    lr: Annotated[float, Field(gt=0)] = 1e-3
    samples: Annotated[int, Field(ge=256)] = 65_536
    settings: Annotated[int, Field(ge=1)] = 128
    sizes: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1)] = (0.12, 0.2, 0.24, 0.24, 0.2)
    width: Annotated[int, Field(ge=8)] = 384
    blocks: Annotated[int, Field(ge=1)] = 4
    compositions: Annotated[int, Field(ge=1)] = 320
    seed: Annotated[int, Field(ge=0)] = 0

    def __post_init__(self) -> None:
        if not sum(self.sizes) > 0:
            raise LCError(f"sizes should have a number above 0; found {list(self.sizes)}")

    @classmethod
    def given(cls, changes: Mapping[str, Any]) -> SamplerSettings:
        """Return the defaults with some changed.

        Raises:
            LCError: Naming every change of an unknown key, or of a wrong type or value.
        """
        return cls(**Registered("the", "sampler", "latent-constraints", "", cls).fill(changes))

    def as_dict(self) -> dict[str, Any]:
        """Return them as plain data."""
        return {key: list(one) if isinstance(one, tuple) else one for key, one in asdict(self).items()}
