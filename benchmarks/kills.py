"""Kill commands at random moments and go on: `python -m benchmarks.kills --kills 200`.

Each command is run once undisturbed. Then it is started in an empty folder with an empty cache, killed (SIGKILL) one to
three times, and given again until it ends. Half of the kills come after a random time, half before a random one of its
changes on the disk: a file that is opened to be written, renamed or deleted, a folder that is made. Half of those after
a time hit the command alone, half what it started too. Of commands with workers or ranks, one of these is killed too
while the command runs to its end. What is left has to be what the undisturbed command left: the same files, with the
same bytes. Only times may differ:

- keys with `seconds` in their name, in every JSON file and in `checkpoint.pt`;
- the cell Seconds of `report.html`, and the line of a model card that says how long the fit or the training took;
- `.lc/files.jsonl`, which lists the hashes of all of these.

Commands are forked from a process that has imported everything, so that kills meet work and not imports. Printed is a
table; the status is 1 if anything differs. About 5 seconds for each kill on one core. Ranks and workers need Linux.
"""

from __future__ import annotations

import importlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import click
import torch

from benchmarks.same_bytes import timeless
from benchmarks.tables import say, table
from lc_core.cli import main as lc

SPEC = """
lc: 1
model: digits.8x8
constraints: [{use: digits.digit, params: {digit: 3}}]
engine: {use: gradient, params: {block: 16, steps: 8}}
fit: {prior_samples: 1024, push_samples: 256, steps: 60, hidden: 32, rounds: 2, round_samples: 64}
sample: {count: 60, seed: 3}
render: [png]
"""
SHORT = "--set samples=2048 --set compositions=8 --steps 30"
COMMANDS = {
    "sample": "sample spec.yaml --out out",
    "bank": "bank spec.yaml --samples 200000",
    "fit": "fit spec.yaml --engine actor --out out",
    "amortise": f"amortise digits.8x8 --rules digits.digit {SHORT} --out out",
    "train": "train digits.8x8 --steps 600 --set realism_steps=40 --out out",
    "transform": "transform spec.yaml --input 0.png 1.png 2.png --out out",
}
"""What is killed; of `bank`, the columns in the cache are compared."""
LONGER = {
    "sample --workers 2": "sample spec.yaml --out out --set render=[] --count 5000 --workers 2",
    "bank --workers 2": "bank spec.yaml --samples 500000 --workers 2",
    "transform --workers 2": "transform spec.yaml --out out --set engine.params.block=1 --set render=[] --workers 2"
    f" --input{300 * ' 0.png'}",
    "sample, 2 ranks": "sample spec.yaml --out out --set render=[] --count 1000",
}
"""What has more processes than one, and takes long enough that all of them have something to do."""
MODULES = (
    *(f"lc_core.cli.{name}" for name in COMMANDS),
    *(f"lc_core.{name}" for name in ("actors.folder", "bank.bank", "runs.sample", "runs.transform", "sampler")),
    *("lc_plugins.digits.train", "lc_plugins.digits.judge", "sklearn.datasets"),
)
TIMES = re.compile(r"(?m)^(Fit: .*|\d+ steps? in .*|.* for the VAE and .*|<div><dt>Seconds</dt>.*)$")
"""Lines of cards and pages that tell times."""
EVENTS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")
"""What Python tells of before it changes something on the disk."""
CHANGES = "changes.txt"
"""File in which a command's changes on the disk are counted."""


@dataclass
class Survived:
    """What became of a command that was killed.

    Attributes:
        kills: How often it was killed while it ran.
        rounds: How often it was begun in an empty folder.
        finished: In how many rounds it ended with status 0.
        differing: Files that differ, with the round.
    """

    kills: int = 0
    rounds: int = 0
    finished: int = 0
    differing: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether every round ended with the same bytes."""
        return self.finished == self.rounds and not self.differing


def survive(words: str, kills: int, folder: Path, rng: random.Random, *, ranks: int = 1) -> Survived:
    """Kill a command so many times, and compare what it leaves in the end with what it leaves undisturbed.

    Args:
        words: The command, without `lc`.
        kills: How many kills.
        folder: An empty folder to work in.
        rng: Draws the moments.
        ranks: Processes that a launcher starts with it.
    """
    found, began = Survived(), time.monotonic()
    process = Started(words, folder / "undisturbed", ranks=ranks)
    status = process.wait()
    longest, changes = time.monotonic() - began, int((folder / "undisturbed" / CHANGES).read_text())
    expected = dict(left(folder / "undisturbed"))
    if status or not expected:
        raise click.ClickException(f"undisturbed, lc {words} ended with status {status}: {process.said()}")
    while found.kills < kills:
        place = folder / f"round-{found.rounds}"
        for _ in range(min(rng.randint(1, 3), kills - found.kills)):
            if rng.random() < 0.5:
                killed = Started(words, place, last=rng.randrange(changes), ranks=ranks).wait() == -signal.SIGKILL
            else:
                process, alone = Started(words, place, ranks=ranks), rng.random() < 0.5
                killed = process.killed_after(rng.uniform(0, longest), alone=alone)
            if not killed:
                break
            found.kills += 1
        process = Started(words, place, ranks=ranks)
        if ranks > 1 or "--workers" in words:
            found.kills += process.loses_one(rng.uniform(0, longest), rng)
        status = process.wait()
        found.finished += status == 0
        here = dict(left(place))
        names = sorted(name for name in {*here, *expected} if here.get(name) != expected.get(name))
        found.differing += [f"round {found.rounds}: {name}" for name in names]
        if status or names:
            say(f"lc {words}, round {found.rounds}: status {status}, differing: {names}\n{process.said()}")
        found.rounds += 1
        shutil.rmtree(place, ignore_errors=True)
    return found


class Started:
    """A command in a process, and a session, of its own.

    Args:
        words: The command, without `lc`.
        place: Folder that it works in, with a cache folder there.
        last: So many changes on the disk it makes, and is killed before the next; None for no end.
        ranks: How many processes of it there are in this session, as a launcher starts them; it is rank 0.
    """

    def __init__(self, words: str, place: Path, *, last: int | None = None, ranks: int = 1) -> None:
        if not place.exists():
            _fill(place)
        self._log = place / "said.txt"
        self.number = os.fork()
        if not self.number:
            _run(words, place, self._log, last, ranks)

    def wait(self) -> int:
        """Return its status once it ended, and end what it left behind."""
        status = os.waitstatus_to_exitcode(os.waitpid(self.number, 0)[1])
        self._end_all()
        return status

    def killed_after(self, seconds: float, *, alone: bool) -> bool:
        """Kill it after a time, alone or with what it started; return whether it still ran."""
        if self._ends_within(seconds):
            self.wait()
            return False
        if not alone:
            self._end_all()
        os.kill(self.number, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(self.number, 0)[1]) == -signal.SIGKILL

    def loses_one(self, seconds: float, rng: random.Random) -> bool:
        """Kill one of the processes that it started, a worker or a rank, after a time; return whether there was one."""
        if self._ends_within(seconds):
            return False
        others = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, _, group = path.read_text().rpartition(")")[2].split()[:3]
                if int(group) == self.number and state != "Z":
                    others.append(int(path.parent.name))
        others = [one for one in others if one != self.number]
        if others:
            with suppress(ProcessLookupError):
                os.kill(rng.choice(sorted(others)), signal.SIGKILL)
        return bool(others)

    def _ends_within(self, seconds: float) -> bool:
        """Return whether it ends within a time."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if os.waitid(os.P_PID, self.number, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return True
            time.sleep(min(left, 0.002))
        return False

    def said(self) -> str:
        """Return the end of what it said."""
        return self._log.read_text(errors="replace")[-2_000:]

    def _end_all(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.number, signal.SIGKILL)  # its session holds what it started, and nothing else


def _run(words: str, place: Path, log: Path, last: int | None, ranks: int) -> NoReturn:
    """Run a command in a process that was forked for it, and in others where it has ranks."""
    status, rank, others = 1, 0, list[int]()
    try:
        os.setsid()
        for number in range(1, ranks):
            others.append(os.fork())
            if not others[-1]:
                rank, others = number, []
                break
        if ranks > 1:
            os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(ranks)}
        os.chdir(place)
        os.environ["LC_CACHE_DIR"] = str(place / "cache")
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
        sys.argv = ["lc", *words.split()]
        counted = [] if rank else _counting(place, last)
        try:
            lc(sys.argv[1:])
        finally:
            if not rank:
                (place / CHANGES).write_text(str(len(counted)))
            for number in others:
                os.waitpid(number, 0)
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _counting(place: Path, last: int | None) -> list[str]:
    """Have changes below a folder listed, and this process killed before the one after the last that it may make."""
    found: list[str] = []
    writing = os.O_WRONLY | os.O_RDWR

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in EVENTS or (event == "open" and not arguments[2] & writing):
            return
        if isinstance(arguments[0], int):  # a pipe that is open already
            return
        if not str(os.path.abspath(os.fsdecode(arguments[0]))).startswith(str(place)):
            return
        if len(found) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        found.append(event)

    sys.addaudithook(hook)
    return found


def _fill(place: Path) -> None:
    """Write what the commands read: a spec and three pictures."""
    import numpy as np
    from PIL import Image

    place.mkdir(parents=True)
    (place / "spec.yaml").write_text(SPEC)
    rng = np.random.default_rng(0)
    for number in range(3):
        Image.fromarray(rng.integers(0, 256, (8, 8), dtype=np.uint8)).save(place / f"{number}.png")


def left(place: Path) -> Iterator[tuple[str, Any]]:
    """Yield name and content of what a command leaves, without times: its folder, or the columns of its bank."""
    out = place / "out" if (place / "out").is_dir() else place / "cache"
    pattern = "**/*" if out.name == "out" else "bank-*/*.bank"
    for path in sorted(one for one in out.glob(pattern) if one.is_file()):
        name = path.relative_to(out)
        if name.parts[0] == ".lc":
            if path.name not in ("files.jsonl", "lock"):
                yield str(name), None  # nothing else is left there
        elif path.suffix == ".json":
            yield str(name), timeless(path.read_text(encoding="utf-8"))
        elif path.suffix in (".md", ".html"):
            yield str(name), TIMES.sub("", path.read_text(encoding="utf-8"))
        elif path.suffix == ".pt":
            yield str(name), _plain(torch.load(path, weights_only=True))
        else:
            yield str(name), path.read_bytes()


def _plain(node: Any) -> Any:
    """Return what a checkpoint holds without times, as values that can be compared."""
    if isinstance(node, dict):
        return {key: _plain(one) for key, one in node.items() if "seconds" not in str(key)}
    if isinstance(node, list | tuple):
        return [_plain(one) for one in node]
    return (str(node.dtype), node.tolist()) if isinstance(node, torch.Tensor) else node


def import_all() -> None:
    """Import what the commands import, so that each fork has it."""
    for name in MODULES:
        importlib.import_module(name)


@click.command(help=__doc__)
@click.option("--kills", default=200, show_default=True, help="How many kills, shared out over the commands.")
@click.option("--seed", default=0, show_default=True, help="Of the moments.")
@click.option("--only", multiple=True, help="A command, in place of all; repeatable.")
def main(kills: int, seed: int, only: Sequence[str]) -> None:
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # of workers
    import_all()
    chosen = {name: words for name, words in {**COMMANDS, **LONGER}.items() if not only or name in only}
    results: dict[str, Survived] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for at, (name, words) in enumerate(chosen.items()):
            share, folder = kills * (at + 1) // len(chosen) - kills * at // len(chosen), Path(temporary) / str(at)
            results[name] = survive(
                words, share, folder, random.Random(f"{seed}/{name}"), ranks=1 + name.endswith("ranks")
            )
            say(f"{name}: {results[name].kills} kills, {results[name].rounds} rounds")
    rows = [
        (name, one.kills, one.rounds, one.finished, one.rounds - len({line.split(":")[0] for line in one.differing}))
        for name, one in results.items()
    ]
    rows.append(("all", *(sum(row[at] for row in rows) for at in range(1, 5))))
    print(table(("command", "kills", "rounds", "finished", "identical"), rows))
    sys.exit(0 if all(one.well for one in results.values()) else 1)


if __name__ == "__main__":
    main()
