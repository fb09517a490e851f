"""Decode latents and measure every constraint on the outputs: the only thing that decides `satisfied`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lc_core.constraints.constraint import Entry, leaves, walk
from lc_core.constraints.logic import meet_all, verdict
from lc_core.constraints.measurement import Measurement, measure_all
from lc_core.errors import LCError
from lc_core.models.latent_model import LatentModel, decode_outputs

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Measured", "Evaluator"]


class Evaluator:
    """Decodes with one model, measures one tree of constraints, and counts what it decodes.

    Args:
        model: The latent model.
        entries: Top-level entries; the labels of their leaves are distinct.

    Raises:
        LCError: If a measurement does not accept the model's outputs, or needs something that belongs to another
            model; or if two leaves share a label.
    """

    def __init__(self, model: LatentModel, entries: Sequence[Entry]) -> None:
        self.model = model
        self.entries = tuple(entries)
        self.leaves = tuple(leaves(self.entries))
        self.decodes = 0
        seen: set[str] = set()
        for leaf in self.leaves:
            if leaf.label in seen:
                raise LCError(f"two constraints have the label {leaf.label!r}; give one of them another label")
            seen.add(leaf.label)
            if not leaf.measurement.accepts(model.output_type):
                accepted = ", ".join(leaf.measurement.info.accepts)
                raise LCError(
                    f"{leaf.measurement.name} measures {accepted}, but {model.name} decodes to {model.output_type}"
                )
            for one in leaf.variants:
                if needs := one.needs():
                    needs.check_model(model.unwrapped)

    @property
    def conditions(self) -> tuple[Entry, ...]:
        """The top-level entries that must hold; the others are preferences."""
        return tuple(entry for entry in self.entries if entry.require)

    def decode(self, z: Tensor, *, first_index: int = 0) -> np.ndarray:
        """Decode latents `(B, *latent_shape)`, in pieces of the model's block, and count them."""
        outputs = decode_outputs(self.model, z, first_index=first_index)
        self.decodes += len(z)
        return outputs

    def measure(self, outputs: np.ndarray, *, first_index: int = 0) -> dict[str, np.ndarray]:
        """Measure outputs: for each leaf's label its values `(B,)` float64."""
        values = measure_all([leaf.measurement for leaf in self.leaves], outputs, first_index=first_index)
        return dict(zip((leaf.label for leaf in self.leaves), values, strict=True))

    @property
    def variants(self) -> list[Measurement]:
        """The measurement of every leaf, where it has free parameters under every combination."""
        return [one for leaf in self.leaves for one in leaf.variants]

    def measure_variants(self, outputs: np.ndarray) -> dict[str, np.ndarray]:
        """Measure outputs as above, but where a leaf has free parameters under every combination, `(B, V)`."""
        return self.by_leaf(measure_all(self.variants, outputs))

    def by_leaf(self, columns: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Return for each leaf's label the values of its variants, `(B,)`, or `(B, V)` if it is free.

        Args:
            columns: What each of `variants` measures, `(B,)`.
        """
        values, found = iter(columns), {}
        for leaf in self.leaves:
            some = np.stack([next(values) for _ in leaf.variants], axis=1)
            found[leaf.label] = some if leaf.free else some[:, 0]
        return found

    def met(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Assess every entry of the tree on measured values: for each label, `(B,)` bool."""
        return {entry.label: verdict(entry, values).met for entry in walk(self.entries)}

    def satisfied(self, values: dict[str, np.ndarray], count: int) -> np.ndarray:
        """Return which of `count` outputs meet every condition, `(count,)` bool; all of them if there is none."""
        return meet_all(self.conditions, values, count)

    def satisfied_latents(self, z: Tensor) -> np.ndarray:
        """Decode and measure latents and return which satisfy, `(B,)` bool."""
        return self.satisfied(self.measure(self.decode(z)), len(z))


@dataclass
class Measured:
    """Latents `(N, *latent_shape)` and what each leaf measures, by label: `(N,)`, or `(N, V)` if it is free."""

    z: Tensor
    values: dict[str, np.ndarray]

    @classmethod
    def of(cls, evaluator: Evaluator, z: Tensor) -> Measured:
        """Decode and measure latents."""
        return cls(z, evaluator.measure_variants(evaluator.decode(z)))

    def __add__(self, other: Measured) -> Measured:
        values = {key: np.concatenate([self.values[key], other.values[key]]) for key in self.values}
        import torch

        return Measured(torch.cat([self.z, other.z]), values)

    def __len__(self) -> int:
        return len(self.z)

    def last(self, count: int) -> dict[str, np.ndarray]:
        """Return the values of the last rows."""
        return {key: values[-count:] for key, values in self.values.items()}
