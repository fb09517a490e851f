"""Exact samples under conditions, which other samples are compared with: draws from the base that meet them.

They come from a stream of their own, so that no run holds the same draws, whatever its seed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from lc_core.common.progress import LONG, Progress, ProgressLine, time_of
from lc_core.common.seeds import block_generator
from lc_core.common.words import counted
from lc_core.constraints.constraint import Entry
from lc_core.constraints.evaluator import Evaluator
from lc_core.errors import LCError
from lc_core.models.cost import share_of_block
from lc_core.models.latent_model import draw_transported
from lc_core.sampling.expect import enough

if TYPE_CHECKING:
    from lc_core.models.latent_model import LatentModel

__all__ = ["BUDGET", "FEWEST", "MOST", "PACK", "Asked", "Pair", "Search", "draw_exact", "split_pair"]

BUDGET = 1_000_000
"""Most draws for both sets, unless said otherwise."""
MOST = 10_000
"""Outputs of a set at most, unless said otherwise: they are held, and each is compared with each."""
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
        met: How many of these met all conditions; some may be left over.
        name: `exact samples`, or `held-out data`.
    """

    reference: np.ndarray
    second: np.ndarray
    source: str
    looked: int
    met: int
    name: str = "exact samples"

    def __len__(self) -> int:
        return len(self.reference)

    def about(self) -> dict[str, Any]:
        """Return what the sets are, without outputs."""
        return {"name": self.name, "what": self.source, "met": self.met, "looked": self.looked, "n": len(self)}


class Search:
    """Looks for exact samples block by block, of several kinds in the same draws.

    Args:
        model: The model.
        asked: What is asked for.
        base: What is drawn: `prior`, or `data`, what the model's own flow or chain makes of prior samples.

    Attributes:
        number: The next block.
        found: For each that is asked for, the parts that were found, in their order.
        looked_for: For each, how many draws were measured: none once there are enough.
    """

    def __init__(self, model: LatentModel, asked: Sequence[Asked], *, base: str = "prior") -> None:
        self.model, self.asked, self.base = model, tuple(asked), base
        self.number = 0
        self.found: list[list[np.ndarray]] = [[] for _ in asked]
        self.looked_for = [0 for _ in asked]
        self._evaluators = [Evaluator(model, one.entries) for one in asked]
        self._transport = model.realism_alone() if base == "data" else None
        self._block = max(1, int(BLOCK * share_of_block(model.operations, model.device)))

    @property
    def looked(self) -> int:
        """Draws so far."""
        return self.number * self._block

    @property
    def have(self) -> list[int]:
        """How many were found of each kind."""
        return [sum(map(len, parts)) for parts in self.found]

    @property
    def done(self) -> bool:
        """Whether there are two sets of each kind."""
        return all(some >= 2 * one.count for some, one in zip(self.have, self.asked, strict=True))

    def step(self) -> None:
        """Look at the next block of draws. Kinds of which there are enough are not measured."""
        z = draw_transported(self.model, self._block, block_generator(0, self.number, PURPOSE), self._transport)
        outputs = self._evaluators[0].decode(z, first_index=self.looked)
        have = self.have
        for at, (one, evaluator) in enumerate(zip(self.asked, self._evaluators, strict=True)):
            if have[at] < 2 * one.count:
                met = evaluator.satisfied(evaluator.measure(outputs, first_index=self.looked), self._block)
                self.found[at].append(outputs[met])
                self.looked_for[at] += self._block
        self.number += 1

    def pairs(self) -> list[Pair]:
        """Return two sets of each kind.

        Raises:
            LCError: If fewer than `FEWEST` were found for a set, with how many draws were spent.
        """
        source = "prior samples" if self.base == "prior" else "samples of base: data"
        pairs = []
        for one, parts, some, looked in zip(self.asked, self.found, self.have, self.looked_for, strict=True):
            if some < 2 * FEWEST:
                names = ", ".join(entry.label for entry in one.entries if entry.require)
                raise LCError(
                    f"exact samples under {names} cannot be had: {some:,} of {counted(looked, 'draw')} meet all"
                    f" conditions, and {2 * FEWEST} are needed",
                    hint=f"{enough(2 * FEWEST, some, looked)}; or give a run of exact samples: --against RUN",
                )
            kept = np.concatenate(parts)[: 2 * one.count]
            pairs.append(replace(split_pair(kept, f"{source} that meet all conditions", looked), met=some))
        return pairs


def draw_exact(
    model: LatentModel,
    asked: Sequence[Asked],
    *,
    base: str = "prior",
    budget: int = BUDGET,
    progress: Progress = lambda _: None,
) -> list[Pair]:
    """Draw two exact sets for each that is asked for, by rejection.

    Args:
        model: The model.
        asked: What is asked for; all of them are looked for in the same draws.
        base: What is drawn, `prior` or `data`; see `Search`.
        budget: Most draws, in whole blocks. If they are spent, sets are smaller than asked for.
        progress: Called with a line of text now and then.

    Raises:
        LCError: If fewer than `FEWEST` are found for a set, with how many draws were spent; or a plugin is at fault.
    """
    search = Search(model, asked, base=base)
    wanted, began, told = sum(2 * one.count for one in asked), time.monotonic(), 0.0
    while search.looked < budget and not search.done:
        search.step()
        if not search.done and time.monotonic() - began - told > (LONG if told else 1):
            told = time.monotonic() - began
            left = time_of(told / search.looked * max(0, budget - search.looked))
            done = sum(min(some, 2 * one.count) for some, one in zip(search.have, asked, strict=True))
            text = f"exact samples: {done:,} of {wanted:,} in {counted(search.looked, 'draw')}, at most {left} more"
            progress(ProgressLine(text, done, wanted))
    return search.pairs()


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
    return Pair(outputs[first][:size], outputs[~first][:size], source, looked, len(outputs), name)
