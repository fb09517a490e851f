"""Types of the settings that the loaders share. Imported when a spec is read, so torch is not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from typing_extensions import TypedDict

__all__ = ["Block", "Latent", "Layout", "MixtureSetting", "PriorForm", "PriorSetting", "Shape", "Spread", "Values"]

Size = Annotated[int, Field(ge=1, le=1_000_000)]
Latent = Annotated[list[Size], Field(min_length=1, max_length=8)]
"""Shape of one latent, without the batch."""
Shape = Annotated[list[Size], Field(min_length=1, max_length=8)]
"""Shape of one output, without the batch."""
Values = tuple[float, float]
"""The range of a network's pixels, `[low, high]`."""
Layout = Literal["channels_first", "channels_last"]
"""Where a network's outputs have their channels: (C, H, W) or (H, W, C)."""
Block = Annotated[int, Field(ge=1, le=65_536)]
Spread = Literal["std", "log_variance"]
"""What the second output of an encoder is."""


class MixtureSetting(TypedDict, total=False):
    """A mixture of normals: numbers, or a file with the same names."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    means: list[list[float]]
    stds: float | list[float]
    weights: list[float]
    file: Path


class PriorForm(TypedDict, total=False):
    """A prior with parameters: one of these keys."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]

    uniform: tuple[float, float]
    hypersphere: float
    mixture: MixtureSetting
    samples: Path


PriorSetting = Literal["normal", "uniform", "hypersphere"] | PriorForm
"""`normal`, `uniform` in [-1, 1], `hypersphere` of radius 1, or a mapping with parameters."""
