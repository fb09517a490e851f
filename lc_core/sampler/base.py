"""How data differ from prior samples, as a sampler learns it for `base: data`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lc_core.common.seeds import block_generator
from lc_core.models.latent_model import LatentModel, decode_array, draw_transported
from lc_core.sampler.rules import BINS, Column, Rules
from lc_core.sampler.wants import Table

__all__ = ["Base", "learn_base"]

CARRIED = 4_096
"""Samples that a model's flow or chain carries to where data are, to see how these differ from the prior's."""


@dataclass(frozen=True)
class Base:
    """How data differ from prior samples in the value of one rule, the log odds of the one against the other.

    Attributes:
        rule: The rule's number.
        ratio: For each bin of its value, its share of data over its share of prior samples, `(BINS + 1,)`.
    """

    rule: int
    ratio: np.ndarray

    def log_ratio(self, bins: np.ndarray) -> np.ndarray:
        """Return the log odds of data against prior samples in bins `(B,)`; very low where data never are."""
        odds: np.ndarray = np.log(np.maximum(self.ratio[bins], 1e-6))
        return odds

    def ask(self, rules: Rules, wanted: Sequence[dict[int, np.ndarray]], columns: list[Column]) -> None:
        """Add to each alternative that data are wanted, and the rule to the columns.

        What is wanted of a bin is how much likelier it is of data than of the likeliest bin: a likelihood, not a
        condition.
        """
        place = len(columns)
        columns.append(Column(self.rule, rules.rules[self.rule].measurement({}), np.zeros(rules.size, np.float32)))
        mask = (self.ratio / self.ratio.max()).astype(np.float32)
        for masks in wanted:
            masks[place] = mask


def learn_base(model: LatentModel, rules: Rules, table: Table) -> dict[str, Any] | None:
    """Return how data differ from prior samples in the value of the model's likeness, if that is one of the rules.

    What the model's own flow or chain makes of prior samples stands for data.
    """
    names = [rule.name for rule in rules.rules]
    transport = model.realism_alone()
    if transport is None or model.unwrapped.likeness not in names:
        return None
    number = names.index(model.unwrapped.likeness)
    prior = np.bincount(table.bins[number][0], minlength=BINS + 1)
    data = np.zeros(BINS + 1)
    size = min(CARRIED, model.block)
    for block in range(CARRIED // size):
        z = draw_transported(model, size, block_generator(0, block, "base"), transport)
        values = rules.rules[number].measurement({})(decode_array(model, z))
        data += np.bincount(rules.rules[number].bin_of(values), minlength=BINS + 1)
    ratio = np.where(prior > 0, (data / data.sum()) / np.maximum(prior / prior.sum(), 1e-12), 0.0)
    return {"rule": number, "ratio": [float(f"{one:.4g}") for one in ratio]}
