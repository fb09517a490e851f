"""Which numbers outputs are compared by: the feature space that a plugin declares for them, or a random projection."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common.guard import blaming
from lc_core.errors import LCError

if TYPE_CHECKING:
    from lc_core.plugins.registry import Registered

__all__ = ["PROJECTION", "Space"]

PROJECTION = "random projection"
NUMBERS = 64
"""Numbers of a random projection."""
MOST_VALUES = 256
"""Whole numbers of up to so many values are one-hot before they are projected."""
MOST_ROWS = 200_000
"""Rows of the matrix of a projection of one-hot values; where more would be needed numbers are taken as they are."""
PIECE = 1_024
"""Outputs that are turned into features at once."""


@dataclass(frozen=True)
class Space:
    """A feature space.

    Attributes:
        plugin: The registered space; None for a fixed random projection.
    """

    plugin: Registered | None = None

    def about(self) -> dict[str, Any]:
        """Return its name, its version, and where it comes from."""
        if self.plugin is None:
            return {"name": PROJECTION, "version": 1, "from": "latent-constraints"}
        one = self.plugin
        return {"name": one.name, "version": one.about["version"], "from": f"{one.distribution} {one.version}"}

    def fitted(self, reference: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        """Return the function from outputs `(N, ...)` to features `(N, F)` float32.

        Args:
            reference: Outputs that tell a random projection its scale; a registered space does not look at them.
        """
        one = _registered(self.plugin) if self.plugin else _projection(reference)
        return lambda outputs: np.concatenate(
            [one(outputs[start : start + PIECE]) for start in range(0, max(1, len(outputs)), PIECE)]
        )


def _registered(plugin: Registered) -> Callable[[np.ndarray], np.ndarray]:
    who = f"space {plugin.name} (from {plugin.distribution})"
    target = plugin.load()

    def features(outputs: np.ndarray) -> np.ndarray:
        with blaming(who):
            found = np.asarray(target(outputs.copy()), dtype=np.float32)
        if found.ndim != 2 or len(found) != len(outputs) or not np.isfinite(found).all():
            raise LCError(f"{who} returned shape {found.shape}; expected ({len(outputs)}, F) of finite numbers")
        return found

    return features


def _projection(reference: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a projection to `NUMBERS` numbers by normal variables that are the same each time."""
    flat = reference.reshape(len(reference), -1)
    low, high = flat.min(), flat.max()
    values = int(high) - int(low) + 1 if flat.dtype.kind in "iub" else MOST_VALUES + 1
    draw = np.random.default_rng(0)
    if values <= MOST_VALUES and values * flat.shape[1] <= MOST_ROWS:
        table = draw.normal(size=(flat.shape[1], values, NUMBERS)).astype(np.float32)
        columns = np.arange(flat.shape[1])

        def one_hot(outputs: np.ndarray) -> np.ndarray:
            at = np.clip(outputs.reshape(len(outputs), -1).astype(np.int64) - int(low), 0, values - 1)
            found: np.ndarray = sum(table[column, at[:, column]] for column in columns) / np.sqrt(len(columns))
            return found

        return one_hot
    mean, spread = flat.mean(axis=0), flat.std(axis=0)
    matrix = (
        draw.normal(size=(flat.shape[1], NUMBERS)) / np.sqrt(flat.shape[1]) / np.where(spread > 0, spread, 1)[:, None]
    )

    def projected(outputs: np.ndarray) -> np.ndarray:
        found: np.ndarray = ((outputs.reshape(len(outputs), -1) - mean) @ matrix).astype(np.float32)
        return found

    return projected
