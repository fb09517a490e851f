"""Exact samples under conditions, which other samples are compared with: draws from the base that meet them.

They come from a stream of their own, so that no run holds the same draws, whatever its seed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lc_core.common.progress import LONG, Progress, ProgressLine, time_of
from lc_core.common.seeds import block_generator
from lc_core.common.words import counted
from lc_core.constraints.constraint import Entry
from lc_core.constraints.evaluator import Evaluator
from lc_core.errors import LCError
from lc_core.models.cost import share_of_block
from lc_core.models.latent_model import draw_carried
from lc_core.sampling.expect import enough

if TYPE_CHECKING:
    from lc_core.models.latent_model import LatentModel

__all__ = ["BUDGET", "FEWEST", "PACK", "Asked", "Pair", "draw_exact", "split_pair"]

BUDGET = 1_000_000
"""Most draws for both sets, unless said otherwise."""
FEWEST = 20
"""Outputs of a set without which nothing is compared."""
PURPOSE = "evaluation/exact"
BLOCK = 1_024
PACK = 50
"""Neighbouring rows of data may be of one source: they are dealt to the two sets in packs of as many."""


@dataclass(frozen=True)
class Asked:
    """What exact samples are asked for.

    Attributes:
        entries: Top-level entries; preferences decide nothing.
        count: Outputs in each of the two sets.
    """

    entries: tuple[Entry, ...]
    count: int


@dataclass(frozen=True)
class Pair:
    """Two sets of one distribution: what others are compared with, and the best that can be had beside them.

    Attributes:
        reference: Outputs `(N, ...)`.
        second: As many others.
        source: What they are, in words.
        looked: How many draws or data were looked at.
        name: `exact samples`, or `held-out data`.
    """

    reference: np.ndarray
    second: np.ndarray
    source: str
    looked: int
    name: str = "exact samples"

    def __len__(self) -> int:
        return len(self.reference)


def draw_exact(
    model: LatentModel,
    asked: Sequence[Asked],
    *,
    base: str = "prior",
    budget: int = BUDGET,
    progress: Progress = lambda _: None,
) -> list[Pair]:
    """Draw two exact sets for each that is asked for, by rejection; all of them look at the same draws.

    Args:
        model: The model.
        asked: What is asked for.
        base: What is drawn: `prior`, or `data`, what the model's own flow or chain makes of prior samples.
        budget: Most draws, in whole blocks. If they are spent, sets are smaller than asked for.
        progress: Called with a line of text now and then.

    Raises:
        LCError: If fewer than `FEWEST` are found for a set, with how many draws were spent; or a plugin is at fault.
    """
    evaluators = [Evaluator(model, one.entries) for one in asked]
    found: list[list[np.ndarray]] = [[] for _ in asked]
    have = [0] * len(asked)
    carry = model.realism_alone() if base == "data" else None
    block = max(1, int(BLOCK * share_of_block(model.operations)))
    wanted = sum(2 * one.count for one in asked)
    looked, number, began, told = 0, 0, time.monotonic(), 0.0
    while looked < budget and (open_ := [at for at, one in enumerate(asked) if have[at] < 2 * one.count]):
        z = draw_carried(model, block, block_generator(0, number, PURPOSE), carry)
        outputs = evaluators[0].decode(z, first_index=looked)
        for at in open_:
            met = evaluators[at].satisfied(evaluators[at].measure(outputs, first_index=looked), block)
            found[at].append(outputs[met])
            have[at] += int(met.sum())
        looked, number = looked + block, number + 1
        if time.monotonic() - began - told > (LONG if told else 1):
            told = time.monotonic() - began
            left = time_of(told / looked * max(0, budget - looked))
            done = sum(min(some, 2 * one.count) for some, one in zip(have, asked, strict=True))
            text = f"exact samples: {done:,} of {wanted:,} in {counted(looked, 'draw')}, at most {left} more"
            progress(ProgressLine(text, done, wanted))
    source = "prior samples" if base == "prior" else "prior samples, carried to data by the model's own flow or chain"
    source += " that meet all conditions"
    pairs = []
    for one, parts, some in zip(asked, found, have, strict=True):
        if some < 2 * FEWEST:
            names = ", ".join(entry.label for entry in one.entries if entry.require)
            raise LCError(
                f"exact samples under {names} cannot be had: {some:,} of {counted(looked, 'draw')} meet all conditions,"
                f" and {2 * FEWEST} are needed",
                hint=f"{enough(2 * FEWEST, some, looked)}; or give a run of exact samples: --against RUN",
            )
        kept = np.concatenate(parts)[: 2 * one.count]
        pairs.append(Pair(*_alternate(kept), source, looked))
    return pairs


def split_pair(outputs: np.ndarray, source: str, looked: int, *, pack: int = 1, name: str = "exact samples") -> Pair:
    """Return outputs as two sets, dealt in packs.

    Raises:
        LCError: If there are too few for two sets.
    """
    if len(outputs) < 2 * FEWEST:
        raise LCError(
            f"{source}: {len(outputs):,} of {looked:,} can be used, and {2 * FEWEST} are needed: half of them for a"
            " second set"
        )
    first = np.arange(len(outputs)) // pack % 2 == 0
    size = min(int(first.sum()), int((~first).sum()))
    return Pair(outputs[first][:size], outputs[~first][:size], source, looked, name)


def _alternate(outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    size = len(outputs) // 2
    return outputs[::2][:size], outputs[1::2][:size]
