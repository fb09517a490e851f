"""A rule in a module that imports torch at its top, which it must not."""

from __future__ import annotations

import torch
from sound_parts import ABOUT, Short, Text, Wave

from lc_core.constraints.declare import measurement


@measurement(**ABOUT)
def heavy(numbers):
    """Share of numbers above 0."""
    return (torch.as_tensor(numbers) > 0).double().mean(dim=1)


class HeavyEngine(Short):
    """Is as quick as Short once it is imported."""


class HeavyText(Text):
    """Writes as Text does."""


def load():
    """Return a model that is as quick as any once its module is imported."""
    return Wave()
