"""Read random specs and files: `python -m benchmarks.fuzz --cases 20000`.

Each case is made by hypothesis: a spec that the JSON Schema allows with something changed at any level, text made of
pieces of YAML, or a file of a format that is read with some bytes changed: MIDI, PNG, JPEG, IDX, CSV, safetensors,
`.npy`, the files of a run, of an actor and of the cache. Its reader has to take it, or to raise an `LCError` that names
the file. Anything else is a failure, and so is a case that takes longer than 30 seconds. One case in twenty goes
through the command line, which must not print a traceback.

Printed is a table, and the first case of each kind of failure; the status is 1 if there is one. About 15 minutes.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import click
import hypothesis
from click.testing import CliRunner
from hypothesis import strategies as st

from benchmarks.fuzz_readers import READERS, Reader
from benchmarks.tables import say, table
from lc_core import LCError
from lc_core.cli import main as lc

LONGEST = 30
"""Seconds that a case may take."""
BY_COMMAND = 20
"""One case in so many goes through the command line too, where there is a command for it."""


class Hangs(BaseException):
    """A case took too long."""


@dataclass
class Fuzzed:
    """What became of the cases of one format.

    Attributes:
        cases: How many there were.
        taken: How many were read.
        failures: What went wrong, with the first case of each kind.
    """

    cases: int = 0
    taken: int = 0
    failures: dict[str, str] = field(default_factory=dict)


def check(reader: Reader, rng: Random, found: Fuzzed) -> None:
    """Make a case and have it read.

    Args:
        reader: What makes and reads it.
        rng: Draws.
        found: Takes what becomes of it.
    """
    found.cases += 1
    path = reader.write(rng)
    try:
        with limit():
            reader.read(path)
        found.taken += 1
    except LCError as error:
        if not (set(reader.names(path)) & set(_words(str(error)))):
            found.failures.setdefault("names no file", f"{path.name}: {str(error)[:300]}")
    except Hangs:
        found.failures.setdefault(f"takes longer than {LONGEST} s", _shown(path))
    except Exception as error:
        found.failures.setdefault(f"{type(error).__name__} in {_where(error)}", f"{str(error)[:200]}\n{_shown(path)}")
    if reader.command and found.cases % BY_COMMAND == 0:
        with limit():
            result = CliRunner().invoke(lc, [one.replace("FILE", str(path)) for one in reader.command])
        if result.exit_code not in (0, 2, 3) or "Traceback" in result.output:
            found.failures.setdefault(f"lc {reader.command[0]}", f"{result.output[-500:]}\n{_shown(path)}")


def _words(text: str) -> Iterator[str]:
    """Yield the paths and names in a message, without what stands around them."""
    for word in text.split():
        bare = word.strip(",;:()'\"")
        yield from (bare, bare.partition(":")[0], Path(bare.partition(":")[0]).name)


def _where(error: BaseException) -> str:
    """Return the innermost line of this project that an error came through."""
    frames = [
        one
        for one in traceback.extract_tb(error.__traceback__)
        if "lc_core" in one.filename or "lc_plugins" in one.filename
    ]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "no line of lc"


def _shown(path: Path) -> str:
    if path.is_dir():
        return _shown(max((one for one in path.rglob("*") if one.is_file()), key=lambda one: one.stat().st_mtime_ns))
    return f"{path.name}: {path.read_bytes()[:600]!r}"


@contextmanager
def limit() -> Iterator[None]:
    """Raise `Hangs` in what takes too long."""

    def ring(*_: Any) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, LONGEST)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fuzz(reader: Reader, cases: int, seed: int) -> Fuzzed:
    """Read so many cases of one format."""
    found = Fuzzed()

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(st.randoms(use_true_random=False))
    def run(rng: Random) -> None:
        check(reader, rng, found)

    run()
    return found


@click.command(help=__doc__)
@click.option("--cases", default=20_000, show_default=True, help="How many cases, shared out over the formats.")
@click.option("--seed", default=0, show_default=True, help="Of the cases.")
@click.option("--only", multiple=True, help="A format, in place of all; repeatable.")
def main(cases: int, seed: int, only: tuple[str, ...]) -> None:
    chosen = {name: one for name, one in READERS.items() if not only or name in only}
    weight = sum(one.weight for one in chosen.values())
    rows, failures = [], 0
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["LC_CACHE_DIR"] = f"{temporary}/kept"
        for name, reader in chosen.items():
            place = Path(temporary) / name
            place.mkdir()
            found = fuzz(reader(place), max(1, round(cases * reader.weight / weight)), seed)
            rows.append((name, found.cases, found.taken, len(found.failures)))
            failures += len(found.failures)
            say(f"{name}: {found.cases:,} cases")
            for kind, first in found.failures.items():
                say(f"  {kind}\n    {first}")
    rows.append(("all", *(sum(row[at] for row in rows) for at in (1, 2, 3))))
    print(table(("format", "cases", "read", "kinds of failure"), rows))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
