"""Ranks: processes of one run that a launcher such as torchrun, srun or Accelerate has started, on any machines.

They have nothing in common but the folder of the run. Rank r of w makes blocks r, r + w, r + 2w and so on, each a file
under `.lc/ahead`; rank 0 takes them to their places in order and writes everything else. A rank whose block does not
come for a while counts as dead, and its blocks are shared out: a block is a function of its number, so two may make it.
"""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lc_core.common.cache import Cache
from lc_core.common.files import delete_partials, unwritable, write_atomically
from lc_core.common.progress import Progress
from lc_core.errors import LCError
from lc_core.runs.block_files import block_bytes, block_path, load_block
from lc_core.runs.build import build_problem, prepare_problem, settled
from lc_core.runs.folder import (
    check_identity,
    default_path,
    identity_of,
    read_identity,
)
from lc_core.runs.writers import Maker
from lc_core.sampling.block import Block, bank_for
from lc_core.sampling.collector import Collector, Keep
from lc_core.spec.values import Spec

__all__ = ["Rank", "RankCrew", "clear_ahead", "follow", "rank_here"]

LAUNCHERS = (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS"))
"""Variables that tell a process its rank and how many there are: of torchrun and Accelerate, of srun."""
AHEAD = 4
"""Most blocks of its own that a rank makes before those in front of them are there."""
PAUSE = 0.05
"""Seconds between two looks at the folder."""
PATIENCE = 5.0
"""Least seconds after which a block that another rank should make is made here; three times what one takes, if more."""
OPENING = 600.0
"""Seconds in which rank 0 has to open the folder."""


NOTHING = Keep(lambda _: None, size=1_000, first=0)
"""For a rank that writes no files of the run."""


@dataclass(frozen=True)
class Rank:
    """Which of how many processes this one is."""

    number: int
    world: int


def rank_here() -> Rank | None:
    """Return the rank that a launcher gave this process; None if it is alone.

    Raises:
        LCError: If the launcher's variables are no numbers.
    """
    for names in LAUNCHERS:
        if all(name in os.environ for name in names):
            given = [os.environ[name] for name in names]
            if not all(one.isdigit() for one in given) or not int(given[0]) < int(given[1]):
                told = ", ".join(f"{name}={one}" for name, one in zip(names, given, strict=True))
                raise LCError(f"{told}: expected a rank, from 0, and a larger number of ranks")
            rank = Rank(*map(int, given))
            return rank if rank.world > 1 else None
    return None


class RankCrew:
    """Gives the blocks of a run in order: those that another rank has made, else made here.

    Args:
        path: The folder of the run.
        rank: This process.
        make: Makes a block.
        has: Whether the budget allows a block of a number.
    """

    def __init__(self, path: Path, rank: Rank, make: Callable[[int], Block], has: Callable[[int], bool]) -> None:
        self._path, self._rank, self._make, self._has = path, rank, make, has
        self._folder = _ahead_of(path)
        self._folder.mkdir(parents=True, exist_ok=True)
        if rank.number == 0:
            delete_partials(self._folder)
        self._slowest, self._failed, self._dead = 0.0, set[int](), set[int]()

    def get(self, number: int) -> Block:
        """Return a block.

        Raises:
            LCError: If it cannot be made.
        """
        began = time.monotonic()
        while (block := self._there(number)) is None:
            mine = self._own(number)
            late = time.monotonic() - began > max(PATIENCE, 3 * self._slowest)
            if mine is None and late:
                self._dead.add(self._whose(number))
            if mine == number or number in self._failed:
                block = self._timed(number)
                if self._rank.number:
                    self._put(number, block)
                break
            if mine is None:
                time.sleep(PAUSE)
                continue
            try:
                self._put(mine, self._timed(mine))
            except LCError:
                self._failed.add(mine)  # it is an error if the block turns out to be needed
        return block

    def close(self, last: int = -1) -> None:
        """Remove what was made ahead and is not needed: the blocks after the last one."""
        for path in self._folder.glob("*.safetensors"):
            if path.stem.isdigit() and int(path.stem) > last:
                path.unlink(missing_ok=True)
        if self._rank.number == 0:
            delete_partials(self._folder)  # of ranks that died

    def _put(self, number: int, block: Block) -> None:
        content = block_bytes(block)
        try:
            write_atomically(self._ahead(number), content)
        except FileNotFoundError:  # rank 0 took it for what a dead rank left half written
            write_atomically(self._ahead(number), content)

    def _timed(self, number: int) -> Block:
        began = time.monotonic()
        block = self._make(number)
        self._slowest = max(self._slowest, time.monotonic() - began)
        return block

    def _there(self, number: int) -> Block | None:
        for path in (self._ahead(number), block_path(self._path, number)):
            with suppress(OSError):  # rank 0 may take it away at this moment
                if (block := load_block(path, number)) is not None:
                    return block
        return None

    def _own(self, number: int) -> int | None:
        """Return the first block of this rank from `number` on that is not there; None if that is too far ahead."""
        for own in range(number, number + AHEAD * self._rank.world):
            if self._whose(own) != self._rank.number or own in self._failed or not self._has(own):
                continue
            if not (self._ahead(own).exists() or block_path(self._path, own).exists()):
                return own
        return None

    def _whose(self, number: int) -> int:
        """Return the rank that is to make a block; those of a dead one are shared out among the others."""
        rank, world = number % self._rank.world, self._rank.world
        if rank not in self._dead:
            return rank
        left = [one for one in range(world) if one not in self._dead]
        return left[number // world % len(left)]

    def _ahead(self, number: int) -> Path:
        return self._folder / f"{number:06d}.safetensors"


def clear_ahead(path: Path) -> None:
    """Remove what ranks of an earlier start left in the folder of a run, where this process goes on alone."""
    shutil.rmtree(_ahead_of(path), ignore_errors=True)


def _ahead_of(path: Path) -> Path:
    return path / ".lc" / "ahead"


def follow(
    spec: Spec,
    rank: Rank,
    *,
    out: Path | None = None,
    device: str = "auto",
    cache: Cache | None = None,
    progress: Progress = lambda _: None,
) -> None:
    """Make this rank's blocks of a run until enough is delivered or the budget is spent; rank 0 writes the run.

    Args:
        spec: A checked spec.
        rank: This process; not rank 0.
        out: The folder of the run, as of rank 0.
        device: `auto`, `cpu` or `cuda`.
        cache: Where fitted parts are kept.
        progress: Called with a line of text now and then.

    Raises:
        LCError: If rank 0 does not open the folder, or runs something else there.
    """
    problem = build_problem(spec, device=device)
    spec = settled(spec, problem.engine)
    path = out or default_path(spec)
    _wait_for_rank_0(path, identity_of(spec, problem))
    prepared = prepare_problem(problem, spec.fit, cache, progress)
    problem = replace(problem, engine=prepared.engine)
    make = Maker(problem, prepared.energy, bank_for(problem, cache, progress))
    collector = Collector(problem, keep=NOTHING)
    try:
        crew = RankCrew(path, rank, make, problem.has_block)
        for number in itertools.count():
            collector.add(crew.get(number))
            if collector.complete:
                return crew.close(number)
    except OSError as error:
        raise unwritable(path, error) from error


def _wait_for_rank_0(path: Path, identity: dict[str, str]) -> None:
    until = time.monotonic() + OPENING
    while not (held := read_identity(path)):
        if time.monotonic() > until:
            raise LCError(
                f"rank 0 has not opened {path} within {OPENING:.0f} seconds",
                hint="all ranks need one shared folder: give its path by --out, or start them in the same folder",
            )
        time.sleep(PAUSE)
    check_identity(path, held, identity, hint="give every rank the same command")
