"""Fills a bank, by this process and others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from lc_core.bank.bank import Bank
from lc_core.common.cache import Cache
from lc_core.constraints.measurement import Measurement
from lc_core.parallel.crew import Crew
from lc_core.parallel.processes import processes
from lc_core.runs.build import load_selected
from lc_core.spec.values import Selected

__all__ = ["filled"]


def filled(
    bank: Bank, rules: Sequence[Measurement], blocks: int, selected: Selected, *, device: str, workers: int | None
) -> Iterator[tuple[int, bool]]:
    """Decode and measure what is missing of the first blocks of a bank; yield each number, and whether it was made.

    Args:
        bank: The bank.
        rules: What is measured.
        blocks: How many blocks.
        selected: Its model, as a worker process builds it.
        device: `auto`, `cpu` or `cuda`.
        workers: Processes in all; None for as many as there is room for, after some seconds.

    Raises:
        LCError: If something is at fault, or cannot be sent to a process.
    """
    others = processes(workers, bank.model.device, _filler, selected, device, bank.seed, bank.block, tuple(rules))
    missing = [number for number in range(blocks) if not bank.has(number, rules)]
    with closing(Crew(_maker(bank, rules), missing, others, asked=workers is not None)) as crew:
        wanted = set(missing)
        for number in range(blocks):
            if number in wanted:
                crew.get(number)
            yield number, number in wanted


def _filler(
    selected: Selected, device: str, seed: int, block: int, rules: tuple[Measurement, ...]
) -> Callable[[int], None]:
    """Return what makes and keeps a block, in a worker process."""
    return _maker(Bank(load_selected(selected, device=device), seed=seed, block=block, cache=Cache()), rules)


def _maker(bank: Bank, rules: Sequence[Measurement]) -> Callable[[int], None]:
    """Return what decodes and measures a block of a bank, which keeps it."""

    def make(number: int) -> None:
        bank.values(number, rules) if rules else bank.outputs(number)

    return make
