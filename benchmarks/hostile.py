"""Open hostile files: `python -m benchmarks.hostile`.

Each case makes a folder with files that somebody else prepared, and then does with them what a user would: a command or
a loader. Payloads create a file when they run; headers promise sizes that no machine has; names lead elsewhere; a few
kilobytes unpack to gigabytes. Each case runs in a process of its own, whose peak of memory is measured.

Printed is a table of what each came to, and how many executed anything, wrote or deleted anything outside the run's
folder and the cache, showed a private file, hung, or took more than 600 MB; the status is 1 if one did. A minute.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.hostile_files import CASES, SECRET, Case, Ended
from benchmarks.tables import say, table
from lc_core import LCError

LONGEST = 60
"""Seconds that a case may take."""
MOST = 600_000_000
"""Bytes that a case may take beyond what was taken before it."""
ALLOWED = ("work", "cache")
"""Folders of a case in which anything may be written."""


@dataclass(frozen=True)
class Outcome:
    """What a hostile case came to.

    Attributes:
        told: What it was refused with; empty if it was taken.
        executed: Whether a payload ran.
        outside: Files outside the working folder and the cache that were written, changed or deleted.
        ended: How it ended: `refused`, `taken`, `traceback`, `hangs` or `killed`.
        bytes: Peak of memory beyond what the process had before.
    """

    told: str
    executed: bool
    outside: tuple[str, ...]
    ended: str
    bytes: int

    @property
    def faults(self) -> list[str]:
        """What it should not have done, in words."""
        found = ["executed"] * self.executed + [f"touched {one}" for one in self.outside]
        found += [self.ended] * (self.ended not in ("refused", "taken")) + ["shows"] * (SECRET in self.told)
        return found + ["takes memory"] * (self.bytes > MOST)


def attempt(case: Case, place: Path) -> Outcome:
    """Make a case in an empty folder, and run it in a process of its own."""
    for name in (*ALLOWED, "private"):
        (place / name).mkdir(parents=True)
    (place / "private" / "secret.txt").write_text(f"{SECRET}\n")
    act = case(place)
    before, told = _outside(place), place / "cache" / "told"
    number = os.fork()
    if not number:
        _act(act, place, told)
    status, usage = os.wait4(number, 0)[1:]
    code = os.waitstatus_to_exitcode(status)
    text = told.read_text() if told.is_file() else ""
    after = _outside(place)
    changed = sorted(name for name in {*before, *after} - {"executed"} if before.get(name) != after.get(name))
    ended = {0: "taken", 2: "refused", 1: "traceback", -signal.SIGALRM: "hangs"}.get(code, "killed")
    growth = usage.ru_maxrss * 1024 - (int(text.partition("\n")[0]) if text else 0)
    return Outcome(text.partition("\n")[2], (place / "executed").exists(), tuple(changed), ended, max(0, growth))


def _act(act: Callable[[], object], place: Path, told: Path) -> None:
    """Do what a user would, in a forked process, and write what came of it."""
    code = 1
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LONGEST)
    os.chdir(place / "work")
    os.environ["LC_CACHE_DIR"] = str(place / "cache")
    text = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}\n"
    try:
        told.write_text(text)
        act()
        code = 0
    except LCError as error:
        code, text = 2, text + str(error)
    except Ended as error:
        code, text = error.status, text + str(error)
    except BaseException:
        text += traceback.format_exc()
    finally:
        told.write_text(text)
        os._exit(code)


def _outside(place: Path) -> dict[str, str]:
    """Return what lies outside the folders in which anything may be written, with digests."""
    found = {}
    for path in place.rglob("*"):
        name = path.relative_to(place).as_posix()
        if name.partition("/")[0] not in ALLOWED and path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


@click.command(help=__doc__)
@click.option("--only", multiple=True, help="A case, in place of all; repeatable.")
def main(only: tuple[str, ...]) -> None:
    rows, outcomes = [], []
    with tempfile.TemporaryDirectory() as temporary:
        for at, (name, case) in enumerate(CASES.items()):
            if only and name not in only:
                continue
            place = Path(temporary) / str(at)
            one = attempt(case, place)
            shutil.rmtree(place)
            outcomes.append(one)
            rows.append((name, one.ended, f"{one.bytes / 1e6:.0f}", ", ".join(one.faults)))
            if one.faults:
                say(f"{name}: {one.faults}\n{one.told[-1500:]}")
    print(table(("case", "ended", "MB more", "faults"), rows))
    executed, outside = sum(one.executed for one in outcomes), sum(bool(one.outside) for one in outcomes)
    peak = max(one.bytes for one in outcomes) / 1e6
    print(f"{len(outcomes)} hostile files: {executed} executed, {outside} wrote outside, at most {peak:.0f} MB")
    sys.exit(1 if any(one.faults for one in outcomes) else 0)


if __name__ == "__main__":
    main()
