"""Answers to specs that change, of one model that stays loaded: what a page that is played with, or a notebook, asks.

What is answered is what `lc sample` delivers for the same spec, in the same order and with the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lc_core.bank import AtHand
from lc_core.common.cache import Cache
from lc_core.constraints.evaluator import Evaluator
from lc_core.errors import LCError
from lc_core.exploring.look import Look, look_at
from lc_core.exploring.run import Answer, Run
from lc_core.models.cost import share_of_block
from lc_core.models.latent_model import LatentModel, decodes_of_base
from lc_core.planning import Auto
from lc_core.planning.spans import sampled_spans
from lc_core.runs.build import build_problem, prepare_problem
from lc_core.sampling.block import bank_for
from lc_core.sampling.digests import Digests
from lc_core.sampling.moves import make_moves, unfit_for_moves
from lc_core.sampling.problem import base_of

if TYPE_CHECKING:
    from lc_core.constraints.measurement import Measurement
    from lc_core.spec.values import Spec

__all__ = ["SAMPLES", "Answer", "Ended", "Explorer"]

SAMPLES = 262_144
"""Samples of a bank that are looked at, where a decode is cheap."""
FIRST = 16
"""Blocks after which a rule that nobody asked for yet is first told about."""
ENOUGH = 16
"""Blocks that have to be there for more than the plan's own to be tried as they are."""
NEAR_SIZES = (0.05, 0.1, 0.2, 0.3)
"""Sizes of the moves that lead to what is like one output."""
NEAR_ROWS, NEAR_MOVES, NEAR_ROUNDS = 64, 6, 4
SPAN_SECONDS = 2.0


@dataclass(frozen=True)
class Ended:
    """How an answer ended: outputs delivered, tries made, and whether that is all that was asked for."""

    delivered: int
    tried: int
    done: bool


class Explorer:
    """One loaded model, with its bank in memory.

    Args:
        model: The model.
        samples: Samples of the bank that are looked at; default 262,144, fewer where a decode is costly.
        cache: Where banks and critics are kept; None keeps nothing.
        usual: Measurements that are likely to be asked for; `fill` measures them ahead.

    Example:
        >>> from lc_core import load_model, load_spec
        >>> from lc_core.exploring import Explorer
        >>> explorer = Explorer(load_model("digits.8x8"), samples=1_024)
        >>> ended = explorer.answer(load_spec("digits/seven"), tell=lambda answer: None)
        >>> ended.delivered, ended.done
        (16, True)
    """

    def __init__(
        self,
        model: LatentModel,
        *,
        samples: int | None = None,
        cache: Cache | None = None,
        usual: Sequence[Measurement] = (),
    ) -> None:
        self.model, self._cache, self._usual = model, cache, usual
        at_most = max(1, int(SAMPLES * share_of_block(model.operations, model.device)))
        self.samples = at_most if samples is None else samples
        self._banks: dict[str, AtHand] = {}

    def base_of(self, spec: Spec) -> str:
        """Return what tries for a spec begin from, `prior` or `data`."""
        return base_of(spec.base, spec.realism, self.model, left_open=spec.engine.use == "auto")

    def bank(self, base: str = "prior") -> AtHand:
        """Return the bank of samples of a base; of a chain to data, which is costly, that of the prior."""
        if decodes_of_base(self.model, base) > 0:
            base = "prior"
        if base not in self._banks:
            self._banks[base] = AtHand(
                self.model, samples=self.samples, cache=self._cache, base=base, usual=self._usual
            )
        return self._banks[base]

    def settled(self, spec: Spec) -> Spec:
        """Return a spec in which the engine `auto`, with seed 0, first tries all samples that are at hand.

        That is what `answer` answers, and with this spec `lc sample` delivers the same. Others come back as they are.
        """
        if spec.engine.use != "auto" or spec.engine.params.get("exact") is not None or spec.sample.seed:
            return spec
        base = self.base_of(spec)
        bank = self.bank(base)
        if decodes_of_base(self.model, base) > 0 or bank.filled < ENOUGH:
            return spec
        exact = bank.block * 2 ** (bank.filled.bit_length() - 1)
        budget = Auto.default_budget(spec.sample.count, {"exact": exact})
        sample = spec.sample if "budget" in spec.given.get("sample", ()) else replace(spec.sample, budget=budget)
        return replace(spec, engine=replace(spec.engine, params={"exact": exact}), sample=sample)

    def answer(
        self,
        spec: Spec,
        *,
        tell: Callable[[Answer], None],
        look: Callable[[Look], None] | None = None,
        progress: Callable[[str], None] = lambda _: None,
        tried: Callable[[int], None] = lambda _: None,
    ) -> Ended:
        """Answer a spec: each output is told as soon as it is made.

        Args:
            spec: From `load_spec`; its model is this one.
            tell: Called with each answer, in the order in which `lc sample` delivers them.
            look: Called with what samples tell, first from a part of them if a rule was never measured.
            progress: Called with a line of text now and then.
            tried: Called with the number of tries now and then.

        Raises:
            LCError: If something cannot be used, or a plugin is at fault.
        """
        problem = build_problem(spec, model=self.model)
        evaluator = Evaluator(self.model, problem.entries)
        bank = self.bank(problem.base)
        looks = self._looks(evaluator, bank)
        last = next(looks)
        if look is not None:
            look(last[1])
        same_stream = problem.seed == 0 and decodes_of_base(self.model, problem.base) == 0
        prepared = prepare_problem(problem, spec.fit, self._cache, progress, bank if same_stream else None)
        problem = replace(problem, engine=prepared.engine)
        run = Run(problem, prepared.energy, tell)
        if problem.drawn(0) and same_stream and bank.block == problem.engine.part(0)[0].block:
            run.take(bank, evaluator, last[0])
        for last in looks:
            if look is not None:
                look(last[1])
            if run.number and not run.full:
                run.take(bank, evaluator, last[0])
        tried(run.tried)
        drawing = bank if same_stream else bank_for(problem, self._cache)
        while not run.full and problem.has_block(run.number):
            run.one(drawing if problem.drawn(run.number) else None)
            tried(run.tried)
        return Ended(run.delivered, run.tried, run.full)

    def look(self, spec: Spec) -> Look:
        """Return what all samples at hand tell of a spec.

        Raises:
            LCError: If the decoder or a measurement is at fault.
        """
        problem = build_problem(spec, model=self.model)
        *_, (_, found) = self._looks(Evaluator(self.model, problem.entries), self.bank(problem.base))
        return found

    def look_by_sampler(self, spec: Spec) -> Look | None:
        """Return what the model's sampler tells of a spec where too few samples do; None if it tells nothing more.

        It tells which values a rule can take among outputs that meet all others.

        Raises:
            LCError: If the decoder or a measurement is at fault.
        """
        problem, found = build_problem(spec, model=self.model), self.look(spec)
        if found.rates.every is None:
            return None
        spans = sampled_spans(self.model, problem.entries, found.rates, seconds=SPAN_SECONDS)
        return replace(found, rates=replace(found.rates, spans=found.rates.spans | spans)) if spans else None

    def near(self, spec: Spec, z: np.ndarray, *, tell: Callable[[Answer], None], seed: int = 0) -> Ended:
        """Answer with outputs that are like one and meet the spec too: moves of a chain from its latent.

        Args:
            spec: From `load_spec`.
            z: The latent of an output that meets it, `latent_shape`.
            tell: Called with each answer; each is another output than the first, and than the others.
            seed: Seed of the moves.

        Raises:
            LCError: If the prior is no standard normal, or a plugin is at fault.
        """
        import torch

        problem = build_problem(spec, model=self.model)
        if reason := unfit_for_moves(self.model, "prior", problem.engine, problem.entries):
            raise LCError(f"nothing like it can be found: {reason}")
        evaluator = Evaluator(self.model, problem.entries)
        start = torch.from_numpy(np.asarray(z, dtype=np.float32)).to(self.model.device)
        rows = start.expand(NEAR_ROWS, *start.shape).clone()
        seen, given, made = Digests(), 0, 0
        seen.add(evaluator.decode(rows[:1]))
        for number in range(NEAR_ROUNDS):
            moved = make_moves(evaluator, rows, moves=NEAR_MOVES, seed=seed, block=number, sizes=NEAR_SIZES)
            made += moved.proposed
            outputs = evaluator.decode(moved.z)
            values = evaluator.measure(outputs)
            met = evaluator.met(values)
            good = evaluator.satisfied(values, len(rows))
            for row in np.flatnonzero(good):
                if given < problem.count and bool(seen.add(outputs[row : row + 1])[0]):
                    given += 1
                    tell(
                        Answer(
                            index=-1,
                            z=moved.z[int(row)].float().cpu().numpy(),
                            output=outputs[row],
                            values={label: float(one[row]) for label, one in values.items()},
                            met={label: bool(one[row]) for label, one in met.items()},
                            engine="moves",
                            exact=False,
                        )
                    )
            if given >= problem.count:
                break
            rows = moved.z  # a round further from where it began
        return Ended(given, made, given >= problem.count)

    def fill(self, base: str = "prior") -> bool:
        """Decode and measure one more block of the bank ahead; return whether there was any.

        Args:
            base: Whose samples.
        """
        return self.bank(base).fill()

    def _looks(self, evaluator: Evaluator, bank: AtHand) -> Iterator[tuple[int, Look]]:
        """Yield what samples tell, and of how many blocks: of all that are measured, and until all are."""
        measurements = [leaf.measurement for leaf in evaluator.leaves]
        there = max(bank.filled, min(4, bank.blocks))
        known = min(there, bank.known(measurements))
        parts = {min(part, there) for part in (known, FIRST, 4 * FIRST, there)}
        for count in sorted(part for part in parts if part >= max(known, min(FIRST, there))):
            columns = bank.first_values(count, measurements)
            values = dict(zip((leaf.label for leaf in evaluator.leaves), columns, strict=True))
            yield count, look_at(evaluator, values, count * bank.block)
