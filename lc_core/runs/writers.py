"""Worker processes of a run: each builds what the spec names, finds the fits in the cache, and makes blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lc_core.bank.bank import Bank
from lc_core.common.cache import Cache
from lc_core.errors import LCError
from lc_core.parallel.crew import Others
from lc_core.parallel.processes import processes
from lc_core.parallel.ray_workers import RayWorkers
from lc_core.runs.build import build_problem, prepare_problem, settled
from lc_core.runs.folder import differing, identity_of
from lc_core.sampling.block import Block, bank_for, run_block
from lc_core.sampling.problem import Problem
from lc_core.spec.values import Spec

if TYPE_CHECKING:
    from lc_core.energy.energy import Energy

__all__ = ["Maker", "writers"]


def writers(
    spec: Spec,
    problem: Problem,
    *,
    device: str,
    identity: dict[str, str],
    workers: int | None,
    cluster: str | None = None,
) -> Others | None:
    """Return processes that make blocks of a run beside this one; None if there are to be none.

    Args:
        spec: A checked spec.
        problem: What it asks, in this process.
        device: `auto`, `cpu` or `cuda`.
        identity: Of the run: a worker whose own is another one makes nothing.
        workers: Processes in all, with this one; None for as many as there is room for. On a cluster, workers there.
        cluster: A Ray cluster, `ray` or `ray://HOST:PORT`; None for processes on this machine.

    Raises:
        LCError: If a plugin of the spec cannot be sent to a process, or there is no such cluster.
    """
    if cluster is not None:
        return RayWorkers(cluster, workers, _writer, spec, device, identity)
    return processes(workers, problem.model.device, _writer, spec, device, identity)


def _writer(spec: Spec, device: str, identity: dict[str, str]) -> Callable[[int], Block]:
    """Return what makes blocks, in a worker process."""
    problem = build_problem(spec, device=device)
    if names := differing(identity, identity_of(settled(spec, problem.engine), problem)):
        raise LCError(f"a worker process differs from the command in {', '.join(names)}: nothing is sampled there")
    cache = Cache()
    prepared = prepare_problem(problem, spec.fit, cache, lambda _: None)
    problem = replace(problem, engine=prepared.engine)
    bank = bank_for(problem, cache)
    return lambda number: run_block(problem, prepared.energy, number, bank)


class Maker:
    """Makes blocks in this process, and says which may be given to others.

    These are blocks of the engine that would run the rest of the tries, once one of them is made here: exact tries
    before it take no time, and its first block may have to fit something first.
    """

    def __init__(self, problem: Problem, energy: Energy | None, bank: Bank | None) -> None:
        self._problem, self._energy, self._bank = problem, energy, bank
        self._last = type(problem.engine.part(problem.budget)[0])
        self._begun = False

    def __call__(self, number: int) -> Block:
        """Make a block."""
        block = run_block(self._problem, self._energy, number, self._bank)
        self._begun = self._begun or self._is_last(number)
        return block

    def may(self, number: int) -> bool:
        """Return whether others may make a block."""
        return self._begun and self._is_last(number)

    def _is_last(self, number: int) -> bool:
        return type(self._problem.engine.part(number)[0]) is self._last
